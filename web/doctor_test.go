package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"matterpass/internal/browsertest"
	"matterpass/internal/cookie"
	"matterpass/internal/doctor"
	"matterpass/internal/gateway"
	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/middleware"
	"matterpass/internal/simulator"
	"matterpass/web"
)

// clinic is a page of somebody's with the doctor in an iframe, and the whole
// way behind it: Matterpass over a small Mattermost. The zero value is two
// sites, a configured page and cookies of development.
type clinic struct {
	page, chat string // host names at first, addresses once it is open
	cookies    cookie.Settings
	iframe     string                          // its attributes; all rights
	down       bool                            // Mattermost is away
	fault      func(http.Handler) http.Handler // something in front of Matterpass
	secrets    []string                        // values of the cookies that /sign-in sets
}

const allRights = `allow="microphone; camera; display-capture; clipboard-read; clipboard-write"`

const hospital = `<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>host</title>
<body style="margin:0"><iframe %s src="%s/embed-doctor" style="border:0;width:100%%;height:100vh;display:block"></iframe>`

func (c clinic) open(t *testing.T) clinic {
	var chat http.Handler
	c.chat = serve(t, or(c.chat, "chat.localhost"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { chat.ServeHTTP(w, r) }))
	c.page = serve(t, or(c.page, "erp.localhost"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, hospital, or(c.iframe, allRights), c.chat)
	}))
	chat = c.matterpass(t)
	if c.fault != nil {
		chat = c.fault(chat)
	}
	return c
}

func or(word, otherwise string) string {
	if word == "" {
		return otherwise
	}
	return word
}

// matterpass as cmd wires it, as far as the doctor looks.
func (c *clinic) matterpass(t *testing.T) http.Handler {
	mm := simulator.New(simulator.Options{Demo: true, SiteURL: "http://mattermost.test"})
	backend := httptest.NewServer(mm)
	client := mattermost.New(mattermost.Options{BaseURL: backend.URL, AdminToken: mm.AdminToken, Timeout: 2 * time.Second})
	t.Cleanup(func() { backend.Close(); mm.Close(); client.Close() })
	token, csrf := mm.SignIn(simulator.DemoEmail)
	c.secrets = []string{token, csrf, mm.UserID(simulator.DemoEmail)}
	if c.down {
		backend.Close()
	}
	policy := func(r *http.Request) cookie.Policy { return c.cookies.Policy(middleware.Secure(r)) }
	allowed := []string{c.page}
	service := login.New(login.Options{Passwords: client, Sessions: client})
	mux := http.NewServeMux()
	mux.Handle("/", httpapi.New(httpapi.Options{
		Login: service, Cookies: policy, Doctor: web.Doctor(), Development: true,
		Board:   doctor.NewBoard(doctor.Options{Checks: []doctor.Check{{Name: "mattermost", Vital: true, Run: client.Ping}}}),
		ChatURL: c.chat + "/erp/channels/town-square", ChatOrigin: c.chat, AllowedOrigins: allowed, InsecureOrigins: true,
		Next: gateway.New(gateway.Options{
			Upstream: address(t, backend.URL), Public: address(t, c.chat), AllowedOrigins: allowed, Login: service,
			SiteURL: func() string { return "http://mattermost.test" },
		}),
	}).Handler())
	mux.HandleFunc("/sign-in", func(w http.ResponseWriter, _ *http.Request) {
		cookie.SetSession(w.Header(), c.secrets[0], c.secrets[2], c.secrets[1])
		_, _ = w.Write(nil)
	})
	return middleware.ClientAddrs(middleware.ClientAddrOptions{})(cookie.Middleware(policy)(mux))
}

func address(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Things that proxies do.

func withoutUpgrade(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Upgrade")
		next.ServeHTTP(w, r)
	})
}

func withoutCookies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Cookie")
		next.ServeHTTP(w, r)
	})
}

func withOwnFraming(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/erp/") {
			w.Header().Set("X-Frame-Options", "SAMEORIGIN")
			_, _ = w.Write(nil)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func withOwnHealth(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/mattermost/health" {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// reading is what both a frame and a tab can do.
type reading interface {
	Text(string) string
	Wait(string)
}

func diagnosis(d reading) string {
	d.Wait(`document.querySelector("#verdict")?.getAttribute("aria-busy") === "false"`)
	return d.Text(`document.querySelector("#code").textContent`)
}

func TestDoctorInAFrame(t *testing.T) {
	strict := browsertest.Start(t, browsertest.Options{})
	lenient := browsertest.Start(t, browsertest.Options{AllowThirdPartyCookies: true})
	secure := cookie.Settings{Secure: cookie.Always}
	lax := cookie.Settings{Secure: cookie.Always, SameSite: cookie.Lax}
	unpartitioned := cookie.Settings{Secure: cookie.Always, Partitioned: cookie.Never}
	for name, c := range map[string]struct {
		browser *browsertest.Browser
		clinic  clinic
		code    string
	}{
		"one site, plain HTTP":                       {strict, clinic{page: "localhost", chat: "localhost"}, "MP-0B"},
		"one site by sub-domains, plain HTTP":        {strict, clinic{page: "erp.x.localhost", chat: "chat.x.localhost"}, "MP-0B"},
		"two sites, partitioned":                     {strict, clinic{cookies: secure}, "MP-0B"},
		"two sites, third-party cookies allowed":     {lenient, clinic{cookies: unpartitioned}, "MP-0B"},
		"two sites, third-party cookies blocked":     {strict, clinic{cookies: unpartitioned}, "MP-4B"},
		"two sites, plain HTTP":                      {strict, clinic{}, "MP-4C"},
		"two sites, lax":                             {lenient, clinic{cookies: lax}, "MP-4A"},
		"no cookie is kept":                          {strict, clinic{cookies: secure, fault: withoutCookies}, "MP-3B"},
		"Mattermost is away":                         {strict, clinic{cookies: secure, down: true}, "MP-1B"},
		"the front knows some of our addresses only": {strict, clinic{cookies: secure, fault: withOwnHealth}, "MP-1D"},
		"the front drops Upgrade":                    {strict, clinic{cookies: secure, fault: withoutUpgrade}, "MP-6B"},
		"the front has its own idea of framing":      {strict, clinic{cookies: secure, fault: withOwnFraming}, "MP-5C"},
		"the iframe passes no rights on":             {strict, clinic{cookies: secure, iframe: "id=frame"}, "MP-9A"},
	} {
		t.Run(name, func(t *testing.T) {
			at, p := c.clinic.open(t), c.browser.NewTab(t)
			p.Open(at.page)
			frame := p.Frame(at.chat)
			if got := diagnosis(frame); got != c.code {
				t.Errorf("%s, want %s: %s", got, c.code, frame.Text(`document.querySelector("#report").value`))
			}
		})
	}
}

func TestDoctorSeesTheSessionAndShowsNoValue(t *testing.T) {
	browser := browsertest.Start(t, browsertest.Options{})
	at, p := clinic{cookies: cookie.Settings{Secure: cookie.Always}}.open(t), browser.NewTab(t)
	p.Open(at.page)
	frame := p.Frame(at.chat)
	diagnosis(frame)
	frame.Text(`fetch("/sign-in")`)
	frame.Click(`document.querySelector("#again")`)
	frame.Wait(`document.querySelector("#code").textContent === "MP-0A"`)
	diagnosis(frame)
	report := frame.Text(`document.querySelector("#report").value`)
	var findings struct {
		Code, Embedder, Site, Socket string
		Session                      struct{ State, As string }
		Server                       struct{ Cookies struct{ Session []string } }
	}
	if err := json.Unmarshal([]byte(report), &findings); err != nil {
		t.Fatal(err)
	}
	if findings.Code != "MP-0A" || findings.Embedder != at.page || findings.Site != "cross-site" || findings.Socket != "hello" ||
		findings.Session.As != "d…" || len(findings.Server.Cookies.Session) != 3 {
		t.Errorf("%s", report)
	}
	shown := frame.Text("document.documentElement.outerHTML") + report
	for _, secret := range append(at.secrets, simulator.DemoEmail) {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown", secret)
		}
	}
}

func TestDoctorCopiesItsReportFromAFrameWithoutRights(t *testing.T) {
	browser := browsertest.Start(t, browsertest.Options{})
	at, p := clinic{cookies: cookie.Settings{Secure: cookie.Always}, iframe: "id=frame"}.open(t), browser.NewTab(t)
	p.Open(at.page)
	frame := p.Frame(at.chat)
	diagnosis(frame)
	frame.Click(`document.querySelector("#copy")`)
	frame.Wait(`document.querySelector("#copy").textContent !== "Copy report"`)
	if got := frame.Text(`document.querySelector("#copy").textContent`); got != "Copied" {
		t.Errorf("the button says %q", got)
	}
}

// In a sandbox without an origin no module is loaded: the style sheet speaks.
func TestDoctorSpeaksWhereNoScriptRuns(t *testing.T) {
	browser := browsertest.Start(t, browsertest.Options{})
	for name, attribute := range map[string]string{"no origin": "allow-scripts", "no script": ""} {
		at, p := clinic{iframe: `sandbox="` + attribute + `"`}.open(t), browser.NewTab(t)
		p.Look(360, "light")
		p.Open(at.page)
		frame := p.Frame(at.chat)
		frame.Wait(`getComputedStyle(document.querySelector("#stuck")).animationName === "reveal"`)
		frame.Wait(`getComputedStyle(document.querySelector("#stuck")).visibility === "visible"`)
		if got := frame.Text(`document.querySelector("#stuck .code").textContent`); got != "MP-3A" {
			t.Errorf("%s: %q", name, got)
		}
		p.Screenshot("doctor-MP-3A-360-light")
	}
}

func TestDoctorInATabIsAskedAboutAPage(t *testing.T) {
	browser := browsertest.Start(t, browsertest.Options{})
	ask := func(p tab, page string) string {
		p.Do(fmt.Sprintf(`document.querySelector("#page").value = %q; document.querySelector("#ask").requestSubmit()`, page))
		return diagnosis(p)
	}
	at, p := clinic{cookies: cookie.Settings{Secure: cookie.Always}}.open(t), browser.NewTab(t)
	p.Open(at.chat + "/embed-doctor")
	want(p, "by itself", diagnosis(p), "MP-0C")
	want(p, "a page that may", ask(p, at.page+"/some/page?x=1"), "MP-0B")
	want(p, "a page that may not", ask(p, "http://intranet.localhost"), "MP-5A")
	want(p, "what to change", p.Text(`document.querySelector("#setting").textContent`), "ALLOWED_ORIGINS: add http://intranet.localhost")

	plain := clinic{}.open(t)
	p.Open(plain.chat + "/embed-doctor")
	diagnosis(p)
	want(p, "another site over plain HTTP, foretold", ask(p, plain.page), "MP-4C")
}

func TestDoctorScreenshots(t *testing.T) {
	browser := browsertest.Start(t, browsertest.Options{})
	secure := cookie.Settings{Secure: cookie.Always}
	for name, c := range map[string]clinic{"fine": {cookies: secure}, "stop": {}, "warn": {cookies: secure, iframe: "id=frame"}} {
		at := c.open(t)
		for _, width := range []int64{360, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				p := browser.NewTab(t)
				p.Look(width, scheme)
				p.Open(at.page)
				frame := p.Frame(at.chat)
				diagnosis(frame)
				if got := frame.Text("document.documentElement.scrollWidth <= innerWidth"); got != "true" {
					t.Errorf("%s at %d pixels scrolls sideways", name, width)
				}
				p.Screenshot(fmt.Sprintf("doctor-%s-%d-%s", name, width, scheme))
				if name == "stop" {
					p.Open(at.chat + "/embed-doctor")
					diagnosis(p)
					p.Screenshot(fmt.Sprintf("doctor-tab-%d-%s", width, scheme))
				}
			}
		}
	}
}
