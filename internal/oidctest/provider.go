// Package oidctest runs an OpenID provider on this machine: a certified one, with
// a form for a name and a password, and with keys that a test can change. It is
// for tests of whoever relies on a provider; no other file may import it.
package oidctest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
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
)

// The one person whom tests sign in, as the provider and its form know them. The
// address is verified.
const (
	Subject  = "id2"
	Username = "test-user2"
	Password = "verysecure"
	Email    = "test-user2@zitadel.ch"
)

// Client is who relies on the provider.
type Client struct {
	ID, Secret  string
	RedirectURL string
}

// Provider is a running one.
type Provider struct {
	URL string // its issuer

	client Client
	keys   *rotating
}

// Start a provider on a free port, stopped with the test.
func Start(t *testing.T, c Client) *Provider {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	client := storage.WebClient(c.ID, c.Secret, c.RedirectURL)
	p := &Provider{issuer, c, &rotating{
		Storage: storage.NewStorageWithClients(storage.NewUserStore(issuer), map[string]*storage.Client{c.ID: client}),
	}}
	p.Rotate(t, "first")
	server.Config.Handler = exampleop.SetupServer(issuer, p.keys, slog.New(slog.DiscardHandler), false)
	server.Start()
	t.Cleanup(server.Close)
	return p
}

// Rotate signs with a new key from now on.
func (p *Provider) Rotate(t *testing.T, id string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.keys.mu.Lock()
	defer p.keys.mu.Unlock()
	p.keys.pair = pair{id, key}
}

// Denial is the address to which the browser goes back where a person does not want
// to sign in; query is that of the provider's form.
func (p *Provider) Denial(t *testing.T, query string) string {
	t.Helper()
	form, err := url.ParseQuery(strings.TrimPrefix(query, "?"))
	if err != nil {
		t.Fatal(err)
	}
	request, err := p.keys.AuthRequestByID(t.Context(), form.Get("authRequestID"))
	if err != nil {
		t.Fatal(err)
	}
	return p.client.RedirectURL + "?" + url.Values{"error": {"access_denied"}, "state": {request.GetState()}}.Encode()
}

// LogoutToken says that a subject's sessions are over (OpenID Connect Back-Channel
// Logout 1.0, section 2.4).
func (p *Provider) LogoutToken(t *testing.T, subject string) string {
	t.Helper()
	key := p.keys.current()
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.key, KeyID: key.id}},
		(&jose.SignerOptions{}).WithType("logout+jwt"),
	)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": p.URL, "aud": p.client.ID, "sub": subject, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rotating is the provider's storage with keys that change.
type rotating struct {
	*storage.Storage
	mu sync.Mutex
	pair
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
	return r.pair
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
