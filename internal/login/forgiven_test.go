package login_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

// TestAProofGivesTriesAgainOnlyWhereMattermostDoes: its own count goes on otherwise,
// and leads to its lock.
func TestAProofGivesTriesAgainOnlyWhereMattermostDoes(t *testing.T) {
	tests := map[string]struct {
		hashes   bool
		unlocker login.Unlocker
		forgiven bool
	}{
		"a password was checked":      {hashes: true, forgiven: true},
		"Mattermost's count is reset": {unlocker: unlocks(func() error { return nil }), forgiven: true},
		"it cannot be reset now":      {unlocker: unlocks(func() error { return upstream.ErrTimeout })},
		"nobody can reset it":         {},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w, counts := newWorld(), newFailures()
			service := w.service(func(o *login.Options) {
				o.Failures, o.Unlocker, o.MintHashes = counts, tc.unlocker, func() bool { return tc.hashes }
			})
			end, _ := counts.Begin(t.Context(), "demo@erp.test", 6)
			end(login.Counted)
			if _, err := service.WithProof(t.Context(), demo(), visit()); err != nil {
				t.Fatal(err)
			}
			if counts.Any(t.Context(), "demo@erp.test") == tc.forgiven {
				t.Errorf("forgiven: %v, want %v", !tc.forgiven, tc.forgiven)
			}
		})
	}
}

type unlocks func() error

func (f unlocks) Unlock(context.Context, email.Address) error { return f() }

// TestCodesWithAProofStopOneShortOfTheLock where Mattermost counts them.
func TestCodesWithAProofStopOneShortOfTheLock(t *testing.T) {
	for name, tc := range map[string]struct {
		hashes bool
		minted int
	}{"a password is checked": {true, 9}, "a plugin counts itself": {false, 20}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			account := w.accounts[userID]
			account.MFA = true
			w.accounts[userID] = account
			w.mint = func(login.Minting) (login.Session, error) {
				return login.Session{}, &login.Refusal{Reason: "mfa", NeedsCode: true, Counted: true}
			}
			service := w.service(func(o *login.Options) { o.MintHashes = func() bool { return tc.hashes } })
			for i := range 20 {
				p, v := demo(), visit()
				p.ID, v.Code = fmt.Sprint(i), "000000"
				_, err := service.WithProof(t.Context(), p, v)
				var spent *login.Spent
				if errors.As(err, &spent) != (i < tc.minted) {
					t.Errorf("code %d: %v", i, err)
				}
			}
			if len(w.minted) != tc.minted {
				t.Errorf("%d codes were looked at, want %d", len(w.minted), tc.minted)
			}
		})
	}
}

func TestWhatNeverBecameAProofIsWrittenDown(t *testing.T) {
	w := newWorld()
	service := w.service()
	from := visit().Client
	service.Unproven(t.Context(), login.ByTicket, from, login.ErrSpent)
	service.Unproven(t.Context(), login.ByTicket, from, errors.New("in a page of another origin"))
	if len(w.outcomes) != 2 || w.outcomes[0].Result != "spent" || w.outcomes[1].Result != "refused" || w.outcomes[1].Client != from {
		t.Errorf("%+v", w.outcomes)
	}
}
