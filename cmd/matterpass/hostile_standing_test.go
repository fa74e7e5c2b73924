package main

import (
	"net/http"
	"strings"
	"testing"
)

// tokenIn is the session's token among cookies.
func tokenIn(cookies string) string {
	_, after, _ := strings.Cut(cookies, "MMAUTHTOKEN=")
	token, _, _ := strings.Cut(after, ";")
	return token
}

// TestTheProgramHidesTheCompanionPlugin, however the path is written.
func TestTheProgramHidesTheCompanionPlugin(t *testing.T) {
	d := doorOf(t)
	for _, path := range []string{
		"/plugins/com.matterpass.companion/ping", "/plugins/com.matterpass.companion/mint", "/%70lugins/com.matterpass.companion/mint",
		"/plugins/com.matterpass.companion",
	} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			if got := ask(t, method, "http://"+d.addr+path, "", "X-Forwarded-Proto", "https"); got.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: %d %s", method, path, got.StatusCode, got.body)
			}
		}
	}
}

// TestWhoSignedOutIsOutByAuthorizationAsWell, while Mattermost cannot be told.
func TestWhoSignedOutIsOutByAuthorizationAsWell(t *testing.T) {
	d, mattermost := doorBetween(t)
	cookies := d.enter(claims("4711", "nora@corp.com")).cookies()
	me := func(header ...string) int {
		return ask(t, "GET", "http://"+d.addr+"/api/v4/users/me", "", append(header, "X-Forwarded-Proto", "https")...).StatusCode
	}
	bearer := []string{"Authorization", "Bearer " + tokenIn(cookies)}
	if got := me(bearer...); got != http.StatusOK {
		t.Fatal(got)
	}
	mattermost.set(endings)
	wants(t, "sign-out", d.post("/api/mattermost/logout", "", "Cookie", cookies), http.StatusNoContent, "")
	if got := []int{me(bearer...), me(append(bearer, "Cookie", cookies)...)}; got[0] != http.StatusUnauthorized || got[1] != http.StatusUnauthorized {
		t.Errorf("by Authorization, and with the cookie: %v", got)
	}
}

// TestAnOutageSignsNobodyOutWhomTheStoreKnows: whoever signed in without a password,
// or before the last start.
func TestAnOutageSignsNobodyOutWhomTheStoreKnows(t *testing.T) {
	d := doorOf(t)
	cookies := d.enter(claims("4711", "nora@corp.com")).cookies()
	for _, when := range []string{"after the sign-in", "after a restart"} {
		d.mm.FailDatabase(true)
		d.mm.InvalidateCaches()
		got := ask(t, "GET", "http://"+d.addr+"/api/v4/users/me", "", "X-Forwarded-Proto", "https", "Cookie", cookies)
		if got.StatusCode != http.StatusServiceUnavailable || len(got.Header["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d %q", when, got.StatusCode, got.Header["Set-Cookie"])
		}
		stranger := ask(t, "GET", "http://"+d.addr+"/api/v4/users/me", "", "X-Forwarded-Proto", "https", "Cookie", "MMAUTHTOKEN="+strings.Repeat("x", 26))
		if stranger.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: a made-up session: %d", when, stranger.StatusCode)
		}
		d.mm.FailDatabase(false)
		d.again()
	}
}

// TestTheFirstPageOfTheMorningSignsIn: its browser carries the session of yesterday,
// which is over.
func TestTheFirstPageOfTheMorningSignsIn(t *testing.T) {
	d := doorOf(t, "ASSERTION_COOKIE", "erp_chat", "SESSION_IDLE", "1m")
	word := d.assertion("matterpass-nav+jwt", claims("4711", "nora@corp.com"))
	cookies := d.navigate(word, "").cookies()
	d.rewrite("UPDATE sessions SET last_seen = last_seen - ?", 70_000)
	d.again()
	morning := d.navigate(word, cookies)
	if !morning.opens() || d.me(morning.cookies()) != http.StatusOK {
		t.Errorf("the new session is lost: %q", morning.Header["Set-Cookie"])
	}
	eventually(t, "the old one is over", func() bool { return d.mm.Sessions("nora@corp.com") == 1 })
}

// TestTheGatewaysOwnAnswersCarryTheSecurityHeaders, as those of the API do.
func TestTheGatewaysOwnAnswersCarryTheSecurityHeaders(t *testing.T) {
	d, mattermost := doorBetween(t)
	get := func(path string, header ...string) answer {
		return ask(t, "GET", "http://"+d.addr+path, "", append(header, "X-Forwarded-Proto", "https")...)
	}
	answers := map[string]answer{
		"a closed way in": get("/oauth/authorize"), "an ambiguous path": get("/a%2fb"), "another spelling": get("/a//b"),
		"a bad sign-in": d.post("/api/v4/users/login", "{}"),
	}
	mattermost.set(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	answers["Mattermost away"] = get("/api/v4/users/me")
	answers["Mattermost away, a page"] = get("/erp", "Sec-Fetch-Dest", "document")
	for name, got := range answers {
		for _, header := range []string{"X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy", "Strict-Transport-Security", "X-Request-Id"} {
			if got.Header.Get(header) == "" {
				t.Errorf("%s (%d): no %s", name, got.StatusCode, header)
			}
		}
	}
}
