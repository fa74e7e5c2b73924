package mattermost_test

import (
	"errors"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/simulator"
	"matterpass/internal/upstream"
)

const strong = "0123456789-_abcdefghijklmnopqrstuvwxyzABCDE"

func TestSettingAPassword(t *testing.T) {
	for name, tc := range map[string]struct {
		plainOnly, keep bool
		kept            bool
		sessions, mails int
	}{
		"as a hash ends nothing":                          {keep: true, kept: true, sessions: 1},
		"in plain ends sessions and sends a mail":         {mails: 1},
		"as a hash, where the server knows none, is both": {plainOnly: true, keep: true, mails: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := simulator.New(simulator.Options{Demo: true, PlainPasswordsOnly: tc.plainOnly})
			server := httptest.NewServer(s)
			c := mattermost.New(mattermost.Options{BaseURL: server.URL, AdminToken: s.AdminToken})
			t.Cleanup(func() { c.Close(); server.Close(); s.Close() })
			s.SignIn(simulator.DemoEmail)
			s.SetFailedAttempts(simulator.DemoEmail, 10)

			kept, err := c.SetPassword(t.Context(), s.UserID(simulator.DemoEmail), strong, tc.keep)
			if err != nil || kept != tc.kept {
				t.Fatal(kept, err)
			}
			if sessions, mails := s.Sessions(simulator.DemoEmail), s.Mails(simulator.DemoEmail); sessions != tc.sessions || mails != tc.mails {
				t.Errorf("%d sessions, %d mails", sessions, mails)
			}
			for range 2 { // the hash, and what Mattermost made of it
				if _, err := c.SignIn(t.Context(), simulator.DemoEmail, strong, "", browser); err != nil {
					t.Error(err)
				}
			}
			if _, err := c.SignIn(t.Context(), simulator.DemoEmail, s.Password(), "", browser); !errors.Is(err, login.ErrRefused) {
				t.Errorf("the old password: %v", err)
			}
		})
	}
}

func TestAHashIsSaltedAndTooLongForAPassword(t *testing.T) {
	s, c := start(t)
	s.set(setPassword, reply(200, ok))
	form := regexp.MustCompile(`^\{"already_hashed":"true","new_password":"(\$pbkdf2\$f=SHA256,w=1,l=32\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43})"\}$`)
	seen := map[string]bool{}
	for range 2 {
		if kept, err := c.SetPassword(t.Context(), demoID, strong, true); err != nil || !kept {
			t.Fatal(kept, err)
		}
		_, body := s.request(t, setPassword)
		match := form.FindStringSubmatch(body)
		if match == nil || len(match[1]) <= 72 || strings.Contains(body, strong) || seen[body] {
			t.Error(body)
		}
		seen[body] = true
	}
}

func TestServersThatCouldNotCheckAHashAreGivenNone(t *testing.T) {
	for version, hashed := range map[string]bool{"10.11.4": false, "11.0.0": true, "12.1": true, "dev": true, "": true} {
		s, c := start(t)
		s.set("GET config/client", reply(200, `{"Version":"`+version+`"}`))
		s.set(setPassword, reply(200, ok))
		kept, err := c.SetPassword(t.Context(), demoID, strong, true)
		if _, body := s.request(t, setPassword); err != nil || kept != hashed || strings.Contains(body, strong) == hashed {
			t.Errorf("%q: %t, %v, %s", version, kept, err, body)
		}
	}
}

func TestAPasswordThatCannotBeSet(t *testing.T) {
	for id, want := range map[string]error{
		"api.user.update_password.context.app_error":   upstream.ErrAdminToken,
		"app.user.missing_account.const":               login.ErrUnknown,
		"model.user.is_valid.pwd_min_length.app_error": upstream.ErrInvalid,
		"api.context.invalid_body_param.app_error":     upstream.ErrInvalid,
	} {
		s, c := start(t)
		status := map[error]int{upstream.ErrAdminToken: 403, login.ErrUnknown: 404}[want]
		s.set(setPassword, refuse(max(status, 400), id))
		kept, err := c.SetPassword(t.Context(), demoID, strong, false)
		if kept || !errors.Is(err, want) {
			t.Errorf("%s: %v", id, err)
		}
	}
	s, c := start(t)
	s.set(setPassword, reply(200, "<html>"))
	if kept, err := c.SetPassword(t.Context(), demoID, strong, true); kept || !errors.Is(err, upstream.ErrInvalid) {
		t.Errorf("a page's word was taken: %v", err)
	}
}

func TestTheLockIsLiftedByID(t *testing.T) {
	s, c := simulate(t)
	s.SetFailedAttempts(simulator.DemoEmail, 10)
	if err := c.ResetFailedAttempts(t.Context(), s.UserID(simulator.DemoEmail)); err != nil || s.FailedAttempts(simulator.DemoEmail) != 0 {
		t.Error(err)
	}
	script, c := start(t)
	script.set(resetLock, reply(200, "<html>"))
	if err := c.ResetFailedAttempts(t.Context(), demoID); !errors.Is(err, upstream.ErrInvalid) {
		t.Error(err)
	}
}

func TestServerID(t *testing.T) {
	for config, want := range map[string]string{
		`{"DiagnosticId":"` + demoID + `","TelemetryId":"` + danaID + `"}`: demoID,
		`{"TelemetryId":"` + danaID + `"}`:                                 danaID,
		`{"DiagnosticId":""}`:                                              "",
	} {
		s, c := start(t)
		s.set("GET config/client", reply(200, config))
		if got, err := c.ServerID(t.Context()); err != nil || got != want {
			t.Errorf("%s: %q, %v", config, got, err)
		}
	}
	s, c := start(t)
	for _, config := range []string{`{"DiagnosticId":"` + strings.Repeat("a", 65) + `"}`, `{"DiagnosticId":"a b"}`, "<html>"} {
		s.set("GET config/client", reply(200, config))
		if _, err := c.ServerID(t.Context()); !errors.Is(err, upstream.ErrInvalid) {
			t.Errorf("%s: %v", config, err)
		}
	}
}
