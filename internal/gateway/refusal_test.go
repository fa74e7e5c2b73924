package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/gateway"
	"matterpass/internal/login"
)

// spellings are ways to write a path that Mattermost routes alike.
func spellings(path string) []string {
	last := strings.LastIndexByte(strings.TrimSuffix(path, "/"), '/') + 1
	escaped := func(s, format string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
	return []string{
		path,
		path + "?x=1",
		path[:last] + escaped(path[last:last+1], "%%%02x") + path[last+1:],
		path[:last] + strings.ReplaceAll(escaped(path[last:], "%%%02X"), "%2F", "/"),
		path[:1] + escaped(path[1:2], "%%%02x") + path[2:],
	}
}

func TestAuthenticationRoutes(t *testing.T) {
	const passed, limited = 200, 429
	tests := []struct {
		method, path string
		want         int
		group        string
	}{
		{"POST", "/api/v4/users/login/cws", 403, "sso"},
		{"POST", "/api/v4/users/login/desktop_token", 403, "sso"},
		{"POST", "/api/v4/users/login/sso/code-exchange", 403, "sso"},
		{"POST", "/api/v4/users/login/switch", 403, "sso"},
		{"POST", "/api/v4/users/login/type", 403, "sso"},
		{"GET", "/api/v3/oauth/gitlab/complete", 403, "sso"},
		{"GET", "/login/sso/saml", 403, "sso"},
		{"POST", "/login/sso/saml", 403, "sso"},
		{"GET", "/login/one_time_link", 403, "sso"},
		{"GET", "/login/gitlab/complete", 403, "sso"},
		{"GET", "/signup/gitlab/complete", 403, "sso"},
		{"POST", "/oauth/intune", 403, "sso"},
		{"GET", "/oauth/gitlab/login", 403, "sso"},
		{"GET", "/oauth/gitlab/mobile_login", 403, "sso"},
		{"GET", "/oauth/gitlab/signup", 403, "sso"},
		{"GET", "/oauth/gitlab/complete", 403, "sso"},
		{"GET", "/oauth/authorize", 403, "oauth"},
		{"POST", "/oauth/access_token", 403, "oauth"},
		{"POST", "/oauth/apps/register", 403, "oauth"},
		{"POST", "/api/v4/users", 403, "signup"},
		{"POST", "/api/v4/users/password/reset", 403, "reset"},
		{"POST", "/api/v4/users/password/reset/send", 403, "reset"},
		{"POST", "/api/v4/users/435uqz4cqp8mjdb33fy5urg1pa/tokens", 403, "tokens"},
		{"POST", "/api/v4/users/me/tokens", 403, "tokens"},
		{"POST", "/api/v4/users/tokens/enable", 403, "tokens"},

		{"PUT", "/api/v4/users/me/password", limited, ""},
		{"PUT", "/api/v4/users/me/auth", limited, ""},
		{"PUT", "/api/v4/users/me/mfa", limited, ""},
		{"POST", "/api/v4/users/me/mfa/generate", limited, ""},
		{"POST", "/api/v4/users/mfa", limited, ""},
		{"POST", "/api/v4/users/email/verify", limited, ""},
		{"POST", "/api/v4/users/email/verify/send", limited, ""},

		{"GET", "/plugins/com.matterpass.companion", 404, ""},
		{"POST", "/plugins/com.matterpass.companion/v1/mint", 404, ""},
		{"GET", "/plugins/com.matterpass.companion/", 404, ""}, // the plugin's own root
		{"GET", "/plugins/another/webhook", passed, ""},

		{"POST", "/api/v4/users/logout", passed, ""},
		{"PUT", "/api/v4/users/sessions/device", passed, ""},
		{"POST", "/api/v4/users/me/sessions/revoke/all", passed, ""},
		{"POST", "/api/v4/users/tokens/revoke", passed, ""},
		{"POST", "/api/v4/users/tokens/disable", passed, ""},
		{"GET", "/api/v4/users/me/tokens", passed, ""},
		{"GET", "/api/v4/users", passed, ""},
		{"GET", "/api/v4/users/login", passed, ""}, // docs/mattermost.md A16
		{"GET", "/login", passed, ""},
		{"GET", "/login/desktop", passed, ""},
		{"GET", "/erp/channels/oauth", passed, ""},
	}
	full := func(*http.Request) login.Decision { return login.Decision{RetryAfter: 1500 * time.Millisecond} }
	closed := start(t, http.HandlerFunc(echo), func(o *gateway.Options) { o.Limit = full })
	open := start(t, http.HandlerFunc(echo), func(o *gateway.Options) { o.Limit, o.Allow = full, gateway.Groups() })
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			for _, path := range spellings(tt.path) {
				if a := closed.do(tt.method, path, ""); a.StatusCode != tt.want {
					t.Errorf("%s: got %d, want %d", path, a.StatusCode, tt.want)
				}
				want := tt.want
				if tt.group != "" {
					want = limited
				}
				if a := open.do(tt.method, path, ""); a.StatusCode != want {
					t.Errorf("%s, with every group allowed: got %d, want %d", path, a.StatusCode, want)
				}
			}
		})
	}
}

func TestRefusalsHaveMattermostsShape(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo))
	a := rig.do("POST", "/api/v4/users/login/cws", "")
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"id":             "matterpass.gateway.route_refused",
		"message":        "This way into chat is closed here. Sign in with your password or through the application.",
		"detailed_error": "", "request_id": "", "status_code": 403.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	if diff := cmp.Diff(note{"/api/v4/users/login/**", "route_refused"}, rig.lastNote()); diff != "" {
		t.Errorf("note (-want +got):\n%s", diff)
	}
}

func TestAClientWithoutTriesIsToldWhenToComeBack(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo), func(o *gateway.Options) {
		o.Limit = func(*http.Request) login.Decision {
			return login.Decision{Limit: 5, Per: time.Minute, RetryAfter: 1500 * time.Millisecond, Reset: 59 * time.Second}
		}
		o.Login = passwords(func(context.Context, login.Attempt) (login.Session, error) {
			t.Error("it was tried")
			return login.Session{}, nil
		})
	})
	for path, method := range map[string]string{"/api/v4/users/me/password": "PUT", loginPath: "POST"} {
		a := rig.do(method, path, good)
		got := []string{a.Status, a.Header.Get("Retry-After"), a.Header.Get("RateLimit-Policy"), a.Header.Get("RateLimit")}
		want := []string{"429 Too Many Requests", "2", `"client";q=5;w=60`, `"client";r=0;t=59`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if a := rig.get("/api/v4/users/me"); a.StatusCode != 200 {
		t.Errorf("what is not guessed at: got %d", a.StatusCode)
	}
}

func TestAnUncleanPathIsRedirected(t *testing.T) {
	var reached atomic.Int32
	rig := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	for target, want := range map[string]string{
		"/api/v4//users/login?x=1&y=%2f": "/api/v4/users/login?x=1&y=%2f",
		"//evil.test/%20x":               "/evil.test/%20x",
	} {
		a := rig.do("POST", target, "{}")
		if got := a.Header.Get("Location"); a.StatusCode != 301 || got != want {
			t.Errorf("%s: got %d %q, want 301 %q", target, a.StatusCode, got, want)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d reached the backend", n)
	}
}

func TestMethodsThatMattermostDoesNotKnow(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo))
	for _, method := range []string{"TRACE", "PROPFIND", "get"} {
		a := rig.do(method, "/", "")
		if a.StatusCode != 405 || a.Header.Get("Allow") != "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" {
			t.Errorf("%s: got %d, Allow %q", method, a.StatusCode, a.Header.Get("Allow"))
		}
	}
}

func TestSignUpIsAnsweredWhenMattermostIsAway(t *testing.T) {
	backend := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })
	rig := start(t, backend)
	if a := rig.do("POST", "/api/v4/users", "{}", "Authorization", "Bearer x"); a.StatusCode != 503 {
		t.Errorf("got %d, want 503", a.StatusCode)
	}
	rig.backend.Close()
	if a := rig.do("POST", "/api/v4/users", "{}", "Authorization", "Bearer x"); a.StatusCode != 503 {
		t.Errorf("got %d, want 503", a.StatusCode)
	}
}
