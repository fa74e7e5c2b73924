package login_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

// named finds the one account of the world by any name.
type named struct{ err error }

func (n named) AddressOf(context.Context, login.Name) (email.Address, error) {
	return "demo@erp.test", n.err
}

func TestAnAdministratorLinksByHand(t *testing.T) {
	erp := login.Identity{Issuer: "https://erp.test", Subject: "4711"}
	tests := map[string]struct {
		who     login.Identity
		account func(*login.Account)
		links   []login.Link
		ours    bool
		byID    string
		unnamed error
		want    error
		cut     int
		made    int
	}{
		"somebody's account":           {who: erp, cut: 1, made: 1},
		"one that was made here":       {who: erp, ours: true, made: 1},
		"by its id":                    {who: erp, byID: userID, cut: 1, made: 1},
		"a privileged one, on purpose": {who: erp, account: func(a *login.Account) { a.Roles = []string{"system_admin"} }, cut: 1, made: 1},
		"a bot's":                      {who: erp, account: func(a *login.Account) { a.Bot = true }, want: login.ErrConflict},
		"another server's":             {who: erp, account: func(a *login.Account) { a.Remote = true }, want: login.ErrConflict},
		"an identity with another one": {who: erp, links: []login.Link{{Issuer: erp.Issuer, Subject: erp.Subject, UserID: danaID}}, want: login.ErrConflict},
		"what is linked already":       {who: erp, links: []login.Link{{Issuer: erp.Issuer, Subject: erp.Subject, UserID: userID}}},
		"nobody's account":             {who: erp, byID: danaID, want: login.ErrUnknown},
		"Mattermost is away":           {who: erp, unnamed: upstream.ErrUnavailable, want: upstream.ErrUnavailable},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			if tc.account != nil {
				a := w.accounts[userID]
				tc.account(&a)
				w.accounts[userID] = a
			}
			if tc.ours {
				w.created = append(w.created, "demo@erp.test")
			}
			w.links = tc.links
			var told []login.Link
			service := w.service(func(o *login.Options) {
				o.Accounts = named{tc.unnamed}
				o.Linked = func(_ context.Context, l login.Link, _ bool) { told = append(told, l) }
			})
			account := login.Name{Kind: login.ByEmail, Value: "demo@erp.test"}
			if tc.byID != "" {
				account = login.Name{Kind: login.ByID, Value: tc.byID}
			}
			link, err := service.Link(t.Context(), tc.who, account)
			if !errors.Is(err, tc.want) || len(w.cut) != tc.cut || len(told) != tc.made {
				t.Errorf("err = %v, cut off %q, told of %v", err, w.cut, told)
			}
			if err == nil && (link.UserID != userID || link.Issuer != erp.Issuer || link.Subject != erp.Subject) {
				t.Errorf("linked %+v", link)
			}
		})
	}
}

func TestALinkNeedsAnIdentity(t *testing.T) {
	for _, who := range []login.Identity{{Issuer: "i"}, {Subject: "s"}, {Issuer: "i", Subject: "a b"}} {
		var invalid *login.Invalid
		if _, err := newWorld().service().Link(t.Context(), who, login.Name{}); !errors.As(err, &invalid) {
			t.Errorf("%+v: %v", who, err)
		}
	}
}

func TestUnlinkingEndsWhatTheLinkOpened(t *testing.T) {
	w := newWorld()
	k := &keeping{recordsOf: recordsOf{w}}
	service := w.service(func(o *login.Options) { o.Records = k })
	if err := service.Unlink(t.Context(), "i", "s"); !errors.Is(err, login.ErrUnknown) {
		t.Errorf("no such link: %v", err)
	}
	w.links = []login.Link{{Issuer: "i", Subject: "s", UserID: userID}}
	if err := service.Unlink(t.Context(), "i", "s"); err != nil || len(w.links) > 0 {
		t.Errorf("%v, left %v", err, w.links)
	}
	if diff := cmp.Diff([]login.Identity{{Issuer: "i", Subject: "s"}}, k.endedOf); diff != "" {
		t.Error(diff)
	}
	w.links = []login.Link{{Issuer: "i", Subject: "s", UserID: userID}}
	broken := w.service(func(o *login.Options) { o.Records = away{recordsOf{w}} })
	if err := broken.Unlink(t.Context(), "i", "s"); !errors.Is(err, login.ErrStoreUnavailable) {
		t.Errorf("sessions that cannot be ended: %v", err)
	}
}
