package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"matterpass/internal/gateway"
	"matterpass/internal/login"
)

// navigations is a gateway.Navigations.
type navigations func(assertion string, v login.Visit) (login.Session, error)

func (n navigations) WithNavigation(_ context.Context, assertion string, v login.Visit) (login.Session, error) {
	return n(assertion, v)
}

// navigating is what a browser sends with the navigation of a frame.
var navigating = []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}

func silent(n navigations) func(*gateway.Options) {
	return func(o *gateway.Options) { o.AssertionCookie, o.Navigations = "erp_chat", n }
}

func newSession(string, login.Visit) (login.Session, error) {
	return login.Session{User: login.User{ID: someID}, Token: ownToken, CSRF: otherToken, Device: "device"}, nil
}

func TestAPageSignsInWhoeverCarriesTheERPsWord(t *testing.T) {
	rig := start(t, headersOf(200, "Cache-Control", "public, max-age=31556926"), silent(newSession))
	a := rig.get("/erp/channels/town-square", append(navigating, "Cookie", "erp_chat=assertion")...)
	var names []string
	for _, c := range a.Cookies() {
		names = append(names, c.Name)
	}
	if want := []string{"MMAUTHTOKEN", "MMUSERID", "MMCSRF", "mp_device"}; !slices.Equal(names, want) {
		t.Errorf("cookies %q, want %q", names, want)
	}
	if a.StatusCode != 200 || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Clear-Site-Data") != "" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	if got := rig.lastNote(); got.Code != "signed_in" {
		t.Errorf("noted %v", got)
	}
}

func TestAPageOfOurOwnSignsInAsMattermostsDo(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo), silent(newSession))
	visit := func(header ...string) http.Header {
		r := httptest.NewRequest(http.MethodGet, "/embed", nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		_, _ = rig.Arrive(w, r).Write([]byte("the page"))
		return w.Header()
	}
	if got := visit(append(navigating, "Cookie", "erp_chat=assertion")...); len(got["Set-Cookie"]) != 4 || got.Get("Cache-Control") != "no-store" {
		t.Errorf("nobody is signed in: %v", got)
	}
	if got := rig.lastNote(); got.Code != "signed_in" {
		t.Errorf("noted %v", got)
	}
	if got := visit("Cookie", "erp_chat=assertion"); len(got["Set-Cookie"]) != 0 {
		t.Errorf("whoever does not look is signed in: %v", got)
	}
}

func TestTheNextPersonOfABrowserFindsNothingOfTheFormer(t *testing.T) {
	rig := start(t, headersOf(200), silent(func(string, login.Visit) (login.Session, error) {
		s, err := newSession("", login.Visit{})
		s.Switched = true
		return s, err
	}))
	a := rig.get("/erp", append(navigating, "Cookie", "erp_chat=assertion")...)
	if got := a.Header.Get("Clear-Site-Data"); got != `"storage"` {
		t.Errorf("Clear-Site-Data %q", got)
	}
}

func TestOnlySomebodyWhoLooksAtAPageIsSignedInSilently(t *testing.T) {
	with := func(more ...string) []string { return append([]string{"Cookie", "erp_chat=assertion"}, more...) }
	tests := map[string]struct {
		method, path string
		header       []string
		asked        bool
	}{
		"a frame":                 {"GET", "/erp", with(navigating...), true},
		"a tab":                   {"GET", "/", with("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), true},
		"without the cookie":      {"GET", "/erp", navigating, false},
		"with two of them":        {"GET", "/erp", append([]string{"Cookie", "erp_chat=a; erp_chat=b"}, navigating...), false},
		"with a similar one":      {"GET", "/erp", append([]string{"Cookie", "xerp_chat=a"}, navigating...), false},
		"a script's fetch":        {"GET", "/erp", with("Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"), false},
		"a browser that says not": {"GET", "/erp", with(), false},
		"an image":                {"GET", "/erp", with("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "image"), false},
		"a form":                  {"POST", "/erp", with(navigating...), false},
		"a look ahead":            {"GET", "/erp", with(append(slices.Clone(navigating), "Sec-Purpose", "prefetch;prerender")...), false},
		"a look ahead, older":     {"GET", "/erp", with(append(slices.Clone(navigating), "Purpose", "prefetch")...), false},
		"HEAD":                    {"HEAD", "/erp", with(navigating...), false},
		"the API":                 {"GET", "/api/v4/users/me", with(navigating...), false},
		"a file":                  {"GET", "/static/x.js", with(navigating...), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			asked := false
			rig := start(t, http.HandlerFunc(echo), silent(func(assertion string, _ login.Visit) (login.Session, error) {
				asked = assertion == "assertion"
				return login.Session{}, login.ErrRefused
			}))
			a := rig.do(tc.method, tc.path, "", tc.header...)
			if asked != tc.asked {
				t.Errorf("asked %v, want %v", asked, tc.asked)
			}
			if strings.Contains(" "+a.Header.Get("Got-Cookie"), " erp_chat") {
				t.Errorf("Mattermost got %q", a.Header.Get("Got-Cookie"))
			}
		})
	}
}

func TestASilentSignInThatFailsLeavesThePageAsItWas(t *testing.T) {
	for name, err := range map[string]error{"not needed": login.ErrNotNeeded, "refused": login.ErrRefused, "away": login.ErrMintUnavailable} {
		t.Run(name, func(t *testing.T) {
			rig := start(t, headersOf(200, "Cache-Control", "public"), silent(func(string, login.Visit) (login.Session, error) { return login.Session{}, err }))
			a := rig.get("/erp", append(navigating, "Cookie", "erp_chat=assertion")...)
			if a.StatusCode != 200 || len(a.Cookies()) > 0 || a.Header.Get("Cache-Control") != "public" {
				t.Errorf("%d %v", a.StatusCode, a.Header)
			}
		})
	}
}

func TestTheERPsCookieNeverReachesMattermost(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo), silent(newSession))
	for _, path := range []string{"/api/v4/users/me", "/static/x.js", "/plugins/x", "/erp"} {
		a := rig.get(path, "Cookie", "a=1; erp_chat=assertion; b=2")
		if got := a.Header.Get("Got-Cookie"); got != "a=1; b=2" {
			t.Errorf("%s: Mattermost got %q", path, got)
		}
	}
}

func TestASessionThatEndedHereIsAStrangers(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo), func(o *gateway.Options) {
		o.Standing = func(_ context.Context, token string, _ bool) string {
			if token == ownToken {
				return login.EndedByIssuer
			}
			return ""
		}
	})
	a := rig.get("/api/v4/users/me", "Cookie", "MMAUTHTOKEN="+ownToken+"; MMUSERID=u; MMCSRF=c; a=1")
	if got := a.Header.Get("Got-Cookie"); got != "a=1" {
		t.Errorf("Mattermost got %q", got)
	}
	deleted := 0
	for _, c := range a.Cookies() {
		if c.MaxAge < 0 && strings.HasPrefix(c.Name, "MM") {
			deleted++
		}
	}
	if deleted < 3 {
		t.Errorf("%d cookies were deleted: %v", deleted, a.Header["Set-Cookie"])
	}
	b := rig.get("/api/v4/users/me", "Cookie", "MMAUTHTOKEN="+otherToken)
	if b.Header.Get("Got-Cookie") == "" || len(b.Cookies()) > 0 {
		t.Errorf("another session: %v", b.Header)
	}
	w := rig.get("/api/v4/websocket", "Cookie", "MMAUTHTOKEN="+ownToken, "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Origin", rig.url)
	if w.StatusCode != http.StatusUnauthorized || !strings.Contains(w.body, "session_expired") {
		t.Errorf("WebSocket: %d %s", w.StatusCode, w.body)
	}
}

func TestWhatThePageAsksByItselfIsNoActivity(t *testing.T) {
	var active bool
	rig := start(t, http.HandlerFunc(echo), func(o *gateway.Options) {
		o.Standing = func(_ context.Context, _ string, a bool) string { active = a; return "" }
	})
	for request, want := range map[string]bool{
		"POST /api/v4/posts": true, "POST /api/v4/channels/members/me/view": true, "PUT /api/v4/users/me/patch": true, "POST /plugins/x/y": true,
		"POST /api/v4/users/status/ids": false, "POST /api/v4/users/ids": false, "POST /api/v4/client_perf": false, "GET /api/v4/users/me": false,
	} {
		method, path, _ := strings.Cut(request, " ")
		rig.do(method, path, "", "Cookie", "MMAUTHTOKEN="+ownToken)
		if active != want {
			t.Errorf("%s: active %v, want %v", request, active, want)
		}
	}
	rig.get("/erp", append(navigating, "Cookie", "MMAUTHTOKEN="+ownToken)...)
	if !active {
		t.Error("a navigation is an activity")
	}
}
