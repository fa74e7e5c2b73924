package login_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/login"
)

func TestCurrentAsksOnlyForWhatCanBeASession(t *testing.T) {
	asked := 0
	m := &mattermost{find: func(_ context.Context, token, csrf string) (login.Session, error) {
		asked++
		return login.Session{Token: token, CSRF: csrf}, nil
	}}
	service := newService(m)
	for _, bad := range []string{"", "short", strings.ToUpper(token), token + "a", "../users"} {
		if _, err := service.Current(t.Context(), bad, ""); !errors.Is(err, login.ErrSignedOut) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	if asked != 0 {
		t.Errorf("Mattermost was asked %d times", asked)
	}
	if s, err := service.Current(t.Context(), token, "csrf"); err != nil || s.Token != token || s.CSRF != "csrf" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestSignOutEndsOneOrEverySession(t *testing.T) {
	m := &mattermost{}
	service := newService(m)
	for _, step := range []struct {
		token, by string
	}{{token, login.EndedByUser}, {token, login.EndedEverywhere}, {"nonsense", login.EndedBySwitch}, {"", login.EndedEverywhere}} {
		if err := service.SignOut(t.Context(), step.token, step.by); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{token, "all of " + token}, m.ended); diff != "" {
		t.Error(diff)
	}
}

func TestNamesHaveOneSpelling(t *testing.T) {
	cases := map[string]login.Name{
		"Demo@erp.test": {Kind: login.ByEmail, Value: "demo@erp.test"},
		"Demo":          {Kind: login.ByUsername, Value: "demo"},
		"a.b-c_d":       {Kind: login.ByUsername, Value: "a.b-c_d"},
	}
	for in, want := range cases {
		if got, err := login.LoginName(in); err != nil || got != want {
			t.Errorf("LoginName(%q) = %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "foo..bar", ".", "..", "two words", "\u212aevin", "a/b", " demo", strings.Repeat("a", 65), "a@b@c.de"} {
		if got, err := login.LoginName(in); err == nil {
			t.Errorf("LoginName(%q) = %+v", in, got)
		}
	}
	if _, err := login.IDName("short"); err == nil {
		t.Error("IDName took a short id")
	}
}
