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

func TestASessionSaysWhomItWasMadeFor(t *testing.T) {
	w := newWorld()
	w.mattermost.find = func(context.Context, string, string) (login.Session, error) {
		return login.Session{User: login.User{ID: userID, Email: "demo@erp.test"}}, nil
	}
	for name, tc := range map[string]struct {
		record  *login.Record
		records login.Records
		want    string
	}{
		"by an assertion":    {record: &login.Record{UserID: userID, Issuer: "https://erp.test", Subject: "4711"}, records: recordsOf{w}, want: "4711"},
		"by a password":      {record: &login.Record{UserID: userID}, records: recordsOf{w}, want: "demo@erp.test"},
		"elsewhere":          {records: recordsOf{w}, want: "demo@erp.test"},
		"nothing is kept":    {want: "demo@erp.test"},
		"the memory is away": {records: away{recordsOf{w}}, want: ""}, // it may be another's
	} {
		t.Run(name, func(t *testing.T) {
			clear(w.records)
			if tc.record != nil {
				w.records[token] = *tc.record
			}
			service := w.service(func(o *login.Options) { o.Records = tc.records })
			session, err := service.Current(t.Context(), token, "")
			if err != nil || session.Subject != tc.want {
				t.Errorf("%q, %v, want %q", session.Subject, err, tc.want)
			}
		})
	}
}

func TestSignOutEndsOneOrEverySession(t *testing.T) {
	m := &mattermost{}
	service := newService(m)
	for _, step := range []struct {
		token      string
		everywhere bool
	}{{token, false}, {token, true}, {"nonsense", false}, {"", true}} {
		if err := service.SignOut(t.Context(), step.token, step.everywhere); err != nil {
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
