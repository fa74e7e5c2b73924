package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"matterpass/internal/servertest"
)

// TestFaultsOfMattermostAreOneAnswerAndLeaveTheProgramHealthy puts a scripted
// server in Mattermost's place: what it does to the login decides the case.
func TestFaultsOfMattermostAreOneAnswerAndLeaveTheProgramHealthy(t *testing.T) {
	const (
		user  = `{"id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","username":"demo","email":"demo@erp.test","roles":"system_user"}`
		other = `{"id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","username":"dana","email":"dana@erp.test","roles":"system_user"}`
		token = "tttttttttttttttttttttttttt"
		csrf  = "cccccccccccccccccccccccccc"
	)
	signedIn := func(w http.ResponseWriter, token, csrf, body string) {
		if token != "" {
			w.Header().Set("Token", token)
		}
		for _, line := range []string{"MMAUTHTOKEN=" + token + "; Path=/; HttpOnly", "MMUSERID=aaaaaaaaaaaaaaaaaaaaaaaaaa; Path=/", "MMCSRF=" + csrf + "; Path=/"} {
			w.Header().Add("Set-Cookie", line)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
	bomb := gzipped(strings.Repeat(" ", 4<<20))
	cases := map[string]struct {
		login  http.HandlerFunc
		status int
		code   string
	}{
		"a good answer":   {func(w http.ResponseWriter, _ *http.Request) { signedIn(w, token, csrf, user) }, 200, ""},
		"token missing":   {func(w http.ResponseWriter, _ *http.Request) { signedIn(w, "", csrf, user) }, 502, "upstream_invalid"},
		"token of 27":     {func(w http.ResponseWriter, _ *http.Request) { signedIn(w, token+"t", csrf, user) }, 502, "upstream_invalid"},
		"token with more": {func(w http.ResponseWriter, _ *http.Request) { signedIn(w, "abc; Domain=evil.example", csrf, user) }, 502, "upstream_invalid"},
		"two tokens": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Token", token)
			w.Header().Add("Token", token)
			signedIn(w, "", csrf, user)
		}, 502, "upstream_invalid"},
		"no CSRF value":   {func(w http.ResponseWriter, _ *http.Request) { signedIn(w, token, "", user) }, 502, "upstream_invalid"},
		"another account": {func(w http.ResponseWriter, _ *http.Request) { signedIn(w, token, csrf, other) }, 502, "upstream_invalid"},
		"null":            {func(w http.ResponseWriter, _ *http.Request) { signedIn(w, token, csrf, "null") }, 502, "upstream_invalid"},
		"a list":          {func(w http.ResponseWriter, _ *http.Request) { signedIn(w, token, csrf, "[]") }, 502, "upstream_invalid"},
		"empty":           {func(w http.ResponseWriter, _ *http.Request) { signedIn(w, token, csrf, "") }, 502, "upstream_invalid"},
		"truncated": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9999")
			signedIn(w, token, csrf, user)
		}, 502, "upstream_invalid"},
		"HTML": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>sign in to the Wi-Fi")
		}, 502, "upstream_invalid"},
		"HTML and 502": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			_, _ = io.WriteString(w, strings.Repeat("<html>", 1000))
		}, 503, "upstream_unavailable"},
		"500": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 503, "upstream_unavailable"},
		"redirect elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusTemporaryRedirect)
		}, 502, "upstream_invalid"},
		"204": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 502, "upstream_invalid"},
		"304": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, 502, "upstream_invalid"},
		"429 in plain text": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1000000000")
			w.WriteHeader(429)
			_, _ = io.WriteString(w, "limit exceeded\n")
		}, 429, "rate_limited"},
		"100 MB": {func(w http.ResponseWriter, _ *http.Request) { signedIn(w, token, csrf, user[:len(user)-1]); flood(w) }, 502, "upstream_invalid"},
		"gzip bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		}, 502, "upstream_invalid"},
		"slow": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 504, "upstream_timeout"},
		"slow body": {func(w http.ResponseWriter, r *http.Request) {
			signedIn(w, token, csrf, user[:20])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, 504, "upstream_timeout"},
		"reset": {reset, 503, "upstream_unavailable"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.HandleFunc("POST /api/v4/users/login", func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // net/http notices a client that left only after the body
				c.login(w, r)
			})
			mux.HandleFunc("GET /api/v4/system/ping", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, `{"status":"OK","database_status":"OK","filestore_status":"OK"}`)
			})
			upstream := httptest.NewServer(mux)
			defer upstream.Close()
			env, _ := production(t)
			env["MM_BASE_URL"], env["MM_TIMEOUT"], env["MM_ADMIN_TOKEN"], env["APP_ENV"] = upstream.URL, "400ms", "", "development"
			s := serve(t, env)
			start := time.Now()
			got := ask(t, "POST", "http://"+s.addr+"/api/mattermost/login", `{"email":"demo@erp.test","password":"demo-password"}`)
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("took %s", took)
			}
			if got.StatusCode != c.status || c.code != "" && got.field(t, "code") != c.code {
				t.Errorf("%d %s", got.StatusCode, got.body)
			}
			if got.StatusCode != 200 && len(got.Header.Values("Set-Cookie")) != 0 {
				t.Errorf("a failed sign-in set %v", got.Header.Values("Set-Cookie"))
			}
			if after := got.Header.Get("Retry-After"); got.StatusCode == 429 && after != "60" {
				t.Errorf("Retry-After %q", after)
			}
			if alive := ask(t, "GET", "http://"+s.addr+"/healthz", ""); alive.StatusCode != 200 {
				t.Errorf("not alive: %d", alive.StatusCode)
			}
			if log := s.log.String(); strings.Contains(log, token) || len(log) > 20_000 {
				t.Errorf("the log holds too much (%d bytes)", len(log))
			}
		})
	}
}

func flood(w io.Writer) {
	block := strings.Repeat(" ", 1<<20)
	for range 100 {
		if _, err := io.WriteString(w, block); err != nil {
			return
		}
	}
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text) // a buffer does not fail
	_ = z.Close()
	return b.Bytes()
}

func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func TestMattermostDownIsToldAndItsReturnNoticed(t *testing.T) {
	env, _ := production(t)
	backend := env["MM_BASE_URL"]
	address := strings.TrimPrefix(backend, "http://")
	away := servertest.FreeAddr()
	env["MM_BASE_URL"] = "http://" + away
	s := serve(t, env)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/api/mattermost/health": 503, "/api/v4/users/me": 503} {
		if got := ask(t, "GET", "http://"+s.addr+path, ""); got.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, got.StatusCode, want)
		}
	}
	for range 8 { // until the breaker is open, and with it open
		got := ask(t, "POST", "http://"+s.addr+"/api/mattermost/login", `{"email":"demo@erp.test","password":"demo-password"}`, "X-Forwarded-For", "192.0.2.7")
		if got.StatusCode == 429 {
			break
		}
		if got.StatusCode != 503 || got.field(t, "code") != "upstream_unavailable" || got.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s", got.StatusCode, got.body)
		}
	}
	page := ask(t, "GET", "http://"+s.addr+"/erp/channels/town-square", "", "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Mode", "navigate")
	if page.StatusCode != 503 || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") || strings.Contains(page.body, away) {
		t.Errorf("the page for people: %d %s", page.StatusCode, page.body)
	}
	relay(t, away, address) // Mattermost comes back
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if ask(t, "GET", "http://"+s.addr+"/readyz", "").StatusCode == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("its return was not noticed")
		}
	}
	if got := ask(t, "POST", "http://"+s.addr+"/api/mattermost/login", `{"email":"dana@erp.test","password":"demo-password"}`); got.StatusCode != 200 {
		t.Errorf("after its return: %d %s", got.StatusCode, got.body)
	}
}

// relay listens on one address and passes every connection on to another.
func relay(t *testing.T, from, to string) {
	t.Helper()
	l, err := net.Listen("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
}

func TestHostileTextStaysOneLineOfLog(t *testing.T) {
	h := startDemo(t)
	p := h.newPerson()
	for _, text := range []string{"\x1b]0;owned\x07", "a\u2028b", `"},{"level":"panic"`, "%s%n%x", "\u202eevil", strings.Repeat("A", 60_000)} {
		body := fmt.Sprintf(`{"email":%q,"password":"x"}`, text)
		p.send("POST", "/api/mattermost/login", body, "User-Agent", strings.Map(printable, text))
		p.send("GET", "/any/path?"+strings.Repeat("q", 100), "", "Referer", strings.Map(printable, text), "X-Request-Id", "<script>")
	}
	h.end()
	for line := range strings.Lines(h.log.String()) {
		if strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x1b\x07\r\u2028\u202e") || len(line) > 2000 || !strings.HasPrefix(line, "{") {
			t.Errorf("a line of %d bytes: %.200q", len(line), line)
		}
	}
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}
