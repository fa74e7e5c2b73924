package gateway_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"matterpass/internal/cookie"
	"matterpass/internal/gateway"
	"matterpass/internal/http1"
	"matterpass/internal/login"
)

func TestMain(m *testing.M) {
	if upstream := os.Getenv(asChild); upstream != "" {
		serveChild(upstream)
		return
	}
	goleak.VerifyTestMain(m)
}

const erp = "https://erp.test"

// passwords is a gateway.Passwords.
type passwords func(context.Context, login.Attempt) (login.Session, error)

func (p passwords) WithPassword(ctx context.Context, a login.Attempt) (login.Session, error) {
	return p(ctx, a)
}

func nobody(context.Context, login.Attempt) (login.Session, error) {
	return login.Session{}, login.ErrRefused
}

// note is one call of Options.Note.
type note struct{ Route, Code string }

// rig is a gateway on a real listener, in front of a real backend.
type rig struct {
	*gateway.Gateway
	t       *testing.T
	url     string
	host    string
	backend *httptest.Server
	client  *http.Client

	mu    sync.Mutex
	notes []note
}

// start serves a gateway in front of backend, behind http1 and inside the cookie
// middleware as the program does, in the shape of development.
func start(t *testing.T, backend http.Handler, change ...func(*gateway.Options)) *rig {
	t.Helper()
	b := httptest.NewServer(backend)
	t.Cleanup(b.Close)
	return startBefore(t, b, change...)
}

func startBefore(t *testing.T, backend *httptest.Server, change ...func(*gateway.Options)) *rig {
	t.Helper()
	return startBehind(t, fronts["http1"], backend, change...)
}

// fronts take a gateway's connections: as the program does, and as it does where the
// request is not ordinary.
var fronts = map[string]func(net.Listener, *http.Server) net.Listener{
	"http1":    func(l net.Listener, s *http.Server) net.Listener { return http1.Before(l, s) },
	"net/http": func(l net.Listener, _ *http.Server) net.Listener { return l },
}

func startBehind(t *testing.T, front func(net.Listener, *http.Server) net.Listener, backend *httptest.Server, change ...func(*gateway.Options)) *rig {
	t.Helper()
	rig := &rig{t: t, backend: backend}
	server := httptest.NewUnstartedServer(nil)
	rig.host = server.Listener.Addr().String()
	rig.url = "http://" + rig.host
	o := gateway.Options{
		Upstream: parse(t, backend.URL), Public: parse(t, rig.url), AllowedOrigins: []string{erp},
		Login: passwords(nobody), Plugin: "com.matterpass.companion", Note: rig.note,
	}
	for _, f := range change {
		f(&o)
	}
	rig.Gateway = gateway.New(o)
	shape := func(*http.Request) cookie.Policy { return cookie.Policy{} }
	server.Config.Handler = untouched(t, cookie.Middleware(shape)(rig.Gateway))
	server.Listener = front(server.Listener, server.Config)
	server.Start()
	rig.client = server.Client()
	rig.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if ordinary, ok := server.Listener.(*http1.Listener); ok {
		t.Cleanup(func() { _ = ordinary.Shutdown(context.Background()) }) // waits for answers, as the other does
	}
	t.Cleanup(server.Close)
	t.Cleanup(rig.Close)
	return rig
}

// untouched: the next request of the connection may have the same header, the very one.
func untouched(t *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before := r.Header.Clone()
		defer func() {
			if diff := cmp.Diff(before, r.Header, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s %s: the header was changed (-before +after):\n%s", r.Method, r.URL, diff)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (r *rig) note(_ *http.Request, route, code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, note{route, code})
}

// lastNote waits for nothing: Note is called before the answer's last byte, but
// for aborted answers, where a test synchronises in its own way.
func (r *rig) lastNote() note {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notes) == 0 {
		return note{}
	}
	return r.notes[len(r.notes)-1]
}

// request makes one; header is pairs of name and value.
func (r *rig) request(method, path, body string, header ...string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return req
}

// answer is a response that was read to its end.
type answer struct {
	*http.Response
	body string
}

func (r *rig) do(method, path, body string, header ...string) answer {
	r.t.Helper()
	return r.send(r.request(method, path, body, header...))
}

func (r *rig) get(path string, header ...string) answer {
	r.t.Helper()
	return r.do(http.MethodGet, path, "", header...)
}

func (r *rig) send(req *http.Request) answer {
	r.t.Helper()
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{res, string(body)}
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.Header {
		for _, value := range values {
			w.Header().Add("Got-"+name, value)
		}
	}
	w.Header().Set("Got-Host", r.Host)
	_, _ = io.WriteString(w, r.Method+" "+r.RequestURI)
}
