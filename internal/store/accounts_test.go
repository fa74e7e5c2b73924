package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/login"
	"matterpass/internal/mint"
)

func (f *fixture) link(subject, user, by string) login.Link {
	return login.Link{Issuer: "erp", Subject: subject, UserID: user, By: by, Created: f.clock.now()}
}

func TestLinksAreFoundAndRemoved(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		first, second := f.link("42", "dana", login.LinkedBySignIn), f.link("43", "dana", login.LinkedByAdmin)
		wantErr(t, f.AddLink(ctx, first), nil)
		wantErr(t, f.AddLink(ctx, second), nil)
		got, err := f.FindLink(ctx, "erp", "42")
		if diff := cmp.Diff(first, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		all, err := f.LinksOf(ctx, "dana")
		if diff := cmp.Diff([]login.Link{first, second}, all); diff != "" || err != nil {
			t.Error(err, diff)
		}
		wantErr(t, f.RemoveLink(ctx, "erp", "42"), nil)
		wantErr(t, f.RemoveLink(ctx, "erp", "42"), login.ErrUnknown)
		_, err = f.FindLink(ctx, "erp", "42")
		wantErr(t, err, login.ErrUnknown)
	})
}

func TestWhoMayBeLinked(t *testing.T) {
	cases := map[string]struct {
		subject, user, by string
		want              error
	}{
		"the same once more":                      {"42", "dana", login.LinkedBySignIn, nil},
		"the same by an administrator":            {"42", "dana", login.LinkedByAdmin, nil},
		"an identity that has another account":    {"42", "erin", login.LinkedBySignIn, login.ErrConflict},
		"… not even by an administrator":          {"42", "erin", login.LinkedByAdmin, login.ErrConflict},
		"an account that has an identity":         {"43", "dana", login.LinkedBySignIn, login.ErrConflict},
		"… by provisioning":                       {"43", "dana", login.LinkedByProvision, login.ErrConflict},
		"… by an administrator":                   {"43", "dana", login.LinkedByAdmin, nil},
		"an account that an administrator linked": {"45", "frank", login.LinkedBySignIn, login.ErrConflict},
		"neither is known":                        {"46", "grace", login.LinkedBySignIn, nil},
	}
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				f.clear(t, "links")
				wantErr(t, f.AddLink(ctx, f.link("42", "dana", login.LinkedBySignIn)), nil)
				wantErr(t, f.AddLink(ctx, f.link("44", "frank", login.LinkedByAdmin)), nil)
				wantErr(t, f.AddLink(ctx, f.link(c.subject, c.user, c.by)), c.want)
			})
		}
	})
}

func TestOneOfAHundredIdentitiesTakesAnAccount(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		take := func(i int) error { return f.AddLink(ctx, f.link(fmt.Sprint(i), "dana", login.LinkedBySignIn)) }
		if won := race(t, take, login.ErrConflict); won != 1 {
			t.Errorf("%d identities have the account", won)
		}
		give := func(i int) error { return f.AddLink(ctx, f.link("erin", fmt.Sprint(i), login.LinkedByProvision)) }
		if won := race(t, give, login.ErrConflict); won != 1 {
			t.Errorf("the identity has %d accounts", won)
		}
		same := func(int) error { return f.AddLink(ctx, f.link("frank", "frank", login.LinkedBySignIn)) }
		if won := race(t, same, nil); won != 100 {
			t.Errorf("%d of 100 equal links went well", won)
		}
	})
}

func TestAPasswordIsReplacedByWhoKnowsTheLastOne(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		none, err := f.FindPassword(ctx, "dana")
		if none != (mint.Password{UserID: "dana"}) || err != nil {
			t.Fatal(none, err)
		}
		first := mint.Password{UserID: "dana", Kid: "m1", Generation: 1}
		wantErr(t, f.MarkCreated(ctx, "dana", "dana@erp.test"), nil)
		save := func(int) error { return f.SavePassword(ctx, none, first) }
		if won := race(t, save, login.ErrConflict); won != 1 {
			t.Errorf("%d saved a first password", won)
		}
		next := mint.Password{UserID: "dana", Kid: "m2", Generation: 2}
		wantErr(t, f.SavePassword(ctx, next, first), login.ErrConflict)
		wantErr(t, f.SavePassword(ctx, first, next), nil)
		wantErr(t, f.SavePassword(ctx, first, next), login.ErrConflict)
		stranger := mint.Password{UserID: "erin", Kid: "m1", Generation: 1}
		wantErr(t, f.SavePassword(ctx, stranger, stranger), login.ErrConflict)
		if got, err := f.FindPassword(ctx, "dana"); got != next || err != nil {
			t.Errorf("FindPassword = %v, %v", got, err)
		}
		if made, _ := f.IsCreated(ctx, account("dana")); !made {
			t.Error("who made the account was forgotten")
		}
	})
}

func TestATurnIsTakenOnceInAWhile(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		take := func(user, what string) bool {
			ok, err := f.TakeTurn(ctx, user, what, time.Hour)
			if err != nil {
				t.Error(err)
			}
			return ok
		}
		refused := context.Canceled
		once := func(int) error {
			if !take("dana", "unlock") {
				return refused
			}
			return nil
		}
		if won := race(t, once, refused); won != 1 {
			t.Errorf("%d took the turn", won)
		}
		if !take("dana", "other") || !take("erin", "unlock") {
			t.Error("another turn was refused")
		}
		f.clock.advance(time.Hour - time.Millisecond)
		if take("dana", "unlock") {
			t.Error("taken again too early")
		}
		f.clock.advance(time.Millisecond)
		if !take("dana", "unlock") {
			t.Error("refused after an hour")
		}
	})
}

func TestTheFirstPinStays(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		if kept, err := f.Pinned(ctx, "mint"); kept != "" || err != nil {
			t.Fatal(kept, err)
		}
		if kept, err := f.Pinned(ctx, "epoch"); kept != "" || err != nil {
			t.Fatal("a fact of the store's own is a pin", kept, err)
		}
		kept := make([]string, 100)
		race(t, func(i int) (err error) {
			kept[i], err = f.Pin(ctx, "mint", fmt.Sprint("way", i))
			return err
		}, nil)
		for _, k := range kept {
			if k == "" || k != kept[0] {
				t.Fatalf("pinned both %q and %q", kept[0], k)
			}
		}
	})
}
