package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"matterpass/internal/cookie"
	"matterpass/internal/doctor"
	"matterpass/internal/httpapi"
	"matterpass/internal/limit"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/middleware"
	"matterpass/internal/provision"
	"matterpass/internal/simulator"
	"matterpass/web"
)

const (
	erpOrigin  = "http://erp.test"
	chatOrigin = "http://chat.test"
	apiSecret  = "0123456789abcdef0123456789abcdef"
	otherKey   = "fedcba9876543210fedcba9876543210"
)

// house is the API over a simulated Mattermost, as cmd wires it.
type house struct {
	*httptest.Server
	t       *testing.T
	mm      *simulator.Server
	backend *httptest.Server
	doc     routers.Router

	mu      sync.Mutex
	written []middleware.Record
}

func (h *house) write(r middleware.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.written = append(h.written, r)
}

// records waits for the nth record: it is written after the answer.
func (h *house) record(n int) middleware.Record {
	h.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		h.mu.Lock()
		if len(h.written) > n {
			defer h.mu.Unlock()
			return h.written[n]
		}
		h.mu.Unlock()
	}
	h.t.Fatalf("no record %d", n)
	return middleware.Record{}
}

// newHouse builds it; change may replace any part.
func newHouse(t *testing.T, change ...func(*house, *httpapi.Options, *login.Options)) *house {
	t.Helper()
	h := &house{t: t, mm: simulator.New(simulator.Options{Demo: true, SiteURL: "http://mattermost.test"}), doc: document(t)}
	h.backend = httptest.NewServer(h.mm)
	client := mattermost.New(mattermost.Options{
		BaseURL: h.backend.URL, AdminToken: h.mm.AdminToken, Timeout: 5 * time.Second,
	})
	lo := login.Options{
		Passwords: client, Sessions: client, Accounts: client,
		Limiter: buckets(), Failures: &failures{limit.NewFailures(0), limit.NewHasher([]byte("test"))},
		Devices: login.NewDevices(login.DeviceKey{ID: "k1", Secret: []byte("secret")}), Floor: time.Millisecond,
	}
	policy := cookie.Settings{}.Policy(false)
	ao := httpapi.Options{
		Provision: provision.New(provision.Options{
			Directory: client, Teams: []provision.Team{{Name: "erp", Channels: []string{"town-square"}}},
		}),
		Board:   doctor.NewBoard(doctor.Options{Checks: []doctor.Check{{Name: "mattermost", Vital: true, Run: client.Ping}}}),
		Cookies: func(*http.Request) cookie.Policy { return policy },
		Team:    "erp", ChatURL: chatOrigin + "/erp/channels/town-square",
		AllowedOrigins: []string{erpOrigin}, InsecureOrigins: true, ChatOrigin: chatOrigin,
		Keys: []httpapi.Key{
			{ID: "erp", Secret: apiSecret, Scopes: []string{"launch", "provision"}},
			{ID: "scim", Secret: otherKey, Scopes: []string{"scim"}},
		},
		Widget: fstest.MapFS{
			"matterpass.js": {Data: []byte("export {}")}, "matterpass.d.ts": {Data: []byte("export {}")},
		},
		Doctor:      web.Doctor(),
		BodyTimeout: 300 * time.Millisecond,
	}
	for _, c := range change {
		c(h, &ao, &lo)
	}
	ao.Login = login.New(lo)
	api := httpapi.New(ao)
	stack := middleware.Records(middleware.RecordOptions{Write: h.write})(
		middleware.RequestIDs(nil)(middleware.ClientAddrs(middleware.ClientAddrOptions{})(
			middleware.Recover(middleware.RecoverOptions{Fail: api.Panicked})(
				cookie.Middleware(ao.Cookies)(api.Handler())))))
	h.Server = httptest.NewServer(stack)
	t.Cleanup(func() {
		h.Server.Close()
		h.backend.Close()
		h.mm.Close()
		client.Close()
	})
	return h
}

func buckets() login.Limiter {
	hasher, limiter := limit.NewHasher([]byte("test")), limit.New(limit.Options{Tokens: 5, Per: time.Minute})
	return allow(func(account, device string, from netip.Addr) login.Decision {
		return login.Decision(limiter.Allow(hasher.Key("login", account, device), hasher.Key("network", from.String())))
	})
}

type allow func(account, device string, from netip.Addr) login.Decision

func (f allow) Allow(account, device string, from netip.Addr) login.Decision {
	return f(account, device, from)
}

type failures struct {
	counts *limit.Failures
	hasher limit.Hasher
}

func (f *failures) Begin(_ context.Context, account string, ceiling int) (func(login.Verdict), bool) {
	key := f.hasher.Key("failures", account)
	end := map[login.Verdict]func(limit.Key){login.Counted: f.counts.Fail, login.NotCounted: f.counts.Release, login.Succeeded: f.counts.Succeed}
	return func(v login.Verdict) { end[v](key) }, f.counts.Begin(key, ceiling)
}

func (f *failures) Any(_ context.Context, account string) bool {
	return f.counts.Count(f.hasher.Key("failures", account)) > 0
}

func (f *failures) Clear(_ context.Context, account string) {
	f.counts.Clear(f.hasher.Key("failures", account))
}

func document(t *testing.T) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	for _, media := range []string{"text/css", "text/html", "text/javascript", "text/plain"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.FileBodyDecoder)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// call is one exchange.
type call struct {
	method, path, body string
	header             map[string]string
	cookies            []*http.Cookie
}

// answer is what came back, its body read.
type answer struct {
	*http.Response
	body []byte
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatalf("not JSON: %q", a.body)
	}
	return out
}

func (a answer) code(t *testing.T) string {
	t.Helper()
	code, _ := a.json(t)["code"].(string)
	return code
}

// do sends a call and holds the answer against the OpenAPI document.
func (h *house) do(c call) answer {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), c.method, h.URL+c.path, strings.NewReader(c.body))
	if err != nil {
		h.t.Fatal(err)
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept-Encoding", "identity") // Go's transport would unzip in silence
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	for _, one := range c.cookies {
		req.AddCookie(one)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	h.validate(req, res, body)
	return answer{res, body}
}

func (h *house) validate(req *http.Request, res *http.Response, body []byte) {
	h.t.Helper()
	if res.Header.Get("X-Request-Id") == "" {
		h.t.Errorf("%s %s: no X-Request-Id", req.Method, req.URL.Path)
	}
	route, params, err := h.doc.FindRoute(req)
	if err != nil || req.Method == http.MethodHead || req.Method == http.MethodOptions {
		return // not in the document: other tests say what happens then
	}
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route}
	err = openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: res.StatusCode, Header: res.Header,
		Body:    io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		h.t.Errorf("%s %s: the answer is not what openapi.yaml says: %v", req.Method, req.URL.Path, err)
	}
}

func (h *house) signIn(address, password string, cookies ...*http.Cookie) answer {
	h.t.Helper()
	body, _ := json.Marshal(map[string]string{"email": address, "password": password})
	return h.do(call{method: "POST", path: "/api/mattermost/login", body: string(body), cookies: cookies})
}
