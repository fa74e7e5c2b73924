package oidc_test

import (
	"context"
	"errors"
	"io"
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

func TestATokenEndpointOutOfOrderIsAnErrorAndSoon(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	for name, c := range map[string]struct {
		token http.HandlerFunc
		want  error
	}{
		"a page": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html><script>alert(1)</script>")
		}, oidc.ErrInvalid},
		"ten megabytes": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10<<20)) }, oidc.ErrInvalid},
		"a hanging one": {func(_ http.ResponseWriter, r *http.Request) { wait(r, hang) }, oidc.ErrUnavailable},
		"a hang in the body": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
			wait(r, hang)
		}, oidc.ErrInvalid},
		"an error":         {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "invalid_grant") }, oidc.ErrInvalid},
		"an error made up": {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "<script>") }, oidc.ErrInvalid},
		"status 500":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, oidc.ErrUnavailable},
		"no ID token": {func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, map[string]any{"access_token": "x", "token_type": "Bearer"})
		}, oidc.ErrInvalid},
		"an ID token list": {func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, map[string]any{"access_token": "x", "id_token": []int{1}})
		}, oidc.ErrInvalid},
		"no access token":  {func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]any{"id_token": "x"}) }, oidc.ErrInvalid},
		"a cut connection": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, oidc.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.told(func(l *liar) { l.token = c.token })
			rp := l.party(func(o *oidc.Options) { o.Timeout = 300 * time.Millisecond })
			begun := time.Now()
			_, err := l.signIn(rp)
			if !errors.Is(err, c.want) {
				t.Error(err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			for _, secret := range []string{"script", clientSecret, "Response:"} {
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("%q is in %v", secret, err)
				}
			}
		})
	}
}

// wait hangs until the client leaves, which a server sees once it has read the
// request.
func wait(r *http.Request, hang <-chan struct{}) {
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-r.Context().Done():
	case <-hang:
	}
}

func TestACodeIsGoodForTheSignInThatAskedForIt(t *testing.T) {
	l := newLiar(t)
	rp := l.party()
	first, second := begin(t, rp), begin(t, rp)
	answer := l.grant(first.URL)
	crossed := l.grant(second.URL)
	crossed.Set("code", answer.Get("code"))
	if _, err := rp.Callback(t.Context(), crossed, second.Sealed); !errors.Is(err, oidc.ErrInvalid) {
		t.Errorf("PKCE lets another sign-in's code through: %v", err)
	}
	third := begin(t, rp)
	again := l.grant(third.URL)
	if _, err := rp.Callback(t.Context(), again, third.Sealed); err != nil {
		t.Fatal(err)
	}
	if _, err := rp.Callback(t.Context(), again, third.Sealed); !errors.Is(err, oidc.ErrInvalid) {
		t.Errorf("a code works twice: %v", err)
	}
}

func TestTheAnswerHasToBeTheProvidersOwn(t *testing.T) {
	for name, c := range map[string]struct {
		announced bool
		change    map[string][]string
		want      error
	}{
		"names itself":                      {true, map[string][]string{"iss": {"OWN"}}, nil},
		"names itself without being asked":  {false, map[string][]string{"iss": {"OWN"}}, nil},
		"does not, and need not":            {false, nil, nil},
		"does not, and said it would":       {true, nil, oidc.ErrInvalid},
		"names another":                     {false, map[string][]string{"iss": {"https://evil.test"}}, oidc.ErrInvalid},
		"names nobody":                      {false, map[string][]string{"iss": {""}}, oidc.ErrInvalid},
		"names two":                         {false, map[string][]string{"iss": {"OWN", "OWN"}}, oidc.ErrInvalid},
		"another's error":                   {true, map[string][]string{"error": {"access_denied"}, "iss": {"https://evil.test"}}, oidc.ErrInvalid},
		"its error":                         {false, map[string][]string{"error": {"access_denied"}}, oidc.ErrDenied},
		"its error, and a code":             {false, map[string][]string{"error": {"login_required"}, "code": {"x"}}, oidc.ErrDenied},
		"an error made up":                  {false, map[string][]string{"error": {"<script>alert(1)</script>"}, "error_description": {"<script>"}}, oidc.ErrDenied},
		"no code":                           {false, map[string][]string{"code": nil}, oidc.ErrInvalid},
		"two codes":                         {false, map[string][]string{"code": {"a", "b"}}, oidc.ErrInvalid},
		"a code longer than any":            {false, map[string][]string{"code": {strings.Repeat("x", 9000)}}, oidc.ErrInvalid},
		"somebody's own code":               {false, map[string][]string{"code": {"stolen"}}, oidc.ErrInvalid},
		"an ID token in the address as one": {false, map[string][]string{"code": nil, "id_token": {"x.y.z"}}, oidc.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.told(func(l *liar) {
				l.document = set(map[string]any{"authorization_response_iss_parameter_supported": c.announced})
			})
			rp := l.party()
			started := begin(t, rp)
			answer := l.grant(started.URL)
			for name, values := range c.change {
				answer[name] = nil
				for _, v := range values {
					answer.Add(name, strings.Replace(v, "OWN", l.URL, 1))
				}
				if values == nil {
					answer.Del(name)
				}
			}
			_, err := rp.Callback(t.Context(), answer, started.Sealed)
			if !errors.Is(err, c.want) {
				t.Error(err)
			}
			if err != nil && (strings.Contains(err.Error(), "script") || strings.Contains(err.Error(), "evil")) {
				t.Errorf("a stranger's words are in %v", err)
			}
		})
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

func TestSecretsAreShownAsTheProviderWantsThem(t *testing.T) {
	for name, c := range map[string]struct {
		methods any
		secret  string
		basic   bool
	}{
		"nothing said":          {nil, clientSecret, true},
		"basic and post":        {[]string{"client_secret_post", "client_secret_basic"}, clientSecret, true},
		"post":                  {[]string{"client_secret_post"}, clientSecret, false},
		"no secret to be shown": {nil, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			basic := make(chan bool, 1)
			l.told(func(l *liar) {
				l.document = set(map[string]any{"token_endpoint_auth_methods_supported": c.methods})
				l.token = func(w http.ResponseWriter, r *http.Request) {
					_, _, ok := r.BasicAuth()
					basic <- ok
					l.exchange(w, r)
				}
			})
			rp := l.party(func(o *oidc.Options) { o.Clients[0].Secret = c.secret })
			if _, err := l.signIn(rp); (err == nil) != (c.secret != "") {
				t.Error(err)
			}
			if got := <-basic; got != c.basic {
				t.Errorf("basic: %t", got)
			}
		})
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
	if _, err := oidc.New(oidc.Options{
		RedirectURL: "https://chat.test/cb", SealKeys: [][]byte{key(1)}, Clients: []oidc.Client{{Issuer: "https://idp.test", ID: "x"}},
	}); err != nil {
		t.Errorf("all defaults: %v", err)
	}
}

func TestOneWhoLeavesDoesNotWait(t *testing.T) {
	hang := make(chan struct{})
	l := newLiar(t)
	l.told(func(l *liar) { l.keys = func(_ http.ResponseWriter, r *http.Request) { wait(r, hang) } })
	rp := l.party()
	started := begin(t, rp)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := rp.Callback(ctx, l.grant(started.URL), started.Sealed); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(hang)
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
