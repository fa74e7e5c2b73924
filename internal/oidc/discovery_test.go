package oidc_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"matterpass/internal/login"
	"matterpass/internal/oidc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAProviderThatCannotBeTrustedIsNotUsed(t *testing.T) {
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	for name, document := range map[string]map[string]any{
		"another issuer":                {"issuer": "https://evil.test"},
		"the issuer with a slash":       {"issuer": "SLASH"},
		"no issuer":                     {"issuer": nil},
		"no authorization endpoint":     {"authorization_endpoint": nil},
		"keys over plain http":          {"jwks_uri": "http://keys.test/keys"},
		"keys at a bare address":        {"jwks_uri": "https://169.254.169.254/keys"},
		"keys on this machine":          {"jwks_uri": "https://localhost/keys"},
		"keys in a file":                {"jwks_uri": "file:///etc/passwd"},
		"keys nowhere":                  {"jwks_uri": "https:///keys"},
		"no keys":                       {"jwks_uri": nil},
		"a token endpoint with a name":  {"token_endpoint": "https://user:secret@idp.test/token"},
		"a token endpoint of no scheme": {"token_endpoint": "//idp.test/token"},
		"no address":                    {"token_endpoint": "https://[::1"},
		"userinfo over plain http":      {"userinfo_endpoint": "http://idp.test/me"},
		"only HMAC":                     {"id_token_signing_alg_values_supported": []string{"HS256", "none"}},
		"an issuer that is a number":    {"issuer": 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			if document["issuer"] == "SLASH" {
				document["issuer"] = l.URL + "/"
			}
			l.told(func(l *liar) { l.document = set(document) })
			rp := l.party()
			_, err := rp.Start(t.Context(), oidc.StartOptions{})
			if !errors.Is(err, oidc.ErrUnavailable) || !errors.Is(err, login.ErrKeysUnavailable) {
				t.Errorf("Start: %v", err)
			}
			if err := rp.Check(t.Context()); !errors.Is(err, oidc.ErrUnavailable) || !strings.Contains(err.Error(), l.URL) {
				t.Errorf("Check: %v", err)
			}
			if strings.Contains(err.Error(), "evil") || strings.Contains(err.Error(), "secret") {
				t.Errorf("a stranger's words are in %v", err)
			}
		})
	}
}

func TestADocumentMayNameOtherHosts(t *testing.T) {
	for name, document := range map[string]map[string]any{
		"keys at another host": {"jwks_uri": "https://keys.test/keys"},
		"no algorithms":        {"id_token_signing_alg_values_supported": nil},
	} {
		l := newLiar(t)
		l.told(func(l *liar) { l.document = set(document) })
		if _, err := l.party().Start(t.Context(), oidc.StartOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProviderThatComesUpLaterIsUsedThen(t *testing.T) {
	l := newLiar(t)
	l.told(func(l *liar) { l.document = set(map[string]any{"issuer": "https://not.yet"}) })
	rp := l.party()
	for range 20 {
		if _, err := rp.Start(t.Context(), oidc.StartOptions{}); !errors.Is(err, oidc.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if n := l.documentAsked.Load(); n != 1 {
		t.Errorf("twenty people caused %d questions", n)
	}
	l.told(func(l *liar) { l.document = nil })
	l.advance(11 * time.Second)
	if _, err := rp.Start(t.Context(), oidc.StartOptions{}); err != nil {
		t.Error(err)
	}
	if err := rp.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRunDiscoversInTheBackgroundAndSaysWhatIsWrong(t *testing.T) {
	l := newLiar(t)
	l.told(func(l *liar) { l.document = set(map[string]any{"issuer": "https://not.yet"}) })
	troubled := make(chan string, 9)
	rp := l.party(func(o *oidc.Options) {
		o.Troubled = func(_ context.Context, issuer string, err error) {
			if err != nil {
				troubled <- issuer
			}
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := rp.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	if got := <-troubled; got != l.URL {
		t.Errorf("trouble with %s", got)
	}
	l.told(func(l *liar) { l.document = nil })
	for deadline := time.Now().Add(10 * time.Second); rp.Check(ctx) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is never discovered")
		}
	}
	cancel()
	done.Wait()
}

func TestNobodyFollowsARedirect(t *testing.T) {
	taken := false
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { taken = true }))
	defer thief.Close()
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
	}
	for name, c := range map[string]struct {
		lie  func(*liar)
		want error
	}{
		"keys":     {func(l *liar) { l.keys = away }, oidc.ErrUnavailable},
		"token":    {func(l *liar) { l.token = away }, oidc.ErrInvalid},
		"userinfo": {func(l *liar) { l.claims, l.userInfo = set(map[string]any{"email": nil}), away }, oidc.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.told(c.lie)
			if _, err := l.signIn(l.party()); !errors.Is(err, c.want) {
				t.Error(err)
			}
		})
	}
	gone := httptest.NewServer(http.HandlerFunc(away))
	defer gone.Close()
	l := newLiar(t)
	rp := l.party(func(o *oidc.Options) { o.Clients[0].Issuer = gone.URL })
	if _, err := rp.Start(t.Context(), oidc.StartOptions{}); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("discovery: %v", err)
	}
	if taken {
		t.Error("somebody went there")
	}
}

func TestEachProviderAnswersForItself(t *testing.T) {
	first, second := newLiar(t), newLiar(t)
	rp := first.party(func(o *oidc.Options) {
		o.Clients = append(o.Clients, oidc.Client{Issuer: second.URL, ID: clientID, Secret: clientSecret})
	})
	known := rp.Providers()
	if len(known) != 2 || known[0].ID == known[1].ID || known[0].Name != "127.0.0.1" {
		t.Fatalf("%+v", known)
	}
	for i, l := range []*liar{first, second} {
		started := begin(t, rp, func(o *oidc.StartOptions) { o.Provider = known[i].ID })
		if !strings.HasPrefix(started.URL, l.URL) {
			t.Errorf("provider %d is %s", i, started.URL)
		}
		got, err := rp.Callback(t.Context(), l.grant(started.URL), started.Sealed)
		if err != nil || got.Proof.Issuer != l.URL {
			t.Errorf("provider %d: %v, %s", i, err, got.Proof.Issuer)
		}
	}
	if got := begin(t, rp); !strings.HasPrefix(got.URL, first.URL) {
		t.Errorf("the default is %s", got.URL)
	}
	alone := first.party()
	started := begin(t, rp, func(o *oidc.StartOptions) { o.Provider = known[1].ID })
	if _, err := alone.Callback(t.Context(), second.grant(started.URL), started.Sealed); !errors.Is(err, oidc.ErrFlow) {
		t.Errorf("a provider that is no longer there: %v", err)
	}
	if second.told(func(l *liar) { l.document = set(map[string]any{"issuer": "x"}) }); true {
		fresh := first.party(func(o *oidc.Options) {
			o.Clients = []oidc.Client{{Issuer: second.URL, ID: clientID, Secret: clientSecret}}
		})
		if _, err := fresh.Callback(t.Context(), second.grant(started.URL), started.Sealed); !errors.Is(err, oidc.ErrUnavailable) {
			t.Errorf("a provider that is away: %v", err)
		}
	}
}

func TestAWrongConfigurationIsRefusedAsAWhole(t *testing.T) {
	_, err := oidc.New(oidc.Options{
		RedirectURL: "http://chat.test/callback", SealKeys: [][]byte{[]byte("short")},
		Clients: []oidc.Client{{Issuer: "http://idp.test", ID: "x"}, {Issuer: "https://idp.test?x=1", ID: "x"}, {Issuer: "https://idp.test"}},
	})
	for _, part := range []string{"redirect address", "http://idp.test", "?x=1", "no client id", "seal"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("nothing about %s in %v", part, err)
		}
	}
	if _, err := oidc.New(oidc.Options{RedirectURL: "https://chat.test/cb"}); err == nil {
		t.Error("no provider and no key")
	}
	for _, address := range []string{"http://localhost.evil.test/cb", "http://evil-localhost/cb", "ftp://chat.localhost/cb"} {
		if _, err := oidc.New(oidc.Options{RedirectURL: address}); err == nil || !strings.Contains(err.Error(), "redirect address") {
			t.Errorf("back to %s: %v", address, err)
		}
	}
	if _, err := oidc.New(oidc.Options{RedirectURL: "http://chat.localhost:8080/cb"}); err == nil || strings.Contains(err.Error(), "redirect address") {
		t.Errorf("back to this machine: %v", err)
	}
	if _, err := oidc.New(oidc.Options{
		RedirectURL: "https://chat.test/cb", SealKeys: [][]byte{key(1)}, Clients: []oidc.Client{{Issuer: "https://idp.test", ID: "x"}},
	}); err != nil {
		t.Errorf("all defaults: %v", err)
	}
}

// elsewhere takes every request to one server, whatever host it is for.
type elsewhere struct{ address string }

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(e.address, "http://")
	return http.DefaultTransport.RoundTrip(r)
}

func TestGooglesTokensMayLeaveOutTheScheme(t *testing.T) {
	for issuer, want := range map[string]error{"https://accounts.google.com": nil, "https://accounts.example.com": oidc.ErrInvalid} {
		l := newLiar(t)
		host := strings.TrimPrefix(issuer, "https://")
		l.told(func(l *liar) {
			l.document = set(map[string]any{
				"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
				"userinfo_endpoint": nil, "jwks_uri": issuer + "/keys",
			})
			l.claims = set(map[string]any{"iss": host})
		})
		rp := l.party(func(o *oidc.Options) {
			o.Clients[0].Issuer, o.Transport = issuer, elsewhere{l.URL}
		})
		if got, err := l.signIn(rp); !errors.Is(err, want) || err == nil && got.Proof.Issuer != issuer {
			t.Errorf("%s: %v, %s", issuer, err, got.Proof.Issuer)
		}
	}
}
