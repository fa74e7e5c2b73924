package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

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
			conn := p.socket()
			if out := signOut(p); out.StatusCode/100 != 2 {
				t.Fatalf("%d %s", out.StatusCode, out.body)
			}
			isClosed(t, conn)
		})
	}
}

// TestSigningOutEverywhereClosesTheWebSocketsElsewhere, and at once: nobody's turn
// to be asked about comes that soon.
func TestSigningOutEverywhereClosesTheWebSocketsElsewhere(t *testing.T) {
	h := startDemo(t)
	here, elsewhere, colleague := h.newPerson(), h.newPerson(), h.newPerson()
	here.signIn(h.Email, h.Password)
	elsewhere.signIn(h.Email, h.Password)
	colleague.signIn("dana@erp.test", h.Password)
	conn, stays := elsewhere.socket(), colleague.socket()
	if out := here.send("POST", "/api/mattermost/logout", `{"everywhere":true}`, "Origin", h.ERP); out.StatusCode/100 != 2 {
		t.Fatalf("%d %s", out.StatusCode, out.body)
	}
	isClosed(t, conn)
	h.mustBeOpen(stays)
}

// mustBeOpen has Mattermost answer on a WebSocket.
func (h *house) mustBeOpen(conn *websocket.Conn) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 5*time.Second)
	defer cancel()
	err := conn.Write(ctx, websocket.MessageText, []byte(`{"seq":1,"action":"ping"}`))
	for said := []byte(nil); err == nil && !bytes.Contains(said, []byte(`"pong"`)); {
		_, said, err = conn.Read(ctx)
	}
	if err != nil {
		h.t.Errorf("it is not open: %v", err)
	}
}

// socket is the browser's WebSocket, once Mattermost has greeted it.
func (p *person) socket() *websocket.Conn {
	p.t.Helper()
	conn, _, err := websocket.Dial(p.t.Context(), "ws"+strings.TrimPrefix(p.Chat, "http")+"/api/v4/websocket", &websocket.DialOptions{
		HTTPClient: p.client, HTTPHeader: http.Header{"Origin": {p.Chat}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.CloseNow() })
	wait(p.t, conn, "hello")
	return conn
}

// isClosed waits for the gateway's goodbye, but not long.
func isClosed(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	defer time.AfterFunc(5*time.Second, func() { _ = conn.CloseNow() }).Stop()
	var err error
	for err == nil {
		_, _, err = conn.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("it ended with %v", err)
	}
}
