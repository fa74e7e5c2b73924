package mint_test

import (
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/mint"
	"matterpass/internal/simulator"
)

// simulated is a Managed on a whole Mattermost, with a store in memory.
func simulated(t testing.TB, o simulator.Options, change ...func(*mint.Options)) (*simulator.Server, *mattermost.Client, *mint.Managed, *world) {
	t.Helper()
	o.Demo = true
	s := simulator.New(o)
	server := httptest.NewServer(s)
	c := mattermost.New(mattermost.Options{BaseURL: server.URL, AdminToken: s.AdminToken})
	t.Cleanup(func() { c.Close(); server.Close(); s.Close() })
	w := newWorld()
	options := w.options("k1")
	options.SignIn, options.Setter, options.Unlocker = c, c, c
	options.ServerID = (&mint.Server{Ask: c.ServerID, Pins: w}).ID
	for _, f := range change {
		f(&options)
	}
	return s, c, managed(t, options), w
}

// minting is a sign-in to an account as Mattermost describes it now.
func minting(t testing.TB, s *simulator.Server, c *mattermost.Client, address string) login.Minting {
	t.Helper()
	account, err := c.AccountByID(t.Context(), s.UserID(address))
	if err != nil {
		t.Fatal(err)
	}
	return login.Minting{Account: account}
}

func TestManagedOnAWholeMattermost(t *testing.T) {
	for name, tc := range map[string]struct {
		plainOnly       bool
		sessions, mails int // after the account's own session met an adoption
		told            string
	}{
		"with hashes":    {false, 2, 0, "adopted"},
		"without hashes": {true, 1, 1, "adopted!"},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, m, w := simulated(t, simulator.Options{PlainPasswordsOnly: tc.plainOnly})
			s.SignIn(simulator.DemoEmail)
			made, err := m.Mint(t.Context(), minting(t, s, c, simulator.DemoEmail))
			if err != nil {
				t.Fatal(err)
			}
			if found, err := c.Find(t.Context(), made.Token, made.CSRF); err != nil || found.User != made.User {
				t.Error(found, err)
			}
			got := []int{s.Sessions(simulator.DemoEmail), s.Mails(simulator.DemoEmail)}
			if diff := cmp.Diff([]int{tc.sessions, tc.mails}, got); diff != "" || w.told() != tc.told {
				t.Errorf("told %q, sessions and mails: %s", w.told(), diff)
			}
		})
	}
}

func TestAnOwnersChangeAndALockOnAWholeMattermost(t *testing.T) {
	s, c, m, w := simulated(t, simulator.Options{})
	x := minting(t, s, c, simulator.DemoEmail)
	for _, disturb := range []func(){
		func() {},
		func() { s.SetPassword(simulator.DemoEmail, "the owner's own idea") },
		func() { s.SetFailedAttempts(simulator.DemoEmail, 10) },
	} {
		disturb()
		if _, err := m.Mint(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Sessions(simulator.DemoEmail); n != 3 || s.Mails(simulator.DemoEmail) != 0 || w.told() != "adopted lost readopted unlocked" {
		t.Errorf("%d sessions, told %q", n, w.told())
	}
}

func TestNobodysPasswordIsTakenWhoMayNotBeMinted(t *testing.T) {
	s, c, m, _ := simulated(t, simulator.Options{}, func(o *mint.Options) { o.AdoptExisting = true })
	for _, p := range []simulator.Person{
		{Email: "bot@erp.test", Bot: true}, {Email: "saml@erp.test", AuthService: "saml"},
		{Email: "boss@erp.test", Admin: true}, {Email: "former@erp.test", Inactive: true},
	} {
		s.AddPerson(p)
		_, err := m.Mint(t.Context(), minting(t, s, c, p.Email))
		if !errors.Is(err, login.ErrMintRefused) {
			t.Errorf("%s: %v", p.Email, err)
		}
	}
	if n := s.Logins(); n != 0 {
		t.Errorf("%d sign-ins were tried", n)
	}
}
