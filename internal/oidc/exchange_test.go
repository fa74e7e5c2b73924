package oidc_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"matterpass/internal/oidc"
)

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
