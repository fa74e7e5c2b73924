package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"matterpass/internal/simulator"
)

var (
	requestID = regexp.MustCompile(`"request_id":"[^"]*"`)
	seconds   = regexp.MustCompile(`[tr]=[0-9]+|"retry_after":[0-9]+`)
)

// fingerprint is all of an answer that may not depend on who was asked for.
func fingerprint(a answer) string {
	var lines []string
	for name, values := range a.Header {
		switch name {
		case "Date", "X-Request-Id":
		case "Retry-After":
			lines = append(lines, name)
		default:
			lines = append(lines, name+": "+seconds.ReplaceAllString(strings.Join(values, ", "), "…"))
		}
	}
	slices.Sort(lines)
	body := requestID.ReplaceAllString(seconds.ReplaceAllString(a.body, "…"), "…")
	return fmt.Sprint(a.StatusCode, " ", strings.Join(lines, "\n"), "\n", body)
}

// TestRefusalsDoNotTellWhoExists asks, interleaved and at both doors, for people
// whom Mattermost refuses for every reason it has.
func TestRefusalsDoNotTellWhoExists(t *testing.T) {
	h := attacked(t, simulator.Options{HashTime: 20 * time.Millisecond, Configure: func(s *simulator.Settings) {
		s.EmailSettings.RequireEmailVerification = true
	}})
	for name, p := range map[string]simulator.Person{
		"wrong": {}, "inactive": {Inactive: true}, "locked": {FailedAttempts: 10}, "unverified": {Unverified: true},
		"bot": {Bot: true}, "ldap": {AuthService: "ldap"}, "gitlab": {AuthService: "gitlab"}, "mfa": {MFASecret: "JBSWY3DPEHPK3PXP"},
	} {
		p.Email = name + "@corp.com"
		h.mm.AddPerson(p)
	}
	people := []string{"wrong", "unknown", "inactive", "locked", "unverified", "bot", "ldap", "gitlab", "mfa"}
	var mu sync.Mutex
	own, web := map[string][]string{}, map[string][]string{}
	inParallel(4*len(people), 12, func(i int) {
		who := people[i%len(people)]
		round := i / len(people)
		start := time.Now()
		var got answer
		kind := own
		if round%2 == 0 {
			got = h.guess(who + "@corp.com")
		} else {
			kind = web
			got = h.webGuess("/api/v4/users/login", "login_id", who+"@corp.com", "192.0.2.1")
		}
		if took := time.Since(start); took < 250*time.Millisecond {
			t.Errorf("%s: refused after %s", who, took)
		}
		holdsNoSession(t, who, got.Header)
		mu.Lock()
		defer mu.Unlock()
		kind[who] = append(kind[who], attemptsLeft.ReplaceAllString(fingerprint(got), "…"))
	})
	for _, kind := range []map[string][]string{own, web} {
		for who, prints := range kind {
			for _, print := range prints {
				if print != kind["unknown"][0] {
					t.Errorf("%s is told from unknown:\n%s\n\n%s", who, print, kind["unknown"][0])
				}
			}
		}
	}
}

var attemptsLeft = regexp.MustCompile(`"attempts_left":[0-9]`)

// TestCodesThatAreNoneAreNoFailuresAtMattermost: Mattermost counts whatever is
// sent as a code, and answers as if there had been none.
func TestCodesThatAreNoneAreNoFailuresAtMattermost(t *testing.T) {
	const secret = "JBSWY3DPEHPK3PXP"
	h := attacked(t, simulator.Options{}, func(env map[string]string) { env["RATE_LIMIT_LOGIN"] = "1000/1s" })
	h.mm.SetMFA("demo@erp.test", secret)
	for _, code := range []string{"", " ", "   ", "\t", "abc", "1;2", "１２３４５６", strings.Repeat("1", 17)} {
		body, _ := json.Marshal(map[string]string{"email": "demo@erp.test", "password": "demo-password", "mfa_code": code})
		got := h.post("/api/mattermost/login", string(body))
		if got.StatusCode != 401 && got.StatusCode != 400 {
			t.Errorf("%q: %d %s", code, got.StatusCode, got.body)
		}
	}
	if n := h.mm.FailedAttempts("demo@erp.test"); n != 0 {
		t.Errorf("Mattermost counts %d failures of which we know nothing", n)
	}
	code, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	spaced := code[:3] + " " + code[3:] + " " // as people read it off
	if got := h.post("/api/mattermost/login", `{"email":"demo@erp.test","password":"demo-password","mfa_code":"`+spaced+`"}`); got.StatusCode != 200 {
		t.Errorf("a code with a space in it: %d %s", got.StatusCode, got.body)
	}
}

// TestNoSessionLeavesUnlessItIsTheAnswerToThisRequest puts a Mattermost behind us
// that sends a session with everything: in headers, trailers, hints and bodies.
func TestNoSessionLeavesUnlessItIsTheAnswerToThisRequest(t *testing.T) {
	const token = "stolenstolenstolenstolenst"
	careless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		session := func(h http.Header) {
			h.Set("Token", token)
			h.Add("Set-Cookie", "MMAUTHTOKEN="+token+"; Path=/; HttpOnly")
		}
		status := 200
		_, _ = fmt.Sscanf(r.Header.Get("User-Agent"), "status %d", &status)
		w.Header().Set("Trailer", "Token, Set-Cookie, Checksum")
		w.Header().Set("Link", "</x>; rel=preload")
		w.Header().Set("Token", token)
		w.Header().Set("Set-Cookie", "MMAUTHTOKEN="+token)
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Set-Cookie")
		if strings.HasSuffix(r.URL.Path, "/login") {
			session(w.Header())
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status >= 200 && status != 204 && status != 304 {
			_, _ = io.WriteString(w, `{"id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","email":"mallory@erp.test","username":"mallory","roles":"system_user"}`)
		}
		session(w.Header())
		w.Header().Set("Checksum", "7")
		w.Header().Set(http.TrailerPrefix+"Token", token)
	})
	upstream := httptest.NewServer(careless)
	t.Cleanup(upstream.Close)
	h := attacked(t, simulator.Options{}, func(env map[string]string) {
		env["MM_BASE_URL"], env["RATE_LIMIT_LOGIN"], env["MM_ADMIN_TOKEN"] = upstream.URL, "1000/1s", ""
	})
	const body = `{"login_id":"demo@erp.test","password":"x"}`
	const ours = `{"email":"demo@erp.test","password":"x"}`
	var all sync.WaitGroup
	for _, status := range []int{200, 201, 204, 301, 400, 401, 403, 404, 418, 429, 500, 503} {
		for name, request := range map[string]string{
			"our login":      "POST /api/mattermost/login HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: " + fmt.Sprint(len(ours)),
			"its login":      "POST /api/v4/users/login HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: " + fmt.Sprint(len(body)),
			"a page":         "GET /erp/channels/town-square HTTP/1.1",
			"a page's head":  "HEAD /erp/channels/town-square HTTP/1.1",
			"the session":    "GET /api/mattermost/session HTTP/1.1\r\nCookie: MMAUTHTOKEN=aaaaaaaaaaaaaaaaaaaaaaaaaa",
			"its other ways": "POST /api/v4/users/login/cws HTTP/1.1\r\nContent-Length: 0",
		} {
			content := map[string]string{"our login": ours, "its login": body}[name]
			all.Go(func() {
				got := h.raw(request + "\r\nHost: chat.example.com\r\nConnection: close\r\nTE: trailers\r\nUser-Agent: status " + fmt.Sprint(status) + "\r\n\r\n" + content)
				if strings.Contains(got, token) || len(statuses(got)) != 1 {
					t.Errorf("%s, answered with %d:\n%s", name, status, got)
				}
			})
		}
	}
	all.Wait()
	if strings.Contains(h.log.String(), token) {
		t.Error("the token is in the log")
	}
}

// TestMalformedSignInsReachNobody: hostile.md E1 to E4 and E7 to E12, on the wire.
func TestMalformedSignInsReachNobody(t *testing.T) {
	h := attacked(t, simulator.Options{})
	const good = rightPassword
	login := func(body string, header ...string) answer { return h.post("/api/mattermost/login", body, header...) }
	for name, c := range map[string]struct {
		got    answer
		status int
	}{
		"a second spelling of a key": {login(`{"email":"dana@erp.test","EMAIL":"demo@erp.test","password":"x"}`), 400},
		"a key twice":                {login(`{"email":"dana@erp.test","email":"demo@erp.test","password":"x"}`), 400},
		"a key twice, once escaped":  {login(`{"email":"dana@erp.test","\u0065mail":"demo@erp.test","password":"x"}`), 400},
		"a folded key":               {login(`{"email":"dana@erp.test","paſſword":"x"}`), 400},
		"two values":                 {login(good + good), 400},
		"something after it":         {login(good + "x"), 400},
		"null":                       {login("null"), 400},
		"a list":                     {login("[" + good + "]"), 400},
		"text":                       {login(`""`), 400},
		"a byte order mark":          {login("\ufeff" + good), 400},
		"no address":                 {login(`{"email":null,"password":"x"}`), 400},
		"a list of addresses":        {login(`{"email":["demo@erp.test"],"password":"x"}`), 400},
		"a query":                    {login(`{"email":{"$ne":1},"password":{"$ne":1}}`), 400},
		"a number":                   {login(`{"email":1e400,"password":"x"}`), 400},
		"login_id":                   {login(`{"login_id":"demo","email":"demo@erp.test","password":"demo-password"}`), 400},
		"a role":                     {login(`{"email":"demo@erp.test","password":"demo-password","roles":"system_admin"}`), 400},
		"__proto__":                  {login(`{"email":"demo@erp.test","password":"demo-password","__proto__":{}}`), 400},
		"an assertion beside it":     {login(good, "Authorization", "Bearer a.b.c"), 400},
		"a password in the address":  {h.post("/api/mattermost/login?password=x", good), 400},
		"a very deep one":            {login(strings.Repeat(`{"email":`, 6000) + "1" + strings.Repeat("}", 6000)), 400},
		"ten thousand keys":          {login("{" + strings.Repeat(`"a":1,`, 10_000) + `"b":1}`), 400},
		"a password of 73 bytes":     {login(`{"email":"demo@erp.test","password":"` + strings.Repeat("a", 73) + `"}`), 400},
		"no password":                {login(`{"email":"demo@erp.test","password":""}`), 400},
		"a NUL in it":                {login(`{"email":"demo@erp.test","password":"a\u0000b"}`), 400},
		"half a character":           {login(`{"email":"demo@erp.test","password":"\ud800"}`), 400},
		"bytes that are no text":     {login("{\"email\":\"demo@erp.test\",\"password\":\"\xff\"}"), 400},
		"compressed":                 {login(good, "Content-Encoding", "gzip"), 415},
		"a form":                     {login("email=demo@erp.test", "Content-Type", "application/x-www-form-urlencoded"), 415},
		"text/plain":                 {login(good, "Content-Type", "text/plain"), 415},
		"UTF-16":                     {login(good, "Content-Type", "application/json; charset=utf-16"), 415},
		"jsonp":                      {login(good, "Content-Type", "application/jsonp"), 415},
		"no type":                    {login(good, "Content-Type", ""), 415},
		"GET":                        {ask(t, "GET", "http://"+h.addr+"/api/mattermost/login", ""), 405},
		"PUT":                        {ask(t, "PUT", "http://"+h.addr+"/api/mattermost/login", good), 405},
		"a session of a browser":     {h.post("/api/mattermost/login;jsessionid=1", good), 404},
	} {
		if c.got.StatusCode != c.status || !strings.HasPrefix(c.got.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %d %.200s, want %d", name, c.got.StatusCode, c.got.body, c.status)
		}
		holdsNoSession(t, name, c.got.Header)
	}
	if n := h.mm.Logins(); n != 0 {
		t.Errorf("Mattermost was asked %d times", n)
	}
}
