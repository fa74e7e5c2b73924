package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"matterpass/internal/simulator"
)

const (
	jwtSecret    = "q7Zr0vX2mKc9TfLw4yBnE8sHdJ5uGpA1"
	mintSecret   = "Jd83kfLqPz0vNmXr7TyWb2Hc5sGa9EuQ"
	pluginSecret = "Vn4tRk8wYp2zXc6mQs0hLd9fJg7bUe3A"
	issuer       = "https://erp.example.com"
)

// waysIn is a Matterpass that lets people in without a password, in front of a
// simulator with the companion plugin. change adds to its environment.
func waysIn(t *testing.T, change map[string]string) (*served, *simulator.Server) {
	t.Helper()
	mm := simulator.New(simulator.Options{SiteURL: "https://mattermost.test", Demo: true, Plugin: pluginSecret})
	backend := httptest.NewServer(mm)
	t.Cleanup(func() { backend.Close(); mm.Close() })
	env, _ := production(t)
	for name, value := range map[string]string{
		"MM_BASE_URL": backend.URL, "MM_ADMIN_TOKEN": mm.AdminToken(),
		"JWT_SECRET": jwtSecret, "JWT_ISSUER": issuer, "MINT_SECRET": mintSecret, "PLUGIN_SECRET": pluginSecret,
	} {
		env[name] = value
	}
	for name, value := range change {
		env[name] = value
	}
	return serve(t, env), mm
}

// claims of a sound assertion about somebody.
func claims(subject, email string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": issuer, "aud": "matterpass", "sub": subject, "email": email, "email_verified": true, "name": "Nora Weber",
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": fmt.Sprint(subject, "-", now.UnixNano()),
	}
}

func assert(t testing.TB, typ string, claims map[string]any) string {
	t.Helper()
	return signedWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(jwtSecret)}, typ, claims)
}

func signedWith(t testing.TB, key jose.SigningKey, typ string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (s *served) withAssertion(t *testing.T, assertion string, header ...string) answer {
	t.Helper()
	return ask(t, http.MethodPost, "http://"+s.addr+"/api/mattermost/login", "",
		append([]string{"Origin", "https://erp.example.com", "X-Forwarded-Proto", "https", "Authorization", "Bearer " + assertion}, header...)...)
}

func TestAnAssertionIsASessionByEveryWayOfMakingOne(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"by the plugin, chosen by itself":  {},
		"by the plugin":                    {"SESSION_MINT": "plugin"},
		"by managed passwords":             {"SESSION_MINT": "managed", "PLUGIN_SECRET": ""},
		"by managed passwords, no plugin":  {"PLUGIN_SECRET": ""},
		"by the plugin, without passwords": {"MINT_SECRET": ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, mm := waysIn(t, env)
			assertion := assert(t, "JWT", claims("4711", "nora@erp.test"))
			first := s.withAssertion(t, assertion)
			if first.StatusCode != http.StatusOK {
				t.Fatalf("%d %s\n%s", first.StatusCode, first.body, s.log)
			}
			var who struct{ User struct{ Email, ID string } }
			if err := json.Unmarshal([]byte(first.body), &who); err != nil || who.User.Email != "nora@erp.test" {
				t.Errorf("%v %s", err, first.body)
			}
			if mm.UserID("nora@erp.test") != who.User.ID {
				t.Error("no account was made")
			}
			again := s.withAssertion(t, assertion)
			if again.StatusCode != http.StatusUnauthorized || !strings.Contains(again.body, `"assertion_spent"`) || !strings.Contains(again.body, `"spent":true`) {
				t.Errorf("again: %d %s", again.StatusCode, again.body)
			}
			next := s.withAssertion(t, assert(t, "matterpass+jwt", claims("4711", "nora@erp.test")))
			if next.StatusCode != http.StatusOK {
				t.Errorf("the next one: %d %s", next.StatusCode, next.body)
			}
		})
	}
}

func TestAssertionsThatAreNotGoodOpenNothing(t *testing.T) {
	s, mm := waysIn(t, nil)
	with := func(name string, value any) map[string]any {
		c := claims("4711", "nora@erp.test")
		c[name] = value
		return c
	}
	for name, tc := range map[string]struct {
		typ    string
		claims map[string]any
		want   string
	}{
		"another issuer's":               {"JWT", with("iss", "https://evil.test"), "login_refused"},
		"for another audience":           {"JWT", with("aud", "grafana"), "login_refused"},
		"over":                           {"JWT", with("exp", time.Now().Add(-time.Hour).Unix()), "login_refused"},
		"long-lived":                     {"JWT", with("exp", time.Now().Add(time.Hour).Unix()), "login_refused"},
		"a navigation's":                 {"matterpass-nav+jwt", claims("4711", "nora@erp.test"), "login_refused"},
		"about an administrator":         {"JWT", claims("1", simulator.AdminEmail), "conflict"},
		"about somebody not verified":    {"JWT", with("email_verified", false), ""},
		"about a stranger's account":     {"JWT", map[string]any{"iss": issuer, "aud": "matterpass", "sub": "9", "email": simulator.DanaEmail, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "jti": "unverified"}, "conflict"},
		"about two addresses":            {"JWT", with("email", "nora@erp.test,eve@evil.test"), "login_refused"},
		"without an id":                  {"JWT", with("jti", ""), "login_refused"},
		"with rights in it, overlooked ": {"JWT", with("roles", "system_admin"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.withAssertion(t, assert(t, tc.typ, tc.claims))
			if tc.want == "" && got.StatusCode != http.StatusOK || tc.want != "" && !strings.Contains(got.body, `"code":"`+tc.want+`"`) {
				t.Errorf("%d %s, want %q", got.StatusCode, got.body, tc.want)
			}
			if tc.want != "" && len(got.Header["Set-Cookie"]) > 0 {
				t.Errorf("a refusal sets %q", got.Header["Set-Cookie"])
			}
		})
	}
	if nora, dana := mm.Sessions("nora@erp.test"), mm.Sessions(simulator.DanaEmail); nora != 2 || dana != 0 {
		t.Errorf("%d and %d sessions were made, want those of the two good ones", nora, dana)
	}
	for _, secret := range []string{jwtSecret, mintSecret, pluginSecret} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

func TestATicketOpensChatOnceInThePageItWasMadeFor(t *testing.T) {
	s, _ := waysIn(t, nil)
	launch := func(body string) answer {
		return ask(t, http.MethodPost, "http://"+s.addr+"/api/mattermost/launch", body, "X-Forwarded-Proto", "https", "Authorization", "Bearer "+key32)
	}
	redeem := func(ticket, embedder, more string) answer {
		return ask(t, http.MethodPost, "http://"+s.addr+"/api/mattermost/launch/redeem",
			fmt.Sprintf(`{"ticket":%q,"embedder":%q%s}`, ticket, embedder, more), "X-Forwarded-Proto", "https", "Sec-Fetch-Site", "same-origin")
	}
	body := `{"subject":"4711","email":"nora@erp.test","name":"Nora","origin":"https://erp.example.com","target":"/erp/channels/orders"}`
	got := launch(body)
	var made struct{ URL string }
	if err := json.Unmarshal([]byte(got.body), &made); err != nil || got.StatusCode != http.StatusCreated {
		t.Fatalf("%v %d %s", err, got.StatusCode, got.body)
	}
	ticket, found := strings.CutPrefix(made.URL, "https://chat.example.com/launch#")
	if !found {
		t.Fatalf("url = %q", made.URL)
	}
	if got := redeem(ticket, "https://evil.test", ""); got.StatusCode != http.StatusForbidden {
		t.Errorf("in another page: %d %s", got.StatusCode, got.body)
	}
	if got := redeem(ticket, "", ""); got.StatusCode != http.StatusConflict || !strings.Contains(got.body, `"name":"Nora"`) {
		t.Errorf("in a tab, unasked: %d %s", got.StatusCode, got.body)
	}
	good := redeem(ticket, "https://erp.example.com", "")
	if good.StatusCode != http.StatusOK || !strings.Contains(good.body, `embed?target=%2Ferp%2Fchannels%2Forders"`) || len(good.Cookies()) < 4 {
		t.Errorf("%d %s %q", good.StatusCode, good.body, good.Header["Set-Cookie"])
	}
	if got := redeem(ticket, "https://erp.example.com", ""); got.StatusCode != http.StatusGone || !strings.Contains(got.body, `"spent":true`) {
		t.Errorf("again: %d %s", got.StatusCode, got.body)
	}
	for name, body := range map[string]string{
		"to our own pages":       strings.Replace(body, "/erp/channels/orders", "/embed", 1),
		"to another host":        strings.Replace(body, "/erp/channels/orders", "//evil.test", 1),
		"for a page not allowed": strings.Replace(body, "https://erp.example.com", "https://evil.test", 1),
		"about nobody":           strings.Replace(body, `"subject":"4711"`, `"subject":""`, 1),
	} {
		if got := launch(body); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	if got := ask(t, http.MethodPost, "http://"+s.addr+"/api/mattermost/launch/redeem", `{"ticket":"x"}`, "X-Forwarded-Proto", "https", "Origin", "https://erp.example.com"); got.StatusCode != http.StatusForbidden {
		t.Errorf("the ERP's page redeems: %d", got.StatusCode)
	}
}

func TestABareIframeSignsInOnTheWay(t *testing.T) {
	s, _ := waysIn(t, map[string]string{"ASSERTION_COOKIE": "erp_chat"})
	navigate := func(jar http.CookieJar, assertion string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.addr+"/erp/channels/town-square", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "chat.example.com"
		for name, value := range map[string]string{"X-Forwarded-Proto": "https", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"} {
			req.Header.Set(name, value)
		}
		for _, c := range jar.Cookies(&url.URL{Scheme: "https", Host: "chat.example.com", Path: "/"}) {
			req.AddCookie(c)
		}
		req.AddCookie(&http.Cookie{Name: "erp_chat", Value: assertion})
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		jar.SetCookies(&url.URL{Scheme: "https", Host: "chat.example.com", Path: "/"}, res.Cookies())
		return res
	}
	jar, _ := cookiejar.New(nil)
	assertion := assert(t, "matterpass-nav+jwt", claims("4711", "nora@erp.test"))
	if res := navigate(jar, assertion); res.StatusCode != 200 || len(res.Cookies()) < 3 {
		t.Fatalf("%d %v\n%s", res.StatusCode, res.Cookies(), s.log)
	}
	if res := navigate(jar, assertion); len(res.Cookies()) > 0 {
		t.Errorf("a live session was replaced: %v", res.Cookies())
	}
	stranger, _ := cookiejar.New(nil)
	if res := navigate(stranger, assertion); len(res.Cookies()) > 0 {
		t.Errorf("another browser got in with the same assertion: %v", res.Cookies())
	}
	other, _ := cookiejar.New(nil)
	if res := navigate(other, assert(t, "JWT", claims("4712", "otto@erp.test"))); len(res.Cookies()) > 0 {
		t.Errorf("a sign-in's assertion was taken: %v", res.Cookies())
	}
}
