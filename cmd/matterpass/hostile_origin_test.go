package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"matterpass/internal/simulator"
)

// TestOnlyExactOriginsChangeState: hostile.md's rule Browser, at every address of
// ours that changes something, and at Mattermost's own login.
func TestOnlyExactOriginsChangeState(t *testing.T) {
	h := attacked(t, simulator.Options{})
	const erp, chat = "https://erp.example.com", "https://chat.example.com"
	for name, header := range map[string][]string{
		"null":                           {"Origin", "null"},
		"another site":                   {"Origin", "https://evil.example"},
		"a suffix":                       {"Origin", "https://erp.example.com.evil.example"},
		"a prefix":                       {"Origin", "https://evilerp.example.com"},
		"a sub-domain":                   {"Origin", "https://x.erp.example.com"},
		"the parent":                     {"Origin", "https://example.com"},
		"another port":                   {"Origin", "https://erp.example.com:8443"},
		"plain http":                     {"Origin", "http://erp.example.com"},
		"upper case":                     {"Origin", "HTTPS://ERP.EXAMPLE.COM"},
		"a path":                         {"Origin", erp + "/"},
		"a name in front":                {"Origin", "https://erp.example.com@evil.example"},
		"a dot at the end":               {"Origin", "https://erp.example.com."},
		"a list":                         {"Origin", erp + " https://evil.example"},
		"file":                           {"Origin", "file://"},
		"cross-site without Origin":      {"Sec-Fetch-Site", "cross-site"},
		"same-site without Origin":       {"Sec-Fetch-Site", "same-site"},
		"a sibling, same-site":           {"Sec-Fetch-Site", "same-site", "Origin", "https://wiki.example.com"},
		"null, cross-site":               {"Sec-Fetch-Site", "cross-site", "Origin", "null"},
		"a word that browsers don't use": {"Sec-Fetch-Site", "SAME-ORIGIN ", "Origin", "https://evil.example"},
	} {
		for path, body := range map[string]string{
			"/api/mattermost/login": rightPassword, "/api/mattermost/logout": "",
			"/api/v4/users/login": `{"login_id":"demo","password":"demo-password"}`,
		} {
			got := h.post(path, body, header...)
			if got.StatusCode != http.StatusForbidden || got.Header.Get("Access-Control-Allow-Origin") != "" || len(got.Header.Values("Set-Cookie")) != 0 {
				t.Errorf("%s from %s: %d %v", path, name, got.StatusCode, got.Header)
			}
		}
		preflight := ask(t, "OPTIONS", "http://"+h.addr+"/api/mattermost/login", "", append(header, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")...)
		if preflight.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("a preflight from %s is allowed: %v", name, preflight.Header)
		}
	}
	if n := h.mm.Logins(); n != 0 {
		t.Errorf("Mattermost was asked %d times", n)
	}
	two := statuses(h.raw("POST /api/mattermost/login HTTP/1.1\r\nHost: chat.example.com\r\nConnection: close\r\nOrigin: " + erp + "\r\nOrigin: https://evil.example\r\nContent-Type: application/json\r\nContent-Length: " + fmt.Sprint(len(rightPassword)) + "\r\n\r\n" + rightPassword))
	if len(two) != 1 || two[0][0] == '2' {
		t.Errorf("two Origins: %q", two)
	}
	for name, header := range map[string][]string{
		"the ERP": {"Origin", erp, "Sec-Fetch-Site", "cross-site"}, "the chat host": {"Origin", chat, "Sec-Fetch-Site", "same-origin"}, "a program": nil,
	} {
		if got := h.post("/api/mattermost/login", rightPassword, header...); got.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	if got := h.post("/api/v4/users/login", `{"login_id":"demo","password":"demo-password"}`, "Origin", erp, "Sec-Fetch-Site", "cross-site"); got.StatusCode != 403 {
		t.Errorf("the ERP at Mattermost's own login: %d", got.StatusCode)
	}
}

// TestNoGETChangesState: whatever a foreign page can make a browser load.
func TestNoGETChangesState(t *testing.T) {
	h := attacked(t, simulator.Options{})
	token, csrf := h.mm.SignIn("demo@erp.test")
	cookies := "MMAUTHTOKEN=" + token + "; MMUSERID=" + h.mm.UserID("demo@erp.test") + "; MMCSRF=" + csrf
	for _, path := range []string{
		"/api/mattermost/login", "/api/mattermost/logout", "/api/mattermost/session", "/api/mattermost/test-cookies", "/api/mattermost/test-cookies?step=read",
		"/api/mattermost/health", "/api/mattermost/provision", "/healthz", "/readyz", "/widget/v1/matterpass.js", "/api/v4/users/logout", "/api/v4/users/login",
		"/logout", "/api/v4/users/me/sessions/revoke",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			got := ask(t, method, "http://"+h.addr+path, "", "Cookie", cookies, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors")
			for _, line := range got.Header.Values("Set-Cookie") {
				if !strings.HasPrefix(line, "mp_probe_") {
					t.Errorf("%s %s sets %q", method, path, line)
				}
			}
		}
	}
	if n := h.mm.Sessions("demo@erp.test"); n != 1 {
		t.Errorf("%d sessions are left, want 1", n)
	}
}
