package store

import (
	"context"
	"testing"
	"time"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/mint"
)

// account is one with an address of its own.
func account(id string) login.Account {
	return login.Account{User: login.User{ID: id, Email: email.Address(id + "@erp.test")}}
}

func TestAnAccountIsOursWhileItHasTheAddressItWasMadeWith(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		wantErr(t, f.SavePassword(ctx, mint.Password{UserID: "erin"}, mint.Password{UserID: "erin", Kid: "m1"}), nil)
		wantErr(t, f.MarkCreated(ctx, "dana", "dana@erp.test"), nil)
		wantErr(t, f.MarkCreated(ctx, "dana", "dana@erp.test"), nil)
		moved := account("dana")
		moved.Email = "victim@erp.test"
		for _, tc := range []struct {
			account login.Account
			want    bool
		}{{account("dana"), true}, {moved, false}, {account("erin"), false}, {account("nobody"), false}} {
			if got, err := f.IsCreated(ctx, tc.account); got != tc.want || err != nil {
				t.Errorf("IsCreated(%v) = %v, %v", tc.account.User, got, err)
			}
		}
	})
}

func TestAnAccountThatWasAboutToBeMadeIsOurs(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		wantErr(t, f.Creating(ctx, "dana@erp.test"), nil)
		wantErr(t, f.Creating(ctx, "dana@erp.test"), nil)
		for after, want := range map[time.Duration]bool{0: true, time.Minute: true, 3 * time.Minute: false, -time.Hour: false} {
			made := account("dana")
			made.Created = f.now().Add(after)
			if got, err := f.IsCreated(ctx, made); got != want || err != nil {
				t.Errorf("made %s after the announcement: %v, %v", after, got, err)
			}
		}
	})
}
