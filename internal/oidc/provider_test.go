package oidc_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/oidc"
	"matterpass/internal/oidctest"
)

// person is a browser with somebody in front of it.
type person struct {
	*http.Client
	t      *testing.T
	issuer string
}

func newPerson(t *testing.T, issuer string) person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return person{&http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), redirectURL) {
			return http.ErrUseLastResponse
		}
		return nil
	}}, t, issuer}
}

// signsIn fills in the provider's form and answers what its last redirect says.
func (p person) signsIn(address, password string) url.Values {
	p.t.Helper()
	page, err := p.Get(address)
	if err != nil {
		p.t.Fatal(err)
	}
	defer page.Body.Close()
	request := page.Request.URL.Query().Get("authRequestID")
	if request == "" {
		text, _ := io.ReadAll(page.Body)
		p.t.Fatalf("no form: %s %s", page.Request.URL, text)
	}
	sent, err := p.PostForm(p.issuer+"/login/username", url.Values{"id": {request}, "username": {oidctest.Username}, "password": {password}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer sent.Body.Close()
	back, err := sent.Location()
	if err != nil {
		return nil
	}
	return back.Query()
}

func TestARealProviderSignsSomebodyIn(t *testing.T) {
	server := oidctest.Start(t, oidctest.Client{ID: clientID, Secret: clientSecret, RedirectURL: redirectURL})
	ahead := &clock{}
	rp, err := oidc.New(oidc.Options{
		Clients: []oidc.Client{{Issuer: server.URL, ID: clientID, Secret: clientSecret}}, RedirectURL: redirectURL,
		SealKeys: [][]byte{key(1)}, Now: ahead.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string) {
		t.Helper()
		started := begin(t, rp)
		answer := newPerson(t, server.URL).signsIn(started.URL, oidctest.Password)
		got, err := rp.Callback(t.Context(), answer, started.Sealed)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		who := got.Proof.Identity
		if who.Issuer != server.URL || who.Subject != oidctest.Subject || string(who.Email) != oidctest.Email || !who.EmailVerified || got.Proof.Way != login.ByOIDC {
			t.Errorf("%s: %+v", name, who)
		}
		if _, err := rp.Callback(t.Context(), answer, started.Sealed); !errors.Is(err, oidc.ErrInvalid) {
			t.Errorf("%s: the code works twice: %v", name, err)
		}
	}
	check("at first")
	server.Rotate(t, "second")
	ahead.advance(31 * time.Second)
	check("with another key")

	started := begin(t, rp)
	if answer := newPerson(t, server.URL).signsIn(started.URL, "wrong"); answer != nil {
		t.Errorf("a wrong password: %v", answer)
	}
	wrong, err := oidc.New(oidc.Options{
		Clients: []oidc.Client{{Issuer: server.URL, ID: clientID, Secret: "another"}}, RedirectURL: redirectURL, SealKeys: [][]byte{key(1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Callback(t.Context(), newPerson(t, server.URL).signsIn(started.URL, oidctest.Password), started.Sealed); !errors.Is(err, oidc.ErrInvalid) {
		t.Errorf("a wrong client secret: %v", err)
	}
}
