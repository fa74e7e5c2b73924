package mattermost_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/login"
	"matterpass/internal/simulator"
	"matterpass/internal/upstream"
)

const patchDemo = "PUT users/" + demoID + "/patch"

func TestAccountsCarryWhatASignInLooksAt(t *testing.T) {
	s, c := start(t)
	account := `{"id":"` + demoID + `","username":"demo","email":"Demo@ERP.test","delete_at":5,"is_bot":true,"remote_id":"r",
		"auth_service":"saml","roles":"system_user system_admin","mfa_active":true,"email_verified":true,"create_at":1000}`
	s.set("GET users/"+demoID, reply(200, account))
	s.set("GET users/email/demo@erp.test", reply(200, account))
	want := login.Account{
		User:        login.User{ID: demoID, Username: "demo", Email: "demo@erp.test"},
		Deactivated: true, Bot: true, Remote: true, AuthService: "saml", Roles: []string{"system_user", "system_admin"}, MFA: true, Created: time.UnixMilli(1000),
	}
	byID, err1 := c.AccountByID(t.Context(), demoID)
	byEmail, err2 := c.AccountByEmail(t.Context(), "demo@erp.test")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]login.Account{want, want}, []login.Account{byID, byEmail}); diff != "" {
		t.Error(diff)
	}
	if n := s.times(patchDemo); n != 0 {
		t.Error("an account that cannot sign in was written to")
	}
}

func TestAVerifiedAddressIsReadFromAnUpdateOfNothing(t *testing.T) {
	for name, verified := range map[string]bool{"verified": true, "not verified": false} {
		t.Run(name, func(t *testing.T) {
			s, c := simulate(t)
			s.SetVerified(simulator.DemoEmail, verified)
			got, err := c.AccountByEmail(t.Context(), simulator.DemoEmail)
			if err != nil || got.EmailVerified != verified {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	s, c := start(t)
	s.set("GET users/email/demo@erp.test", reply(200, demoUser))
	s.set(patchDemo, reply(200, demoUser))
	if _, err := c.AccountByEmail(t.Context(), "demo@erp.test"); err != nil {
		t.Fatal(err)
	}
	if _, body := s.request(t, patchDemo); body != `{}` {
		t.Errorf("the update is %s", body)
	}
}

func TestUnknownAndOtherAccounts(t *testing.T) {
	other := strings.ReplaceAll(demoUser, "demo@erp.test", "dana@erp.test")
	for name, tc := range map[string]struct {
		read, patch string
		status      int
		want        error
	}{
		"unknown":              {`{"id":"app.user.missing_account.const"}`, demoUser, 404, login.ErrUnknown},
		"another account":      {other, demoUser, 200, upstream.ErrInvalid},
		"no account":           {`null`, demoUser, 200, upstream.ErrInvalid},
		"changed to another":   {demoUser, other, 200, upstream.ErrInvalid},
		"changed to nothing":   {demoUser, `null`, 200, upstream.ErrInvalid},
		"the token is refused": {`{"id":"api.context.permissions.app_error"}`, demoUser, 403, upstream.ErrAdminToken},
	} {
		s, c := start(t)
		s.set("GET users/email/demo@erp.test", reply(tc.status, tc.read))
		s.set(patchDemo, reply(200, tc.patch))
		if _, err := c.AccountByEmail(t.Context(), "demo@erp.test"); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, c := start(t)
	if _, err := c.AccountByID(t.Context(), demoID); !errors.Is(err, login.ErrUnknown) {
		t.Error(err)
	}
	s.set("GET users/email/demo@erp.test", reply(200, demoUser))
	if _, err := c.AccountByEmail(t.Context(), "demo@erp.test"); !errors.Is(err, login.ErrUnknown) {
		t.Errorf("gone between the two: %v", err)
	}
}
