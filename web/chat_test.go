package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"matterpass/internal/cookie"
	"matterpass/internal/httpapi"
	"matterpass/web"
)

// call is what the fake chat server saw of one request to the API.
type call struct {
	at   time.Time
	name string // "login"
	body string
}

// fakeChat plays Matterpass for the widget: its answers can be scripted per
// endpoint, what is not scripted works.
type fakeChat struct {
	url   string
	shell http.Handler // the program's own

	mu       sync.Mutex
	calls    []call
	script   map[string][]answer // by endpoint; the last one stays
	cookies  string              // attributes of the session cookie
	thieving bool                // the chat page takes the focus
	held     <-chan struct{}     // the chat page waits for it
}

// answer is a scripted one; hold delays it until the channel is closed.
type answer struct {
	status int
	header map[string]string
	body   string
	hold   <-chan struct{}
}

// works lets an endpoint behave after some scripted answers.
var works = answer{}

func newFakeChat(t *testing.T) *fakeChat {
	t.Helper()
	f := &fakeChat{script: map[string][]answer{}, cookies: "; Path=/; Secure; SameSite=None; Partitioned"}
	f.url = serve(t, "chat.localhost", f)
	f.allow("http://erp.localhost:1")
	return f
}

// allow says which page may hold the shell.
func (f *fakeChat) allow(origin string) {
	api := httpapi.New(httpapi.Options{
		Shell: web.Shell(), ChatOrigin: f.url, ChatURL: f.url + "/erp/channels/town-square", Team: "erp", AllowedOrigins: []string{origin}, InsecureOrigins: true,
	})
	policy := cookie.Settings{Secure: cookie.Always}.Policy(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shell = cookie.Middleware(func(*http.Request) cookie.Policy { return policy })(api.Handler())
}

// serve listens on loopback under a name of its own: Chromium resolves
// *.localhost by itself, treats it as secure, and two of them as cross-site
// (docs/webapp.md C9).
func serve(t *testing.T, host string, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + host + ":" + port
}

// on scripts the answers of an endpoint, in order.
func (f *fakeChat) on(name string, answers ...answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script[name] = answers
}

// hold lets the chat page wait.
func (f *fakeChat) hold(until <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = until
}

// seen are the calls of some endpoints, or of all, without preflights.
func (f *fakeChat) seen(names ...string) (out []call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if len(names) == 0 || strings.Contains(" "+strings.Join(names, " ")+" ", " "+c.name+" ") {
			out = append(out, c)
		}
	}
	return out
}

// order of the calls so far: "health session login session".
func (f *fakeChat) order() string {
	var names []string
	for _, c := range f.seen() {
		names = append(names, c.name)
	}
	return strings.Join(names, " ")
}

func (f *fakeChat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, isAPI := strings.CutPrefix(r.URL.Path, "/api/mattermost/")
	switch {
	case isAPI:
		f.api(w, r, name)
	case r.URL.Path == "/embed" || strings.HasPrefix(r.URL.Path, "/embed/"):
		f.mu.Lock()
		shell := f.shell
		f.mu.Unlock()
		shell.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, "/api/v4/"):
		http.Error(w, "{}", http.StatusNotFound)
	case r.URL.Path == "/widget/v1/matterpass.js":
		w.Header().Set("Access-Control-Allow-Origin", "*")
		http.ServeFileFS(w, r, web.Widget(), "matterpass.js")
	default:
		f.page(w, r)
	}
}

func (f *fakeChat) api(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, _ := io.ReadAll(r.Body)
	a := f.next(call{time.Now(), name, string(body)})
	if a.hold != nil {
		select {
		case <-a.hold:
		case <-r.Context().Done():
			return
		}
	}
	if a.status == 0 {
		f.behave(w, r, name, string(body))
		return
	}
	for key, value := range a.header {
		h.Set(key, value)
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(a.status)
	_, _ = fmt.Fprint(w, a.body)
}

// next records a call and takes the answer scripted for it.
func (f *fakeChat) next(c call) answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	answers := f.script[c.name]
	if len(answers) == 0 {
		return works
	}
	if len(answers) > 1 {
		f.script[c.name] = answers[1:]
	}
	return answers[0]
}

// behave as Matterpass does when all is well.
func (f *fakeChat) behave(w http.ResponseWriter, r *http.Request, name, body string) {
	switch name {
	case "health":
		_, _ = fmt.Fprint(w, `{"status":"ok","message":"","retry_after":0}`)
	case "session":
		cookie, err := r.Cookie("MMAUTHTOKEN")
		if err != nil {
			problem(w, http.StatusUnauthorized, "signed_out")
			return
		}
		f.session(w, cookie.Value)
	case "login":
		var in struct{ Email string }
		_ = json.Unmarshal(proof(r, body), &in)
		w.Header().Set("Set-Cookie", "MMAUTHTOKEN="+in.Email+f.cookies)
		f.session(w, in.Email)
	case "logout":
		w.Header().Add("Set-Cookie", "MMAUTHTOKEN=; Max-Age=0"+f.cookies)
		if strings.Contains(body, `"forget":true`) {
			w.Header().Add("Set-Cookie", cookie.Forget+"=1"+strings.Replace(f.cookies, "Path=/", "Path=/embed", 1))
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// proof is what a sign-in says of a person: an assertion's claims, or the body.
func proof(r *http.Request, body string) []byte {
	parts := strings.Split(r.Header.Get("Authorization"), ".")
	if len(parts) != 3 {
		return []byte(body)
	}
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	return claims
}

func (f *fakeChat) session(w http.ResponseWriter, email string) {
	name, _, _ := strings.Cut(email, "@")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"user": map[string]string{"id": "id-" + name, "username": name, "email": strings.ToLower(email)},
		"team": "erp", "url": f.url + "/erp/channels/town-square", "expires_at": "2030-01-01T00:00:00Z",
		"subjects": []string{subjectOf(email)},
	})
}

func subjectOf(email string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.ToLower(email))))
}

// page plays Mattermost's: it says whose session it sees.
func (f *fakeChat) page(w http.ResponseWriter, r *http.Request) {
	who := "nobody"
	if cookie, err := r.Cookie("MMAUTHTOKEN"); err == nil {
		who = cookie.Value
	}
	f.mu.Lock()
	f.calls = append(f.calls, call{time.Now(), "page:" + who, ""})
	thieving, held := f.thieving, f.held
	f.mu.Unlock()
	if held != nil {
		<-held
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(w, chatPage, who)
	if thieving {
		_, _ = fmt.Fprint(w, `<script>setTimeout(() => document.querySelector("textarea").focus(), 50)</script>`)
	}
}

const chatPage = `<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>chat</title>
<body style="font:15px system-ui;margin:0;display:grid;grid-template-rows:auto 1fr auto;height:100vh">
<p style="margin:0;padding:12px 16px;border-bottom:1px solid #8884"><b>Town Square</b> · signed in as %s</p>
<p style="padding:0 16px">Good morning. Two pallets for Hotel Seaview are loaded.</p>
<textarea rows="2" style="margin:12px 16px;font:inherit" placeholder="Write to Town Square"></textarea>`

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, refusal(status, code).body)
}

// refusal is a problem+json with a reference.
func refusal(status int, code string) answer {
	return answer{status: status, body: fmt.Sprintf(
		`{"type":"about:blank","title":"x","status":%d,"detail":"","code":%q,"request_id":"ref-%d"}`, status, code, status)}
}
