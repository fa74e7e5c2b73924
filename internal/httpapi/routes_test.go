package httpapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/cookie"
	"matterpass/internal/doctor"
	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/middleware"
)

func TestOtherMethodsAreRefusedAndTheRightOnesNamed(t *testing.T) {
	h := newHouse(t)
	for path, allow := range map[string]string{
		"/api/mattermost/login": "OPTIONS, POST", "/api/mattermost/logout": "OPTIONS, POST", "/api/mattermost/provision": "POST",
		"/api/mattermost/session": "GET, HEAD, OPTIONS", "/healthz": "GET, HEAD", "/widget/v1/matterpass.js": "GET, HEAD",
	} {
		for _, method := range []string{"PUT", "DELETE", "PATCH", "TRACE", "QUERY"} {
			got := h.do(call{method: method, path: path})
			if got.StatusCode != 405 || got.code(t) != "method_not_allowed" || got.Header.Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q", method, path, got.StatusCode, got.Header.Get("Allow"))
			}
		}
	}
	if got := h.do(call{method: "OPTIONS", path: "/api/mattermost/login"}); got.StatusCode != 204 {
		t.Errorf("OPTIONS that is no preflight: %d", got.StatusCode)
	}
	for _, method := range []string{"GET", "HEAD"} {
		if got := h.do(call{method: method, path: "/api/mattermost/login?password=x"}); got.StatusCode != 405 {
			t.Errorf("%s login: %d", method, got.StatusCode)
		}
	}
}

func TestOperatorsAddressesAreNotInPublic(t *testing.T) {
	passed := false
	h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.Next = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true })
	})
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars", "/admin", "/admin/keys", "/api/mattermost", "/api/mattermost/nothing"} {
		got := h.do(call{method: "GET", path: path})
		if got.StatusCode != 404 || got.code(t) != "not_found" || passed {
			t.Errorf("%s: %d, passed on: %t", path, got.StatusCode, passed)
		}
	}
}

func TestWhatIsNotOursIsHandedOn(t *testing.T) {
	h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.Next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Method+" "+r.URL.Path) })
	})
	for _, path := range []string{"/", "/erp/channels/town-square", "/api/v4/users/me", "/api/mattermost-team/x", "/widget/v1/other.js", "/healthz/"} {
		if got := h.do(call{method: "PROPFIND", path: path}); string(got.body) != "PROPFIND "+path {
			t.Errorf("%s: %q", path, got.body)
		}
	}
	alone := newHouse(t)
	if got := alone.do(call{method: "GET", path: "/erp/channels/x"}); got.StatusCode != 404 || got.code(t) != "not_found" {
		t.Errorf("without a gateway: %d", got.StatusCode)
	}
}

func TestEveryAnswerOfOursCarriesTheSecurityHeaders(t *testing.T) {
	h := newHouse(t)
	for _, c := range []call{
		{method: "GET", path: "/healthz"}, {method: "GET", path: "/api/mattermost/session"}, {method: "PUT", path: "/healthz"},
		{method: "GET", path: "/metrics"}, {method: "POST", path: "/api/mattermost/provision"},
	} {
		got := h.do(c)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if value := got.Header.Get(name); !strings.Contains(value, strings.SplitN(want, ";", 2)[0]) {
				t.Errorf("%s %s: %s is %q", c.method, c.path, name, value)
			}
		}
	}
}

func TestBodiesAreBoundedInSizeAndTime(t *testing.T) {
	h := newHouse(t)
	large := `{"email":"` + strings.Repeat("a", 10<<20) + `"}`
	if got := h.do(call{method: "POST", path: "/api/mattermost/login", body: large}); got.StatusCode != 413 || got.code(t) != "too_large" {
		t.Errorf("10 MB: %d", got.StatusCode)
	}
	conn, err := net.Dial("tcp", h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for name, head := range map[string]string{
		"slow":    "Content-Length: 100\r\n\r\n{",
		"chunked": "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
	} {
		conn, err := net.Dial("tcp", h.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(conn, "POST /api/mattermost/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s", head)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != http.StatusRequestTimeout {
			t.Errorf("%s: %v, %v", name, res, err)
		}
		_ = conn.Close()
	}
	chunked, err := http.NewRequest("POST", h.URL+"/api/mattermost/login", io.LimitReader(zeros{}, 10<<20))
	if err != nil {
		t.Fatal(err)
	}
	chunked.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultTransport.RoundTrip(chunked)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 413 {
		t.Errorf("10 MB without a length: %d", res.StatusCode)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestReadinessNamesTheFailingCheckInDevelopmentOnly(t *testing.T) {
	for _, development := range []bool{true, false} {
		h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) {
			o.Development = development
			o.Board = doctor.NewBoard(doctor.Options{Checks: []doctor.Check{
				{Name: "mattermost", Vital: true, Run: func(context.Context) error { return nil }},
				{Name: "team", Run: func(context.Context) error { return errors.New("no such team") }},
			}})
		})
		got := h.do(call{method: "GET", path: "/readyz?verbose"})
		if got.StatusCode != 503 || got.json(t)["status"] != "not_ready" || strings.Contains(string(got.body), "no such team") != development {
			t.Errorf("development %t: %d %s", development, got.StatusCode, got.body)
		}
		if got := h.do(call{method: "GET", path: "/healthz"}); got.StatusCode != 200 {
			t.Errorf("healthz: %d", got.StatusCode)
		}
		if got := h.do(call{method: "GET", path: "/readyz?vital"}); got.StatusCode != 200 || got.json(t)["status"] != "ready" {
			t.Errorf("for balancers: %d %s", got.StatusCode, got.body)
		}
		if got := h.do(call{method: "GET", path: "/api/mattermost/health"}); got.StatusCode != 200 || got.json(t)["status"] != "degraded" {
			t.Errorf("health: %d %s", got.StatusCode, got.body)
		}
	}
}

func TestHealthFollowsMattermost(t *testing.T) {
	h := newHouse(t)
	if got := h.do(call{method: "GET", path: "/api/mattermost/health", header: map[string]string{"Origin": erpOrigin}}); got.StatusCode != 200 || got.json(t)["status"] != "ok" || got.Header.Get("Access-Control-Allow-Origin") != erpOrigin {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := h.do(call{method: "GET", path: "/readyz"}); got.StatusCode != 200 {
		t.Errorf("readyz: %d", got.StatusCode)
	}
	down := newHouse(t)
	down.backend.Close()
	if got := down.do(call{method: "GET", path: "/readyz?vital"}); got.StatusCode != 503 {
		t.Errorf("for balancers: %d", got.StatusCode)
	}
	got := down.do(call{method: "GET", path: "/api/mattermost/health"})
	if got.StatusCode != 503 || got.json(t)["status"] != "down" || got.json(t)["retry_after"] != float64(5) || got.Header.Get("Retry-After") != "5" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestCookieProbesSayWhatSurvives(t *testing.T) {
	h := newHouse(t)
	set := h.do(call{method: "GET", path: "/api/mattermost/test-cookies"})
	if set.StatusCode != 200 || set.json(t)["step"] != "set" || len(set.Cookies()) != 4 {
		t.Fatalf("%d %s %v", set.StatusCode, set.body, set.Cookies())
	}
	read := func(cookies ...*http.Cookie) map[string]any {
		return h.do(call{method: "GET", path: "/api/mattermost/test-cookies?step=read", cookies: cookies}).json(t)
	}
	all := read(set.Cookies()...)
	if all["verdict"] != "works" {
		t.Errorf("all came back: %v", all)
	}
	if diff := cmp.Diff([]any{
		map[string]any{"kind": "plain", "returned": true}, map[string]any{"kind": "lax", "returned": true},
		map[string]any{"kind": "none", "returned": true}, map[string]any{"kind": "partitioned", "returned": true},
	}, all["cookies"]); diff != "" {
		t.Error(diff)
	}
	if none := read(); none["verdict"] != "blocked" || !strings.Contains(none["sentence"].(string), "no cookie at all") {
		t.Errorf("none came back: %v", none)
	}
	twins := append(set.Cookies(), &http.Cookie{Name: cookie.Token, Value: "secret-one"}, &http.Cookie{Name: cookie.Token, Value: "secret-two"})
	got := h.do(call{method: "GET", path: "/api/mattermost/test-cookies?step=read", cookies: twins})
	if got.json(t)["verdict"] != "twins" || strings.Contains(string(got.body), "secret") {
		t.Errorf("twins: %s", got.body)
	}
	if bad := h.do(call{method: "GET", path: "/api/mattermost/test-cookies?step=eat"}); bad.StatusCode != 400 {
		t.Errorf("an unknown step: %d", bad.StatusCode)
	}
}

func TestVerdictIsAboutTheShapeOfTheSession(t *testing.T) {
	partitioned := cookie.Settings{}.Policy(true)
	cases := map[string]struct {
		policy   cookie.Policy
		returned []string
		site     string
		verdict  string
		sentence string
	}{
		"production works":         {partitioned, []string{"partitioned"}, "cross-site", "works", "keeps"},
		"production, old browser":  {partitioned, []string{"plain", "lax"}, "same-site", "blocked", "HTTPS"},
		"lax on another site":      {cookie.Settings{SameSite: cookie.Lax}.Policy(true), []string{"none", "partitioned"}, "cross-site", "blocked", "different sites"},
		"lax, same site":           {cookie.Settings{SameSite: cookie.Lax}.Policy(true), []string{"plain"}, "same-site", "blocked", "COOKIE_SAMESITE"},
		"none without partitioned": {cookie.Settings{Partitioned: cookie.Never}.Policy(true), []string{"none"}, "cross-site", "works", "keeps"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) {
				o.Cookies = func(*http.Request) cookie.Policy { return c.policy }
			})
			var cookies []*http.Cookie
			for _, kind := range c.returned {
				cookies = append(cookies, &http.Cookie{Name: cookie.Probe + kind, Value: "1"})
			}
			got := h.do(call{method: "GET", path: "/api/mattermost/test-cookies?step=read", cookies: cookies, header: map[string]string{"Sec-Fetch-Site": c.site}}).json(t)
			if got["verdict"] != c.verdict || !strings.Contains(got["sentence"].(string), c.sentence) {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestWidgetIsCacheableFromAnyOrigin(t *testing.T) {
	h := newHouse(t)
	got := h.do(call{method: "GET", path: "/widget/v1/matterpass.js", header: map[string]string{"Origin": "https://any.example"}})
	if got.StatusCode != 200 || got.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || got.Header.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.HasPrefix(got.Header.Get("Cache-Control"), "public") || string(got.body) != "export {}" {
		t.Errorf("%d %v %s", got.StatusCode, got.Header, got.body)
	}
	again := h.do(call{method: "GET", path: "/widget/v1/matterpass.js", header: map[string]string{"If-None-Match": got.Header.Get("ETag")}})
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("again: %d", again.StatusCode)
	}
	small := h.do(call{method: "GET", path: "/widget/v1/matterpass.js", header: map[string]string{"Accept-Encoding": "gzip, br"}})
	if small.Header.Get("Content-Encoding") != "gzip" || small.Header.Get("ETag") == got.Header.Get("ETag") || unzipped(t, small.body) != "export {}" {
		t.Errorf("compressed: %v", small.Header)
	}
	part := h.do(call{method: "GET", path: "/widget/v1/matterpass.js", header: map[string]string{"Accept-Encoding": "gzip", "Range": "bytes=0-5"}})
	if part.StatusCode != http.StatusPartialContent || string(part.body) != "export" {
		t.Errorf("a range: %d %q", part.StatusCode, part.body)
	}
	types := h.do(call{method: "GET", path: "/widget/v1/matterpass.d.ts"})
	if types.StatusCode != 200 || !strings.HasPrefix(types.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("types: %d %v", types.StatusCode, types.Header)
	}
	without := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) { o.Widget = nil })
	if got := without.do(call{method: "GET", path: "/widget/v1/matterpass.js"}); got.StatusCode != 404 {
		t.Errorf("without files: %d", got.StatusCode)
	}
}

func unzipped(t *testing.T, b []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPanicIsA500ThatSaysNothing(t *testing.T) {
	h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.Next = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret cause") })
	})
	got := h.do(call{method: "GET", path: "/any"})
	if got.StatusCode != 500 || got.code(t) != "internal" || strings.Contains(string(got.body), "secret") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if r := h.record(0); len(r.Stack) == 0 || !strings.Contains(r.Err.Error(), "secret cause") {
		t.Errorf("the record does not tell: %+v", r)
	}
	if got := h.do(call{method: "GET", path: "/healthz"}); got.StatusCode != 200 {
		t.Error("the process did not survive")
	}
}

func TestClientsOwnLimitCoversEveryAddressForBrowsersAndBackEnds(t *testing.T) {
	h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) { o.ClientLimiter = never{} })
	for _, c := range []call{
		{method: "POST", path: "/api/mattermost/login", body: "{}"}, {method: "POST", path: "/api/mattermost/logout"},
		{method: "GET", path: "/api/mattermost/session"}, {method: "GET", path: "/api/mattermost/test-cookies"},
		{method: "GET", path: "/api/mattermost/health"}, {method: "POST", path: "/api/mattermost/provision", body: "{}"},
	} {
		got := h.do(c)
		if got.StatusCode != 429 || got.code(t) != "rate_limited" || got.Header.Get("Retry-After") != "7" {
			t.Errorf("%s: %d %v", c.path, got.StatusCode, got.Header)
		}
	}
	if got := h.do(call{method: "GET", path: "/healthz"}); got.StatusCode != 200 {
		t.Errorf("a limited client's orchestrator: %d", got.StatusCode)
	}
}

type never struct{}

func (never) Allow(*http.Request) middleware.Decision {
	return middleware.Decision{Limit: 1, Per: time.Minute, RetryAfter: 6500 * time.Millisecond, Reset: time.Minute}
}
