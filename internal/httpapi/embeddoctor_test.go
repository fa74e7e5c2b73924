package httpapi_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/cookie"
	"matterpass/internal/httpapi"
	"matterpass/internal/login"
)

func TestDoctorsPageIsFramedByTheConfiguredOriginsAndRunsNothingForeign(t *testing.T) {
	got := newHouse(t).do(call{method: "GET", path: "/embed-doctor"})
	want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://chat.test; " +
		"frame-ancestors 'self' " + erpOrigin + "; base-uri 'none'; form-action 'none'"
	if diff := cmp.Diff(want, got.Header.Get("Content-Security-Policy")); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Frame-Options": "",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Set-Cookie": "", "Access-Control-Allow-Origin": "",
	} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	foreign := regexp.MustCompile(`(src|href|action)="[^/d]|="//|<style| style=| on\w+=|<script>`)
	if found := foreign.Find(got.body); got.StatusCode != http.StatusOK || found != nil {
		t.Errorf("%d, inline or foreign: %q", got.StatusCode, found)
	}
}

func TestDoctorsPageKnowsHowTheBrowserCameToIt(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		header map[string]string
		want   string
	}{
		"a frame of another site": {map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}, `data-site="cross-site" data-dest="iframe"`},
		"a tab":                   {map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}, `data-site="none" data-dest="document"`},
		"an old browser":          {nil, `data-site="" data-dest=""`},
		"no word of the standard": {map[string]string{"Sec-Fetch-Site": `"><script>`, "Sec-Fetch-Dest": "x"}, `data-site="" data-dest=""`},
	} {
		if got := h.do(call{method: "GET", path: "/embed-doctor", header: c.header}); !strings.Contains(string(got.body), c.want) {
			t.Errorf("%s: not told %s", name, c.want)
		}
	}
}

func TestDoctorsFilesAreAskedForAnewAndReachFramesWithoutAnOrigin(t *testing.T) {
	h := newHouse(t)
	for name, media := range map[string]string{"doctor.js": "text/javascript", "verdict.js": "text/javascript", "doctor.css": "text/css"} {
		got := h.do(call{method: "GET", path: "/embed-doctor/" + name})
		if got.StatusCode != 200 || got.Header.Get("Content-Type") != media+"; charset=utf-8" || got.Header.Get("Cache-Control") != "no-cache" ||
			got.Header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
			t.Errorf("%s: %d %v", name, got.StatusCode, got.Header)
		}
		again := h.do(call{method: "GET", path: "/embed-doctor/" + name, header: map[string]string{"If-None-Match": got.Header.Get("ETag")}})
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %d", name, again.StatusCode)
		}
	}
	without := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) { o.Doctor = nil })
	for _, path := range []string{"/embed-doctor", "/embed-doctor/doctor.js", "/embed-doctor/verdict.test.js"} {
		if got := without.do(call{method: "GET", path: path}); got.StatusCode != 404 {
			t.Errorf("%s without files: %d", path, got.StatusCode)
		}
	}
}

func TestDoctorsReportNamesCookiesAndShowsNoValue(t *testing.T) {
	secure := cookie.Settings{}.Policy(true)
	h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.Cookies = func(*http.Request) cookie.Policy { return secure }
	})
	got := h.do(call{method: "GET", path: "/embed-doctor/report", cookies: []*http.Cookie{
		{Name: cookie.Token, Value: "secret-old"}, {Name: cookie.Token, Value: "secret-new"}, {Name: cookie.CSRF, Value: "secret-csrf"}, {Name: "other", Value: "secret"},
	}})
	want := map[string]any{
		"kind": "partitioned", "attributes": "Path=/; Secure; SameSite=None; Partitioned",
		"session": []any{"MMAUTHTOKEN", "MMCSRF"}, "twins": true,
	}
	if diff := cmp.Diff(want, got.json(t)["cookies"]); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(string(got.body), "secret") || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v %s", got.Header, got.body)
	}
}

func TestDoctorsReportSaysWhatTheServerTakesTheBrowserFor(t *testing.T) {
	h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.Development = true
		o.Next = http.NotFoundHandler()
	})
	got := h.do(call{method: "GET", path: "/embed-doctor/report"}).json(t)
	delete(got, "time") // its format is in openapi.yaml
	want := map[string]any{
		"host": h.Listener.Addr().String(), "scheme": "http", "production": false, "gateway": true,
		"chat":    chatOrigin + "/erp/channels/town-square",
		"cookies": map[string]any{"kind": "plain", "attributes": "Path=/", "session": []any{}, "twins": false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDoctorKnowsThePageAroundChat(t *testing.T) {
	for name, c := range map[string]struct {
		chat, page string
		allowed    bool
		site       string
	}{
		"the ERP":                          {chatOrigin, erpOrigin, true, "cross-site"},
		"the chat host itself":             {chatOrigin, chatOrigin, true, "same-origin"},
		"a neighbour":                      {chatOrigin, "http://www.chat.test", false, "same-site"},
		"another scheme is another site":   {chatOrigin, "https://www.chat.test", false, "cross-site"},
		"another port is not":              {"http://localhost:8080", "http://localhost:8090", false, "same-site"},
		"neither for an address":           {"http://127.0.0.1:8080", "http://127.0.0.1:8090", false, "same-site"},
		"addresses have no domain":         {"http://10.0.0.1", "http://192.0.0.1", false, "cross-site"},
		"a name is no address":             {"http://127.0.0.1:8080", "http://localhost:8080", false, "cross-site"},
		"a domain of many owners is none":  {"https://chat.github.io", "https://erp.github.io", false, "cross-site"},
		"a country's second level is none": {"https://chat.co.uk", "https://erp.co.uk", false, "cross-site"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) { o.ChatOrigin = c.chat })
			got := h.do(call{method: "GET", path: "/embed-doctor/report?embedder=" + url.QueryEscape(c.page)})
			if diff := cmp.Diff(map[string]any{"origin": c.page, "allowed": c.allowed, "site": c.site}, got.json(t)["embedder"]); diff != "" {
				t.Error(diff)
			}
		})
	}
	h := newHouse(t)
	for _, bad := range []string{"erp.test", "http://erp.test/path", "http://erp.test/", "javascript:1", "null", "http://a b", "http://u@erp.test"} {
		if got := h.do(call{method: "GET", path: "/embed-doctor/report?embedder=" + url.QueryEscape(bad)}); got.StatusCode != 400 || got.code(t) != "invalid_request" {
			t.Errorf("%q: %d", bad, got.StatusCode)
		}
	}
}

func TestDoctorsReportIsForOurOwnPages(t *testing.T) {
	h := newHouse(t)
	for site, status := range map[string]int{"same-origin": 200, "none": 200, "same-site": 403, "cross-site": 403, "nonsense": 403} {
		got := h.do(call{method: "GET", path: "/embed-doctor/report", header: map[string]string{"Sec-Fetch-Site": site, "Origin": erpOrigin}})
		if got.StatusCode != status || got.Header.Get("Access-Control-Allow-Origin") != "" || got.Header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %d %v", site, got.StatusCode, got.Header)
		}
	}
	if got := h.do(call{method: "OPTIONS", path: "/embed-doctor/report"}); got.StatusCode != 405 {
		t.Errorf("OPTIONS: %d", got.StatusCode)
	}
	limited := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) { o.ClientLimiter = never{} })
	if got := limited.do(call{method: "GET", path: "/embed-doctor/report"}); got.StatusCode != 429 {
		t.Errorf("a client without tries: %d", got.StatusCode)
	}
	if got := limited.do(call{method: "GET", path: "/embed-doctor"}); got.StatusCode != 200 {
		t.Errorf("the page, which has to say so: %d", got.StatusCode)
	}
}
