package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"matterpass/internal/simulator"
)

// leaveAfter sends a sign-in and resets the connection after a while.
func (h *hostile) leaveAfter(email, password string, patience time.Duration) {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Error(err)
		return
	}
	body := fmt.Sprintf(`{"email":%q,"password":%q}`, email, password)
	_, _ = fmt.Fprintf(conn, "POST /api/mattermost/login HTTP/1.1\r\nHost: chat.example.com\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	time.Sleep(patience)
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// TestASignInWhoseClientLeftLeavesNoSession: Mattermost finishes what it has
// begun, whoever still waits for it.
func TestASignInWhoseClientLeftLeavesNoSession(t *testing.T) {
	h := attacked(t, simulator.Options{HashTime: 200 * time.Millisecond})
	for range 3 {
		before := h.mm.Logins()
		h.leaveAfter("dana@erp.test", "demo-password", 60*time.Millisecond)
		if h.mm.Logins() == before {
			t.Log("it left too early to show anything")
		}
	}
	time.Sleep(250 * time.Millisecond) // the hash of the last one
	for deadline := time.Now().Add(5 * time.Second); h.mm.Sessions("dana@erp.test") != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions that nobody holds", h.mm.Sessions("dana@erp.test"))
		}
	}
}

// TestClientsThatLeaveDoNotPushPastTheQueue: Mattermost checks one password at a
// time, also of those who did not wait for the answer.
func TestClientsThatLeaveDoNotPushPastTheQueue(t *testing.T) {
	h := attacked(t, simulator.Options{HashTime: 100 * time.Millisecond}, func(env map[string]string) { env["MM_LOGIN_CONCURRENCY"] = "2" })
	for i := range 40 {
		h.mm.AddPerson(simulator.Person{Email: fmt.Sprintf("p%d@corp.com", i)})
	}
	for i := range 40 {
		h.leaveAfter(fmt.Sprintf("p%d@corp.com", i), "wrong", 5*time.Millisecond)
	}
	start := time.Now()
	if got := h.post("/api/mattermost/login", rightPassword); got.StatusCode != 200 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if took, n := time.Since(start), h.mm.Logins(); n > 12 || took > 1500*time.Millisecond {
		t.Errorf("%d sign-ins reached Mattermost and the next person waited %s", n, took)
	}
}

// TestNobodySaysForAnotherWhoTheyAre sends every header by which a server in
// front could say it, in every spelling that a server behind could read.
func TestNobodySaysForAnotherWhoTheyAre(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]http.Header{}
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.URL.Path] = r.Header.Clone()
		seen[r.URL.Path].Set("Host", r.Host)
	}))
	t.Cleanup(upstream.Close)
	h := attacked(t, simulator.Options{}, func(env map[string]string) { env["MM_BASE_URL"], env["TRUSTED_PROXIES"] = upstream.URL, "" })
	var lines strings.Builder
	for _, name := range []string{
		"X-Forwarded-For", "X_Forwarded_For", "X.Forwarded.For", "x-forwarded-FOR", "X-Real-IP", "X_Real_IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP", "Client-IP",
		"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Method-Override",
		"Mattermost-User-Id", "Mattermost_User_Id", "Proxy", "Via",
	} {
		lines.WriteString(name + ": evil.example\r\n")
	}
	h.raw("GET /api/v4/x HTTP/1.1\r\nHost: chat.example.com\r\n" + lines.String() + "Connection: close, X-Forwarded-For, X-Real-Ip, X-Forwarded-Proto, Cookie, Authorization\r\nCookie: MMAUTHTOKEN=good\r\nAuthorization: Bearer mine\r\n\r\n")
	mu.Lock()
	defer mu.Unlock()
	got := seen["/api/v4/x"]
	for name, values := range got {
		if strings.Contains(strings.Join(values, ","), "evil") {
			t.Errorf("Mattermost is told %s: %q", name, values)
		}
	}
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "chat.example.com", "Host": "chat.example.com",
		"Cookie": "MMAUTHTOKEN=good", "Authorization": "Bearer mine",
	} {
		if got.Get(name) != want {
			t.Errorf("Mattermost is told %s: %q, want %q", name, got.Values(name), want)
		}
	}
}

// TestARefusedAdminTokenClosesProvisioningAloneAndItsFileIsFollowed: hostile.md
// F-11, without a restart.
func TestARefusedAdminTokenClosesProvisioningAloneAndItsFileIsFollowed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string, at time.Time) {
		if err := os.WriteFile(file, []byte(token+"\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write(goneToken, time.Now().Add(-time.Hour))
	h := attacked(t, simulator.Options{}, func(env map[string]string) {
		delete(env, "MM_ADMIN_TOKEN")
		env["MM_ADMIN_TOKEN_FILE"] = file
	})
	provision := func() answer {
		return h.post("/api/mattermost/provision", `{"email":"new@corp.com"}`, "Authorization", "Bearer "+key32)
	}
	if got := provision(); got.StatusCode != 503 || got.field(t, "code") != "admin_token_rejected" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := h.post("/api/mattermost/login", rightPassword); got.StatusCode != 200 {
		t.Errorf("the login: %d %s", got.StatusCode, got.body)
	}
	if got := ask(t, "GET", "http://"+h.addr+"/readyz", ""); got.StatusCode != 503 || strings.Contains(got.body, "token") {
		t.Errorf("readyz: %d %s", got.StatusCode, got.body)
	}
	write(h.mm.AdminToken(), time.Now())
	for deadline := time.Now().Add(10 * time.Second); provision().StatusCode != 201; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new token is not taken")
		}
	}
	if strings.Contains(h.log.String(), h.mm.AdminToken()) || strings.Contains(h.log.String(), goneToken) {
		t.Error("a token is in the log")
	}
}

// TestAnEndlessDownloadEndsWithItsReader: hostile.md O-7.
func TestAnEndlessDownloadEndsWithItsReader(t *testing.T) {
	ended := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v4/files/x" {
			return
		}
		defer close(ended)
		block := strings.Repeat("a", 64<<10)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	}))
	t.Cleanup(upstream.Close)
	h := attacked(t, simulator.Options{}, func(env map[string]string) { env["MM_BASE_URL"] = upstream.URL })
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET /api/v4/files/x HTTP/1.1\r\nHost: chat.example.com\r\n\r\n")
	if n, err := io.CopyN(io.Discard, conn, 8<<20); err != nil {
		t.Fatalf("%d bytes: %v", n, err)
	}
	_ = conn.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("Mattermost goes on sending to nobody")
	}
}

// goneToken has the form of a token that was revoked.
const goneToken = "k3j9w2q8x7c5v1b6n4m0zpyrte"
