package erp_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/assertion"
	"matterpass/internal/erp"
	"matterpass/internal/login"
)

const secret = "q7Zr0vX2mKc9TfLw4yBnE8sHdJ5uGpA1"

func newERP() http.Handler {
	return erp.New(erp.Options{
		ChatURL: "http://chat.test:8080/",
		People: []erp.Person{
			{Name: "Demo User", Email: "demo@erp.test"},
			{Name: "Dana", Email: "dana@erp.test"},
		},
		Issuer: "http://erp.test", Secret: secret,
		Assets: fstest.MapFS{"index.html": {Data: []byte("orders")}},
	})
}

// ask sends a request as a browser on the ERP's own page would.
func ask(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://erp.test"+target, strings.NewReader(body))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func decoded(t *testing.T, w *httptest.ResponseRecorder) (out map[string]any) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return out
}

func TestTheFirstPersonIsSignedInAtTheStart(t *testing.T) {
	w := ask(newERP(), "GET", "/erp/me", "")
	want := map[string]any{
		"chat":    "http://chat.test:8080",
		"user":    map[string]any{"name": "Demo User", "email": "demo@erp.test"},
		"subject": "da6c6b580644d77c33d41235ae52ee1f5304ae476f52460ec5b417d083215e1a", // SHA-256 of the assertion's "sub"
		"people": []any{
			map[string]any{"name": "Demo User", "email": "demo@erp.test"},
			map[string]any{"name": "Dana", "email": "dana@erp.test"},
		},
	}
	if diff := cmp.Diff(want, decoded(t, w)); diff != "" {
		t.Error(diff)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("an answer about a person is cacheable: %q", got)
	}
}

func TestASwitchIsRememberedByTheBrowser(t *testing.T) {
	h := newERP()
	w := ask(h, "POST", "/erp/me", `{"email":"Dana@erp.test"}`)
	if got := decoded(t, w)["user"].(map[string]any)["email"]; got != "dana@erp.test" {
		t.Errorf("switched to %v", got)
	}
	const cookie = "erp_user=dana@erp.test; Path=/; HttpOnly; SameSite=Lax"
	if got := w.Header().Get("Set-Cookie"); got != cookie {
		t.Errorf("Set-Cookie: %q, want %q", got, cookie)
	}
	w = ask(h, "GET", "/erp/me", "", "Cookie", "erp_user=dana@erp.test")
	if got := decoded(t, w)["user"].(map[string]any)["email"]; got != "dana@erp.test" {
		t.Errorf("after the switch: %v", got)
	}
}

func TestARememberedStrangerIsTheFirstPerson(t *testing.T) {
	w := ask(newERP(), "GET", "/erp/me", "", "Cookie", "erp_user=gone@erp.test")
	if got := decoded(t, w)["user"].(map[string]any)["email"]; got != "demo@erp.test" {
		t.Errorf("got %v", got)
	}
}

func TestRefusals(t *testing.T) {
	const dana = `{"email":"dana@erp.test"}`
	tests := map[string]struct {
		method, target, body string
		headers              []string
		want                 int
	}{
		"an unknown person":              {"POST", "/erp/me", `{"email":"nobody@erp.test"}`, nil, 400},
		"an empty body":                  {"POST", "/erp/me", "", []string{"Content-Type", "application/json"}, 400},
		"a body that is not JSON":        {"POST", "/erp/me", "email=dana@erp.test", nil, 400},
		"a body of 2 kB":                 {"POST", "/erp/me", `{"email":"` + strings.Repeat("a", 2048) + `"}`, nil, 400},
		"a form":                         {"POST", "/erp/me", dana, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"plain text":                     {"POST", "/erp/me", dana, []string{"Content-Type", "text/plain"}, 415},
		"another site":                   {"POST", "/erp/me", dana, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"another host of the same site":  {"POST", "/erp/me", dana, []string{"Sec-Fetch-Site", "same-site"}, 403},
		"another origin, an old browser": {"POST", "/erp/me", dana, []string{"Sec-Fetch-Site", "", "Origin", "http://evil.test"}, 403},
		"another method":                 {"DELETE", "/erp/me", "", nil, 405},
		"a file that is not there":       {"GET", "/etc/passwd", "", nil, 404},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := ask(newERP(), tt.method, tt.target, tt.body, tt.headers...)
			if w.Code != tt.want {
				t.Errorf("%d %s, want %d", w.Code, w.Body, tt.want)
			}
			if w.Header().Get("Set-Cookie") != "" {
				t.Error("a refused switch sets a cookie")
			}
		})
	}
}

func TestThePageMayUseItsOwnOriginAndTheChatOnly(t *testing.T) {
	w := ask(newERP(), "GET", "/", "")
	if w.Code != 200 || w.Body.String() != "orders" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	const want = "default-src 'none'; script-src 'self' http://chat.test:8080; style-src 'self'; img-src 'self'" +
		"; connect-src 'self' http://chat.test:8080; frame-src http://chat.test:8080" +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if diff := cmp.Diff(want, w.Header().Get("Content-Security-Policy")); diff != "" {
		t.Error(diff)
	}
}

func TestTheZeroOptionsServeErrors(t *testing.T) {
	h := erp.New(erp.Options{})
	for target, want := range map[string]int{"/": 404, "/erp/me": 404} {
		if w := ask(h, "GET", target, ""); w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
	if policy := ask(h, "GET", "/", "").Header().Get("Content-Security-Policy"); !strings.Contains(policy, "frame-src 'none'") {
		t.Errorf("frames without a chat: %s", policy)
	}
}

func TestTheBackEndVouchesForWhoeverIsSignedIn(t *testing.T) {
	verifier, err := assertion.New(assertion.Options{Secrets: [][]byte{[]byte(secret)}, Issuer: "http://erp.test"})
	if err != nil {
		t.Fatal(err)
	}
	token := func() string {
		w := ask(newERP(), "POST", "/erp/assertion", "", "Cookie", "erp_user=dana@erp.test")
		return decoded(t, w)["token"].(string)
	}
	first, err := verifier.Verify(t.Context(), token(), login.ForSignIn)
	if err != nil || first.Email != "dana@erp.test" || first.Name != "Dana" || !first.EmailVerified {
		t.Errorf("%+v, %v", first, err)
	}
	second, err := verifier.Verify(t.Context(), token(), login.ForSignIn)
	if err != nil || second.ID == first.ID {
		t.Errorf("the next one has the id of the first: %v", err)
	}
	if w := ask(erp.New(erp.Options{}), "POST", "/erp/assertion", ""); w.Code != http.StatusNotFound {
		t.Errorf("nobody's assertion: %d", w.Code)
	}
}
