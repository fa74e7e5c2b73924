package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/simulator"
	"matterpass/internal/upstream"
)

func TestLoginAnswersTheUserAndSetsThreeCookies(t *testing.T) {
	h := newHouse(t)
	got := h.signIn("Demo@erp.test", simulator.DefaultPassword)
	if got.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", got.StatusCode, got.body)
	}
	want := map[string]any{
		"user": map[string]any{"id": h.mm.UserID("demo@erp.test"), "username": "demo", "email": "demo@erp.test"},
		"team": "erp", "url": "http://chat.test/erp/channels/town-square",
	}
	answer := got.json(t)
	expires, err := time.Parse(time.RFC3339, answer["expires_at"].(string))
	if err != nil || time.Until(expires) < 700*time.Hour || expires.Location() != time.UTC {
		t.Errorf("expires_at %v, %v", answer["expires_at"], err)
	}
	delete(answer, "expires_at")
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Error(diff)
	}
	var names []string
	for _, c := range got.Cookies() {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"MMAUTHTOKEN", "MMUSERID", "MMCSRF", "mp_device"}, names); diff != "" {
		t.Error(diff)
	}
	if got.Header.Get("Token") != "" || got.Header.Get("Cache-Control") != "no-store" || strings.Contains(string(got.body), got.Cookies()[0].Value) {
		t.Error("the session token shows outside of its cookie")
	}
}

func TestSessionSaysWhoIsSignedInAndLogoutEndsIt(t *testing.T) {
	h := newHouse(t)
	if got := h.do(call{method: "GET", path: "/api/mattermost/session"}); got.StatusCode != 401 || got.code(t) != "signed_out" {
		t.Errorf("without a cookie: %d %s", got.StatusCode, got.body)
	}
	in := h.signIn("demo@erp.test", simulator.DefaultPassword)
	got := h.do(call{method: "GET", path: "/api/mattermost/session", cookies: in.Cookies()})
	answer := got.json(t)
	if diff := cmp.Diff([]any{"da6c6b580644d77c33d41235ae52ee1f5304ae476f52460ec5b417d083215e1a"}, answer["subjects"]); diff != "" { // SHA-256 of demo@erp.test
		t.Error(diff)
	}
	delete(answer, "subjects")
	if diff := cmp.Diff(in.json(t), answer); diff != "" {
		t.Errorf("session and login differ: %s", diff)
	}
	out := h.do(call{method: "POST", path: "/api/mattermost/logout", cookies: in.Cookies()})
	if out.StatusCode != http.StatusNoContent || len(out.Cookies()) != 3 || h.mm.Sessions("demo@erp.test") != 0 {
		t.Errorf("logout: %d, cookies %v, %d sessions left", out.StatusCode, out.Cookies(), h.mm.Sessions("demo@erp.test"))
	}
	for _, c := range out.Cookies() {
		if c.MaxAge >= 0 || c.Value != "" {
			t.Errorf("not deleted: %s", c)
		}
	}
	if again := h.do(call{method: "POST", path: "/api/mattermost/logout", cookies: in.Cookies()}); again.StatusCode != http.StatusNoContent {
		t.Errorf("a second logout: %d", again.StatusCode)
	}
}

func TestLogoutEverywhereEndsEverySession(t *testing.T) {
	h := newHouse(t)
	h.signIn("demo@erp.test", simulator.DefaultPassword)
	in := h.signIn("demo@erp.test", simulator.DefaultPassword)
	if n := h.mm.Sessions("demo@erp.test"); n != 2 {
		t.Fatalf("%d sessions", n)
	}
	h.do(call{method: "POST", path: "/api/mattermost/logout", body: `{"everywhere":true}`, cookies: in.Cookies()})
	if n := h.mm.Sessions("demo@erp.test"); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestLogoutWorksWhileMattermostIsDown(t *testing.T) {
	h := newHouse(t)
	in := h.signIn("demo@erp.test", simulator.DefaultPassword)
	h.backend.Close()
	out := h.do(call{method: "POST", path: "/api/mattermost/logout", cookies: in.Cookies()})
	if out.StatusCode != http.StatusNoContent || len(out.Cookies()) != 3 {
		t.Errorf("%d %v", out.StatusCode, out.Cookies())
	}
	if r := h.record(1); r.Code != "not_revoked" || !errors.Is(r.Err, upstream.ErrUnavailable) {
		t.Errorf("the record says %q, %v", r.Code, r.Err)
	}
}

func TestSecondSignInOfABrowserEndsTheFirst(t *testing.T) {
	h := newHouse(t)
	in := h.signIn("demo@erp.test", simulator.DefaultPassword)
	h.signIn("dana@erp.test", simulator.DefaultPassword, in.Cookies()...)
	if n := h.mm.Sessions("demo@erp.test"); n != 0 {
		t.Errorf("the first person's session is still there")
	}
}

func TestRefusalsOfEveryKindLookAlike(t *testing.T) {
	h := newHouse(t, func(_ *house, _ *httpapi.Options, o *login.Options) { o.Limiter = unlimited() })
	for _, p := range []simulator.Person{
		{Email: "off@erp.test", Inactive: true}, {Email: "bot@erp.test", Bot: true},
		{Email: "new@erp.test", Unverified: true}, {Email: "locked@erp.test", FailedAttempts: 10},
		{Email: "sso@erp.test", AuthService: "ldap"},
	} {
		h.mm.AddPerson(p)
	}
	var first answer
	for i, try := range [][2]string{
		{"demo@erp.test", "wrong-password"}, {"nobody@erp.test", "any-password"},
		{"off@erp.test", simulator.DefaultPassword}, {"off@erp.test", "wrong-password"}, {"bot@erp.test", simulator.DefaultPassword},
		{"locked@erp.test", simulator.DefaultPassword}, {"sso@erp.test", simulator.DefaultPassword},
	} {
		got := h.signIn(try[0], try[1])
		if got.StatusCode != 401 || got.code(t) != "login_refused" || len(got.Cookies()) != 0 {
			t.Errorf("%s: %d %s", try[0], got.StatusCode, got.body)
		}
		if i == 0 {
			first = got
			continue
		}
		same := func(a answer) map[string]any { m := a.json(t); delete(m, "request_id"); return m }
		if diff := cmp.Diff(same(first), same(got)); diff != "" {
			t.Errorf("%s: %s", try[0], diff)
		}
		if diff := cmp.Diff(first.Header, got.Header, cmpopts.IgnoreMapEntries(func(k string, _ []string) bool { return k == "X-Request-Id" || k == "Date" })); diff != "" {
			t.Errorf("%s: headers: %s", try[0], diff)
		}
	}
}

func unlimited() login.Limiter {
	return allow(func(string, string, netipAddr) login.Decision { return login.Decision{OK: true, Remaining: 4} })
}

func TestSixthLoginOfAMinuteIs429WithTheHeaders(t *testing.T) {
	h := newHouse(t)
	for i := range 5 {
		got := h.signIn("demo@erp.test", "wrong-password")
		if got.StatusCode != 401 || got.json(t)["attempts_left"] != float64(4-i) {
			t.Fatalf("try %d: %d %s", i+1, got.StatusCode, got.body)
		}
	}
	got := h.signIn("demo@erp.test", simulator.DefaultPassword)
	after := got.Header.Get("Retry-After")
	if got.StatusCode != 429 || got.code(t) != "rate_limited" || after != "12" || len(got.Cookies()) != 0 {
		t.Errorf("%d, Retry-After %q: %s", got.StatusCode, after, got.body)
	}
	if policy := got.Header.Get("RateLimit-Policy"); !strings.Contains(policy, `"account";q=5;w=60`) {
		t.Errorf("RateLimit-Policy %q", policy)
	}
	if state := got.Header.Get("RateLimit"); !strings.Contains(state, `"account";r=0`) {
		t.Errorf("RateLimit %q", state)
	}
	if n := h.mm.FailedAttempts("demo@erp.test"); n != 5 {
		t.Errorf("Mattermost counted %d", n)
	}
	unknown := newHouse(t)
	for range 6 {
		got = unknown.signIn("nobody@erp.test", "wrong-password")
	}
	if got.StatusCode != 429 || got.Header.Get("Retry-After") != "12" {
		t.Errorf("an unknown address is limited in another way: %d", got.StatusCode)
	}
}

func TestOneTimeCodeIsAskedForAndTaken(t *testing.T) {
	h := newHouse(t)
	const secret = "JBSWY3DPEHPK3PXP"
	h.mm.SetMFA("demo@erp.test", secret)
	if got := h.signIn("demo@erp.test", "wrong-password"); got.code(t) != "login_refused" {
		t.Errorf("a wrong password shows that a code is needed: %s", got.body)
	}
	if got := h.signIn("demo@erp.test", simulator.DefaultPassword); got.StatusCode != 401 || got.code(t) != "mfa_required" {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	wrong := h.do(call{method: "POST", path: "/api/mattermost/login", body: `{"email":"demo@erp.test","password":"demo-password","mfa_code":"000000"}`})
	if wrong.code(t) != "mfa_required" || !strings.Contains(wrong.json(t)["detail"].(string), "code is not") {
		t.Errorf("a wrong code: %s", wrong.body)
	}
	right := h.do(call{method: "POST", path: "/api/mattermost/login", body: `{"email":"demo@erp.test","password":"demo-password","mfa_code":"` + oneTimeCode(t, secret) + `"}`})
	if right.StatusCode != 200 {
		t.Errorf("the right code: %d %s", right.StatusCode, right.body)
	}
}

func TestMalformedLoginsAreClearAndReachNobody(t *testing.T) {
	h := newHouse(t)
	const right = `"email":"demo@erp.test","password":"demo-password"`
	cases := map[string]struct {
		body   string
		detail string
	}{
		"empty object":         {`{}`, "email: is required"},
		"no password":          {`{"email":"demo@erp.test"}`, "password: is required"},
		"null":                 {`null`, "body: is not a JSON object"},
		"array":                {`[]`, "body: is not a JSON object"},
		"string":               {`""`, "body: is not a JSON object"},
		"null e-mail":          {`{"email":null,"password":"x"}`, "email: is required"},
		"e-mail in a list":     {`{"email":["demo@erp.test"],"password":"x"}`, "email: is not of the right type"},
		"e-mail as an object":  {`{"email":{"$ne":1},"password":"x"}`, "email: is not of the right type"},
		"number":               {`{"email":1e400,"password":"x"}`, "email: is not of the right type"},
		"duplicate key":        {`{"email":"a@erp.test",` + right + `}`, "email: is there twice"},
		"mis-cased key":        {`{"Email":"demo@erp.test","password":"x"}`, "Email: is not a key"},
		"folded key":           {"{\"email\":\"demo@erp.test\",\"pa\u017f\u017fword\":\"x\"}", "is not a key"},
		"unknown key":          {`{` + right + `,"roles":"system_admin"}`, "roles: is not a key"},
		"token of another":     {`{` + right + `,"token":"x"}`, "token: is not a key"},
		"device id":            {`{` + right + `,"device_id":"x"}`, "device_id: is not a key"},
		"two values":           {`{` + right + `}{` + right + `}`, "body: is not valid JSON"},
		"garbage after":        {`{` + right + `} x`, "body: is not valid JSON"},
		"byte order mark":      {"\ufeff{" + right + "}", "body: is not"},
		"lone surrogate":       {`{"email":"demo@erp.test","password":"\ud800"}`, "body: is not valid JSON"},
		"not UTF-8":            {"{\"email\":\"demo@erp.test\",\"password\":\"\xff\"}", "body: is not valid JSON"},
		"Kelvin sign":          {"{\"email\":\"\u212aevin@erp.test\",\"password\":\"x\"}", "email: has characters other than"},
		"leading space":        {`{"email":" demo@erp.test","password":"x"}`, "email: has characters"},
		"username":             {`{"email":"demo","password":"x"}`, "email: is not of the form"},
		"73 bytes of password": {`{"email":"demo@erp.test","password":"` + strings.Repeat("a", 73) + `"}`, "password: is longer than 72 bytes"},
		"deep":                 {`{"email":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, "body: is not valid JSON"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := h.do(call{method: "POST", path: "/api/mattermost/login", body: c.body})
			detail, _ := got.json(t)["detail"].(string)
			if got.StatusCode != 400 || got.code(t) != "invalid_request" || !strings.Contains(detail, c.detail) {
				t.Errorf("%d %s, want a detail with %q", got.StatusCode, got.body, c.detail)
			}
			if strings.Contains(detail, "demo-password") {
				t.Error("the answer repeats what was sent")
			}
		})
	}
	if n := h.mm.Logins(); n != 0 {
		t.Errorf("Mattermost saw %d logins", n)
	}
}

func TestWhatIsNotPlainJSONIsRefusedAtTheDoor(t *testing.T) {
	h := newHouse(t)
	const body = `{"email":"demo@erp.test","password":"demo-password"}`
	for name, c := range map[string]struct {
		header map[string]string
		status int
		code   string
	}{
		"no content type":       {map[string]string{"Content-Type": ""}, 415, "unsupported_media_type"},
		"plain text":            {map[string]string{"Content-Type": "text/plain"}, 415, "unsupported_media_type"},
		"form":                  {map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"},
		"multipart":             {map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, 415, "unsupported_media_type"},
		"UTF-16":                {map[string]string{"Content-Type": "application/json; charset=utf-16"}, 415, "unsupported_media_type"},
		"gzip":                  {map[string]string{"Content-Encoding": "gzip"}, 415, "unsupported_media_type"},
		"UTF-8 is fine":         {map[string]string{"Content-Type": "application/json; charset=UTF-8"}, 200, ""},
		"another origin":        {map[string]string{"Origin": "https://evil.example"}, 403, "origin_refused"},
		"null origin":           {map[string]string{"Origin": "null"}, 403, "origin_refused"},
		"cross-site":            {map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, "origin_refused"},
		"credentials in header": {map[string]string{"Authorization": "Basic eDp5"}, 400, "invalid_request"},
		"assertion and body":    {map[string]string{"Authorization": "Bearer x.y.z"}, 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.do(call{method: "POST", path: "/api/mattermost/login", body: body, header: c.header})
			if got.StatusCode != c.status || c.code != "" && got.code(t) != c.code {
				t.Errorf("%d %s", got.StatusCode, got.body)
			}
		})
	}
	if got := h.do(call{method: "POST", path: "/api/mattermost/login?password=x", body: body}); got.StatusCode != 400 {
		t.Errorf("a password in the address: %d", got.StatusCode)
	}
	if got := h.do(call{method: "POST", path: "/api/mattermost/login"}); got.StatusCode != 415 {
		t.Errorf("no body at all: %d", got.StatusCode)
	}
}

func TestTheERPsPagesMayCallWithCredentials(t *testing.T) {
	h := newHouse(t)
	preflight := h.do(call{method: "OPTIONS", path: "/api/mattermost/login", header: map[string]string{
		"Origin": erpOrigin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type",
	}})
	if preflight.StatusCode/100 != 2 || preflight.Header.Get("Access-Control-Allow-Origin") != erpOrigin || preflight.Header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("%d %v", preflight.StatusCode, preflight.Header)
	}
	in := h.do(call{method: "POST", path: "/api/mattermost/login", body: `{"email":"demo@erp.test","password":"demo-password"}`,
		header: map[string]string{"Origin": erpOrigin, "Sec-Fetch-Site": "cross-site"}})
	if in.StatusCode != 200 || in.Header.Get("Access-Control-Allow-Origin") != erpOrigin {
		t.Errorf("%d %v", in.StatusCode, in.Header)
	}
	for _, origin := range []string{"https://evil.example", "null", "http://erp.test.evil.example", "http://erp.test:8080"} {
		got := h.do(call{method: "GET", path: "/api/mattermost/session", header: map[string]string{"Origin": origin}})
		if allowed := got.Header.Get("Access-Control-Allow-Origin"); allowed != "" {
			t.Errorf("%s may read: %q", origin, allowed)
		}
	}
}

func TestFaultsOfMattermostAreOneClearAnswer(t *testing.T) {
	cases := map[string]struct {
		err    error
		status int
		code   string
		after  bool
	}{
		"down":     {upstream.ErrUnavailable, 503, "upstream_unavailable", true},
		"slow":     {upstream.ErrTimeout, 504, "upstream_timeout", false},
		"nonsense": {upstream.ErrInvalid, 502, "upstream_invalid", false},
		"limiting": {&upstream.Throttled{RetryAfter: 1500 * time.Millisecond}, 429, "rate_limited", true},
		"busy":     {&login.Busy{RetryAfter: 2 * time.Second}, 503, "busy", true},
		"other":    {errors.New("secret detail"), 500, "internal", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(_ *house, _ *httpapi.Options, o *login.Options) { o.Passwords = failing{c.err} })
			got := h.signIn("demo@erp.test", "any-password")
			if got.StatusCode != c.status || got.code(t) != c.code || (got.Header.Get("Retry-After") != "") != c.after {
				t.Errorf("%d %v %s", got.StatusCode, got.Header, got.body)
			}
			if strings.Contains(string(got.body), "secret") || len(got.Cookies()) > 0 {
				t.Errorf("the answer says too much: %s", got.body)
			}
			if r := h.record(0); r.Code != c.code || r.Err == nil || r.Route != "/api/mattermost/login" {
				t.Errorf("the record: %+v", r)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) SignIn(context.Context, emailAddress, string, string, login.Client) (login.Session, error) {
	return login.Session{}, f.err
}

func TestCausesAreShownInDevelopmentOnly(t *testing.T) {
	for _, development := range []bool{true, false} {
		h := newHouse(t, func(_ *house, a *httpapi.Options, o *login.Options) {
			a.Development, o.Passwords = development, failing{errors.New("the cause")}
		})
		if got := h.signIn("demo@erp.test", "any"); strings.Contains(string(got.body), "the cause") != development {
			t.Errorf("development %t: %s", development, got.body)
		}
	}
}
