package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/login"
	"matterpass/internal/ticket"
)

func (f *fixture) use(key, owner string) error {
	return f.Once().Spend(context.Background(), login.Spending{
		Key: key, Owner: owner, IssuedAt: f.clock.now().Add(time.Second), Until: f.clock.now().Add(time.Minute),
	})
}

func TestOneOfAHundredSpendsAProof(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		if won := race(t, func(int) error { return f.use("erp jti-1", "") }, login.ErrSpent); won != 1 {
			t.Errorf("%d spent the same proof", won)
		}
		if err := f.use("erp jti-2", ""); err != nil {
			t.Errorf("another proof: %v", err)
		}
		wantErr(t, f.use(strings.Repeat("x", 10_000), ""), nil)
	})
}

func TestOneOfAHundredSpendsAProofWhileKeysRotate(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		instances := []*fixture{f, f.with("k2", "k1"), f.with("k1", "k2")}
		if won := race(t, func(i int) error { return instances[i%3].use("jti", "") }, login.ErrSpent); won != 1 {
			t.Errorf("%d spent the same proof", won)
		}
	})
}

func TestAnOwnerMaySpendAgainAndNobodyElse(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		wantErr(t, f.use("jti", "browser one"), nil)
		wantErr(t, f.use("jti", "browser one"), nil)
		wantErr(t, f.with("k2", "k1").use("jti", "browser one"), nil)
		wantErr(t, f.use("jti", "browser two"), login.ErrSpent)
		wantErr(t, f.use("jti", ""), login.ErrSpent)
		wantErr(t, f.use("other", ""), nil)
		wantErr(t, f.use("other", "browser one"), login.ErrSpent)
	})
}

func TestWhatWasIssuedBeforeTheMemoryBeginsIsSpent(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		at := func(issued time.Duration) error {
			return f.Once().Spend(context.Background(), login.Spending{
				Key: issued.String(), IssuedAt: f.clock.now().Add(issued), Until: f.clock.now().Add(time.Minute),
			})
		}
		wantErr(t, at(-time.Millisecond), login.ErrSpent)
		wantErr(t, at(0), nil)
	})
}

func someTicket(c *clock) ticket.Ticket {
	return ticket.Ticket{
		Identity: login.Identity{
			Issuer: "erp", Subject: "42", Email: "dana@example.com", EmailVerified: true, Name: "Dana “D” Ø", SID: "s", MultiFactor: true,
		},
		Origin: "https://erp.example.com", Target: "/erp/channels/town-square",
		Created: c.now(), Expires: c.now().Add(time.Minute),
	}
}

func TestATicketComesBackAsItWasPut(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx, want := context.Background(), someTicket(f.clock)
		wantErr(t, f.Tickets().Put(ctx, ticket.Digest{1}, want), nil)
		got, err := f.with("k2", "k1").Tickets().Get(ctx, ticket.Digest{1})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		wantErr(t, f.Tickets().Put(ctx, ticket.Digest{1}, want), login.ErrConflict)
		_, err = f.Tickets().Get(ctx, ticket.Digest{2})
		wantErr(t, err, login.ErrUnknown)
	})
}

func TestOneOfAHundredRedeemsATicket(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		wantErr(t, f.Tickets().Put(ctx, ticket.Digest{1}, someTicket(f.clock)), nil)
		instances := []*fixture{f, f.with("k2", "k1")}
		redeem := func(i int) error { return instances[i%2].Tickets().Spend(ctx, ticket.Digest{1}) }
		if won := race(t, redeem, login.ErrSpent); won != 1 {
			t.Errorf("%d redeemed the same ticket", won)
		}
		_, err := f.Tickets().Get(ctx, ticket.Digest{1})
		wantErr(t, err, login.ErrUnknown)
	})
}

func TestATicketThatIsOverOpensNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		wantErr(t, f.Tickets().Put(ctx, ticket.Digest{1}, someTicket(f.clock)), nil)
		f.clock.advance(time.Minute)
		_, err := f.Tickets().Get(ctx, ticket.Digest{1})
		wantErr(t, err, login.ErrUnknown)
		f.clock.advance(time.Minute)
		wantErr(t, f.Tickets().Spend(ctx, ticket.Digest{1}), login.ErrSpent)
		wantErr(t, f.Tickets().Spend(ctx, ticket.Digest{9}), login.ErrSpent)
	})
}

// The ticket of somebody who stands in line at nine in the morning.
func TestATicketThatWasShownInTimeMayWaitAMinute(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		wantErr(t, f.Tickets().Put(ctx, ticket.Digest{1}, someTicket(f.clock)), nil)
		f.clock.advance(90 * time.Second)
		wantErr(t, f.Purge(ctx, f.clock.now()), nil)
		wantErr(t, f.Tickets().Spend(ctx, ticket.Digest{1}), nil)
		wantErr(t, f.Tickets().Spend(ctx, ticket.Digest{1}), login.ErrSpent)
	})
}

func TestATicketSealedWithALostKeyIsAnErrorAndNoTicket(t *testing.T) {
	f := newFixture(t, inMemory)
	wantErr(t, f.Tickets().Put(context.Background(), ticket.Digest{1}, someTicket(f.clock)), nil)
	if _, err := f.exec(context.Background(), "test", `UPDATE tickets SET sealed_by = 'lost'`); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tickets().Get(context.Background(), ticket.Digest{1}); !errors.Is(err, errSealed) {
		t.Errorf("Get() = %v", err)
	}
}
