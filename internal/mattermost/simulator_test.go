package mattermost_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pquerna/otp/totp"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/simulator"
	"matterpass/internal/upstream"
)

const siteURL = "https://chat.erp.test"

// simulate starts the simulator with its people, and a client of it.
func simulate(t *testing.T) (*simulator.Server, *mattermost.Client) {
	t.Helper()
	s := simulator.New(simulator.Options{Demo: true, SiteURL: siteURL})
	server := httptest.NewServer(s)
	c := mattermost.New(mattermost.Options{BaseURL: server.URL + "/", AdminToken: s.AdminToken})
	t.Cleanup(func() { c.Close(); server.Close(); s.Close() })
	return s, c
}

func TestTheLifeOfASession(t *testing.T) {
	s, c := simulate(t)
	made, err := c.SignIn(t.Context(), simulator.DemoEmail, s.Password(), "", browser)
	if err != nil {
		t.Fatal(err)
	}
	want := login.User{ID: s.UserID(simulator.DemoEmail), Username: "demo", Email: simulator.DemoEmail}
	if made.User != want {
		t.Errorf("%+v", made.User)
	}
	found, err := c.Find(t.Context(), made.Token, made.CSRF)
	if diff := cmp.Diff(made, found, cmpopts.IgnoreFields(login.Session{}, "Profile", "ID"), cmpopts.EquateApproxTime(5*time.Second)); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if err := errors.Join(c.End(t.Context(), made.Token), c.End(t.Context(), made.Token)); err != nil {
		t.Error(err)
	}
	if _, err := c.Find(t.Context(), made.Token, made.CSRF); !errors.Is(err, login.ErrSignedOut) {
		t.Error(err)
	}
}

func TestEndAllEndsThePersonsSessionsAndNobodyElses(t *testing.T) {
	s, c := simulate(t)
	var token string
	for _, address := range []email.Address{simulator.DanaEmail, simulator.DemoEmail, simulator.DemoEmail} {
		made, err := c.SignIn(t.Context(), address, s.Password(), "", browser)
		if err != nil {
			t.Fatal(err)
		}
		token = made.Token
	}
	if err := c.EndAll(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if demo, dana := s.Sessions(simulator.DemoEmail), s.Sessions(simulator.DanaEmail); demo != 0 || dana != 1 {
		t.Errorf("%d and %d sessions are left", demo, dana)
	}
}

func TestWhatMattermostCountsIsWhatWeSayItCounts(t *testing.T) {
	const secret = "JBSWY3DPEHPK3PXP"
	code, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		address  string
		before   func(*simulator.Server)
		password string
		code     string
		want     error
		counts   bool
	}{
		"right":        {address: simulator.DemoEmail},
		"wrong":        {address: simulator.DemoEmail, password: "wrong", want: login.ErrRefused, counts: true},
		"unknown":      {address: "nobody@erp.test", want: login.ErrRefused},
		"deactivated":  {address: simulator.DemoEmail, before: func(s *simulator.Server) { s.SetActive(simulator.DemoEmail, false) }, want: login.ErrRefused},
		"locked":       {address: simulator.DemoEmail, before: func(s *simulator.Server) { s.SetFailedAttempts(simulator.DemoEmail, 10) }, want: login.ErrRefused},
		"needs a code": {address: simulator.DemoEmail, before: withMFA(secret), want: login.ErrMFARequired},
		"wrong code":   {address: simulator.DemoEmail, before: withMFA(secret), code: "000000", want: login.ErrMFARequired, counts: true},
		"right code":   {address: simulator.DemoEmail, before: withMFA(secret), code: code},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, c := simulate(t)
			if tc.before != nil {
				tc.before(s)
			}
			if tc.password == "" {
				tc.password = s.Password()
			}
			counted := s.FailedAttempts(simulator.DemoEmail)
			_, err := c.SignIn(t.Context(), email.Address(tc.address), tc.password, tc.code, browser)
			if !errors.Is(err, tc.want) {
				t.Fatalf("%v, want %v", err, tc.want)
			}
			var refusal *login.Refusal
			if errors.As(err, &refusal) && name != "unknown" && refusal.Counted != tc.counts {
				t.Errorf("%+v", refusal)
			}
			if more := s.FailedAttempts(simulator.DemoEmail) - counted; (more > 0) != tc.counts {
				t.Errorf("Mattermost counted %d", more)
			}
		})
	}
}

func withMFA(secret string) func(*simulator.Server) {
	return func(s *simulator.Server) { s.SetMFA(simulator.DemoEmail, secret) }
}

func TestDatabaseAway(t *testing.T) {
	s, c := simulate(t)
	if err := errors.Join(c.Ping(t.Context()), c.CheckAdmin(t.Context()), c.FindTeam(t.Context(), simulator.DemoTeam)); err != nil {
		t.Fatal(err)
	}
	token, _ := s.SignIn(simulator.DemoEmail)
	s.FailDatabase(true)
	s.InvalidateCaches()
	_, err1 := c.SignIn(t.Context(), simulator.DemoEmail, s.Password(), "", browser)
	_, err2 := c.Find(t.Context(), token, "")
	for _, err := range []error{err1, err2, c.Ping(t.Context()), c.CheckAdmin(t.Context())} {
		if !errors.Is(err, upstream.ErrUnavailable) {
			t.Error(err)
		}
	}
}

func TestWhatHealthAsks(t *testing.T) {
	s, c := simulate(t)
	if got, err := c.SiteURL(t.Context()); err != nil || got != siteURL {
		t.Error(got, err)
	}
	s.Configure(func(set *simulator.Settings) { set.ServiceSettings.MaximumLoginAttempts = 7 })
	if got, err := c.Settings(t.Context()); err != nil || got.MaximumLoginAttempts != 7 {
		t.Error(got, err)
	}
	for kind, value := range map[login.Kind]string{login.ByUsername: "dana", login.ByID: s.UserID(simulator.DanaEmail)} {
		if got, err := c.AddressOf(t.Context(), login.Name{Kind: kind, Value: value}); err != nil || got != simulator.DanaEmail {
			t.Error(got, err)
		}
	}
	if _, err := c.AddressOf(t.Context(), login.Name{Kind: login.ByUsername, Value: "nobody"}); !errors.Is(err, login.ErrUnknown) {
		t.Error(err)
	}
}
