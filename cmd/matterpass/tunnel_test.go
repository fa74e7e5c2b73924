package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// TestSignOutClosesTheWebSocket: Mattermost leaves it open and silent
// (docs/mattermost.md G3), and somebody may look at the page behind it.
func TestSignOutClosesTheWebSocket(t *testing.T) {
	h := startDemo(t)
	for name, signOut := range map[string]func(*person) answer{
		"ours": func(p *person) answer { return p.send("POST", "/api/mattermost/logout", "", "Origin", h.ERP) },
		"everywhere": func(p *person) answer {
			return p.send("POST", "/api/mattermost/logout", `{"everywhere":true}`, "Origin", h.ERP)
		},
		"the web app's": func(p *person) answer {
			return p.send("POST", "/api/v4/users/logout", "", "Origin", h.Chat, "X-Requested-With", "XMLHttpRequest")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := h.newPerson()
			p.signIn(h.Email, h.Password)
			conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(h.Chat, "http")+"/api/v4/websocket", &websocket.DialOptions{
				HTTPClient: p.client, HTTPHeader: http.Header{"Origin": {h.Chat}},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.CloseNow() }()
			wait(t, conn, "hello")
			if out := signOut(p); out.StatusCode/100 != 2 {
				t.Fatalf("%d %s", out.StatusCode, out.body)
			}
			for err == nil {
				_, _, err = conn.Read(t.Context())
			}
			if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}
