package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"matterpass/internal/cookie"
	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/oidc"
	"matterpass/web"
)

func withShell(_ *house, o *httpapi.Options, _ *login.Options) { o.Shell = web.Shell() }

func TestShellMayLoadAndBeHeldByTheConfiguredOnesOnly(t *testing.T) {
	got := newHouse(t, withShell).do(call{method: "GET", path: "/embed"})
	if got.StatusCode != 200 || got.Header.Get("Content-Type") != "text/html; charset=utf-8" || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", got.StatusCode, got.Header)
	}
	policy := got.Header.Get("Content-Security-Policy") + ";"
	for _, part := range []string{
		"default-src 'none';", "script-src http://chat.test/embed/;", "style-src http://chat.test/embed/;", "connect-src 'self' ws://chat.test;",
		"frame-src 'self' http://chat.test;", "frame-ancestors 'self' http://erp.test;", "base-uri 'none';", "form-action 'none';", "require-trusted-types-for 'script';",
	} {
		if !strings.Contains(policy, part) {
			t.Errorf("no %s in %s", part, policy)
		}
	}
	if page := string(got.body); !strings.Contains(page, `{"origins":["http://erp.test"],"chat":"http://chat.test/erp/channels/town-square","team":"erp"}`) {
		t.Errorf("the page is not told its configuration: %s", page)
	}
	if strings.Contains(string(got.body), "style=") || strings.Count(string(got.body), "<script") != 2 {
		t.Error("the page has inline script or style")
	}
}

func TestShellFilesAreAskedForAgain(t *testing.T) {
	h := newHouse(t, withShell)
	for name, media := range map[string]string{"shell.css": "text/css", "shell.js": "text/javascript", "cards.js": "text/javascript", "facts.js": "text/javascript",
		"frame.js": "text/javascript", "live.js": "text/javascript", "notify.js": "text/javascript", "oidc.js": "text/javascript", "protocol.js": "text/javascript", "session.js": "text/javascript", "storage.js": "text/javascript", "unread.js": "text/javascript"} {
		got := h.do(call{method: "GET", path: "/embed/" + name})
		if got.StatusCode != 200 || !strings.HasPrefix(got.Header.Get("Content-Type"), media) || got.Header.Get("Cache-Control") != "no-cache" || got.Header.Get("Etag") == "" {
			t.Errorf("%s: %d %v", name, got.StatusCode, got.Header)
		}
		if !strings.Contains(string(h.do(call{method: "GET", path: "/embed"}).body)+string(h.do(call{method: "GET", path: "/embed/shell.js"}).body), name) {
			t.Errorf("nothing loads %s", name)
		}
	}
}

func TestOnlyAMarkedBrowserIsCleared(t *testing.T) {
	h := newHouse(t, withShell)
	clears := func(c call) string {
		t.Helper()
		return h.do(c).Header.Get("Clear-Site-Data")
	}
	for _, path := range []string{"/embed", "/embed?switched=1", "/embed?widget=1&switched=1"} {
		if got := clears(call{method: "GET", path: path}); got != "" {
			t.Errorf("%s alone clears %s", path, got)
		}
	}
	plain := h.do(call{method: "POST", path: "/api/mattermost/logout", body: `{"everywhere":false}`})
	if marked(plain.Cookies()) != nil {
		t.Error("an ordinary sign-out marks the browser")
	}
	out := h.do(call{method: "POST", path: "/api/mattermost/logout", body: `{"forget":true}`})
	mark := marked(out.Cookies())
	if out.StatusCode != 204 || mark == nil || !mark.HttpOnly || mark.Path != "/embed" || mark.MaxAge != 60 {
		t.Fatalf("%d, mark %v", out.StatusCode, mark)
	}
	got := h.do(call{method: "GET", path: "/embed?widget=1&switched=1", cookies: []*http.Cookie{mark}})
	if got.Header.Get("Clear-Site-Data") != `"storage"` {
		t.Errorf("a marked browser is not cleared: %v", got.Header)
	}
	if gone := marked(got.Cookies()); gone == nil || gone.MaxAge >= 0 || gone.Path != "/embed" {
		t.Errorf("the mark stays: %v", gone)
	}
	if got := clears(call{method: "GET", path: "/embed/shell.js", cookies: []*http.Cookie{mark}}); got != "" {
		t.Errorf("a file clears %s", got)
	}
}

// TestABrowserIsClearedOncePerPerson: whoever comes after the clearing has drafts
// of their own by the time that the shell is loaded again.
func TestABrowserIsClearedOncePerPerson(t *testing.T) {
	cleared := newHouse(t, withShell).do(call{method: "GET", path: "/embed", cookies: []*http.Cookie{{Name: cookie.Forget, Value: "1"}}})
	note := named(cleared.Cookies(), cookie.Forgotten)
	if note == nil || note.Path != "/api/mattermost" || !note.HttpOnly || note.MaxAge != 60 {
		t.Fatalf("the note of it is %v", note)
	}
	for name, c := range map[string]struct {
		carried []*http.Cookie
		marks   bool
	}{
		"not cleared":  {nil, true},
		"just cleared": {[]*http.Cookie{note}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := signedInBy(t, &idp{callback: func(url.Values, string) (oidc.Finished, error) { return finished(oidc.Top), nil }}, withShell)
			dana := h.signIn("dana@erp.test", h.mm.Password())
			got := h.comesBack(append(c.carried, flowCookie(), named(dana.Cookies(), cookie.Device))...).Cookies()
			if marks := marked(got) != nil; marks != c.marks {
				t.Errorf("to be cleared: %v, want %v", marks, c.marks)
			}
			if gone := named(got, cookie.Forgotten); (gone != nil && gone.MaxAge < 0) == c.marks {
				t.Errorf("the note is %v", gone)
			}
		})
	}
}

func TestSomebodyMayBeSignedInOnTheWayToTheShell(t *testing.T) {
	h := newHouse(t, withShell, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.Arrive = func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
			http.SetCookie(w, &http.Cookie{Name: cookie.Device, Value: "known"})
			return w
		}
	})
	got := h.do(call{method: "GET", path: "/embed"})
	if named(got.Cookies(), cookie.Device) == nil || got.StatusCode != 200 || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", got.StatusCode, got.Header)
	}
	if file := h.do(call{method: "GET", path: "/embed/shell.js"}); len(file.Cookies()) > 0 {
		t.Errorf("a file signs in: %v", file.Cookies())
	}
}

func TestOtherPagesCannotMarkABrowser(t *testing.T) {
	got := newHouse(t, withShell).do(call{method: "POST", path: "/api/mattermost/logout", body: `{"forget":true}`, header: map[string]string{"Origin": "https://evil.example"}})
	if got.StatusCode != 403 || marked(got.Cookies()) != nil {
		t.Errorf("%d %v", got.StatusCode, got.Cookies())
	}
}

func marked(cookies []*http.Cookie) *http.Cookie { return named(cookies, cookie.Forget) }

func TestLoginLeadsToTheShellWhereThereIsOne(t *testing.T) {
	for want, shell := range map[string]func(*house, *httpapi.Options, *login.Options){
		chatOrigin + "/embed":                    withShell,
		chatOrigin + "/erp/channels/town-square": func(*house, *httpapi.Options, *login.Options) {},
	} {
		h := newHouse(t, shell)
		if got := h.signIn("demo@erp.test", h.mm.Password()).json(t)["url"]; got != want {
			t.Errorf("url %v, want %s", got, want)
		}
	}
	without := newHouse(t)
	if got := without.do(call{method: "GET", path: "/embed"}); got.StatusCode != 404 {
		t.Errorf("without a shell: %d", got.StatusCode)
	}
	broken := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) { o.Shell = fstest.MapFS{} })
	if got := broken.do(call{method: "GET", path: "/embed"}); got.StatusCode != 500 {
		t.Errorf("with a broken one: %d", got.StatusCode)
	}
}
