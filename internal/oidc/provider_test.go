package oidc_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"matterpass/internal/login"
	"matterpass/internal/oidc"
)

// rotating is the provider's storage with keys that a test can change.
type rotating struct {
	*storage.Storage
	mu  sync.Mutex
	id  string
	key *rsa.PrivateKey
}

func (r *rotating) rotate(t *testing.T, id string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.id, r.key = id, key
}

func (r *rotating) SigningKey(context.Context) (op.SigningKey, error) { return r.current(), nil }
func (r *rotating) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{public{r.current()}}, nil
}
func (r *rotating) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (r *rotating) current() pair {
	r.mu.Lock()
	defer r.mu.Unlock()
	return pair{r.id, r.key}
}

type pair struct {
	id  string
	key *rsa.PrivateKey
}

func (p pair) ID() string                                  { return p.id }
func (p pair) Key() any                                    { return p.key }
func (p pair) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

type public struct{ pair }

func (p public) Key() any                           { return &p.key.PublicKey }
func (p public) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (p public) Use() string                        { return "sig" }

// realProvider runs zitadel's certified OpenID provider.
func realProvider(t *testing.T) (*httptest.Server, *rotating) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	client := storage.WebClient(clientID, clientSecret, redirectURL)
	keys := &rotating{Storage: storage.NewStorageWithClients(storage.NewUserStore(issuer), map[string]*storage.Client{clientID: client})}
	keys.rotate(t, "first")
	server.Config.Handler = exampleop.SetupServer(issuer, keys, slog.New(slog.DiscardHandler), false)
	server.Start()
	server.URL = issuer
	t.Cleanup(server.Close)
	return server, keys
}

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
	sent, err := p.PostForm(p.issuer+"/login/username", url.Values{"id": {request}, "username": {"test-user2"}, "password": {password}})
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
	server, keys := realProvider(t)
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
		answer := newPerson(t, server.URL).signsIn(started.URL, "verysecure")
		got, err := rp.Callback(t.Context(), answer, started.Sealed)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		who := got.Proof.Identity
		if who.Issuer != server.URL || who.Subject != "id2" || who.Email != "test-user2@zitadel.ch" || !who.EmailVerified || got.Proof.Way != login.ByOIDC {
			t.Errorf("%s: %+v", name, who)
		}
		if _, err := rp.Callback(t.Context(), answer, started.Sealed); !errors.Is(err, oidc.ErrInvalid) {
			t.Errorf("%s: the code works twice: %v", name, err)
		}
	}
	check("at first")
	keys.rotate(t, "second")
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
	if _, err := wrong.Callback(t.Context(), newPerson(t, server.URL).signsIn(started.URL, "verysecure"), started.Sealed); !errors.Is(err, oidc.ErrInvalid) {
		t.Errorf("a wrong client secret: %v", err)
	}
}
