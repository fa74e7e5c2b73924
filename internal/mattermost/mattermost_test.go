package mattermost_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"matterpass/internal/login"
	"matterpass/internal/mattermost"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	demoID    = "435uqz4cqp8mjdb33fy5urg1pa"
	danaID    = "pqrsm7cuktrpdm8fooh5erfskw"
	demoToken = "frmcaanrninw9xks9d757kn96c"
	demoCSRF  = "tz43qix4ibfu8myixs6xmauqre"
	admin     = "barzrffgu38c7n6izgsi3rq1zr"
	demoUser  = `{"id":"` + demoID + `","username":"demo","email":"demo@erp.test","roles":"system_user","locale":"en"}`
)

var browser = login.Client{Addr: netip.MustParseAddr("203.0.113.7"), UserAgent: "Firefox/150"}

// script is a Mattermost that answers what a test tells it to, by method and path
// below /api/v4, and notes what it was asked.
type script struct {
	answers map[string]http.HandlerFunc
	mu      sync.Mutex
	asked   []string
	seen    map[string]*http.Request
	bodies  map[string]string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key := r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), "/api/v4/")
	s.mu.Lock()
	s.asked = append(s.asked, key)
	s.seen[key], s.bodies[key] = r, string(body)
	answer := s.answers[key]
	s.mu.Unlock()
	if answer == nil {
		answer = refuse(http.StatusNotFound, "api.context.404.app_error")
	}
	answer(w, r)
}

func (s *script) set(key string, answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[key] = answer
}

func (s *script) times(key string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, asked := range s.asked {
		if asked == key {
			n++
		}
	}
	return n
}

func (s *script) request(t *testing.T, key string) (*http.Request, string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[key] == nil {
		t.Fatalf("nobody asked %s, only %v", key, s.asked)
	}
	return s.seen[key], s.bodies[key]
}

// serve starts a script that works: its ping is healthy and demo can sign in.
func serve(t *testing.T) (*script, string) {
	t.Helper()
	s := &script{seen: map[string]*http.Request{}, bodies: map[string]string{}, answers: map[string]http.HandlerFunc{
		signIn: signedIn(demoUser, demoToken, demoCSRF),
		ping:   reply(200, `{"status":"OK","database_status":"OK"}`),
		me:     reply(200, demoUser),
	}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

const (
	signIn  = "POST users/login"
	signOut = "POST users/logout"
	ping    = "GET system/ping"
	me      = "GET users/me"
)

// start returns a script and a client of it.
func start(t *testing.T, change ...func(*mattermost.Options)) (*script, *mattermost.Client) {
	t.Helper()
	s, url := serve(t)
	options := mattermost.Options{BaseURL: url, AdminToken: func() string { return admin }, Timeout: 5 * time.Second}
	for _, f := range change {
		f(&options)
	}
	c := mattermost.New(options)
	t.Cleanup(c.Close)
	return s, c
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// refuse answers as Mattermost does. The body's status is a lie: HTTP's counts.
func refuse(status int, id string) http.HandlerFunc {
	return reply(status, fmt.Sprintf(`{"id":%q,"message":"no","detailed_error":"","status_code":200}`, id))
}

func signedIn(user, token, csrf string) http.HandlerFunc {
	var id struct{ ID string }
	_ = json.Unmarshal([]byte(user), &id)
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Token", token)
		if r.Header.Get("X-Requested-With") == "XMLHttpRequest" {
			h.Add("Set-Cookie", "MMAUTHTOKEN="+token+"; Path=/; Expires=Tue, 22 Dec 2026 03:56:18 GMT; Max-Age=2592000; HttpOnly")
			h.Add("Set-Cookie", "MMUSERID="+id.ID+"; Path=/; Max-Age=2592000")
			h.Add("Set-Cookie", "MMCSRF="+csrf+"; Path=/; Max-Age=2592000")
		}
		reply(200, user+"\n")(w, r)
	}
}

// wire is a network that a test plays itself.
type wire func(*http.Request) (*http.Response, error)

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

// startOn returns a client on a wire, for tests of faults and of time.
func startOn(t *testing.T, w wire, change ...func(*mattermost.Options)) (*observed, *mattermost.Client) {
	t.Helper()
	o := &observed{}
	options := mattermost.Options{
		BaseURL: "http://mattermost.test", AdminToken: func() string { return admin }, Transport: w, Observe: o.observe,
	}
	for _, f := range change {
		f(&options)
	}
	return o, mattermost.New(options)
}

// observed notes "operation outcome" of every call.
type observed struct {
	mu    sync.Mutex
	calls []string
}

func (o *observed) observe(operation, outcome string, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, operation+" "+outcome)
}

// answer is a response as a wire hands it over.
func answer(status int, body string, headers ...string) (*http.Response, error) {
	r := httptest.NewRecorder()
	r.Header().Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header().Set(headers[i], headers[i+1])
	}
	r.WriteHeader(status)
	_, _ = r.WriteString(body)
	return r.Result(), nil
}
