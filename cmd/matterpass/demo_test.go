package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"matterpass/internal/simulator"
)

func TestDemoSignsInThroughEveryDoor(t *testing.T) {
	h := startDemo(t)
	p := h.newPerson()
	in := p.signIn(h.Email, h.Password)
	if in.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", in.StatusCode, in.body)
	}
	lines := in.Header.Values("Set-Cookie")
	for i, want := range []string{"MMAUTHTOKEN=…; Path=/; HttpOnly", "MMUSERID=…; Path=/", "MMCSRF=…; Path=/"} {
		name, rest, _ := strings.Cut(want, "…")
		if !strings.HasPrefix(lines[i], name) || lines[i][len(name)+26:] != rest {
			t.Errorf("cookie %d is %q, want %q", i, lines[i], want)
		}
	}
	me := p.send("GET", "/api/v4/users/me", "")
	if me.StatusCode != 200 || me.field(t, "email") != h.Email {
		t.Errorf("the cookies do not work at Mattermost: %d %s", me.StatusCode, me.body)
	}
	page := p.send("GET", "/erp/channels/town-square", "")
	if csp := page.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'self' "+h.ERP) || !strings.Contains(csp, "script-src 'self'") || page.Header.Get("X-Frame-Options") != "" {
		t.Errorf("the page cannot be framed: %v", page.Header)
	}
	if out := p.send("POST", "/api/mattermost/logout", "", "Origin", h.ERP); out.StatusCode != 204 {
		t.Errorf("logout: %d", out.StatusCode)
	}
	if me := p.send("GET", "/api/v4/users/me", ""); me.StatusCode != 401 {
		t.Errorf("after logout: %d", me.StatusCode)
	}
}

func TestWebSocketIsLiveThroughTheGateway(t *testing.T) {
	h := startDemo(t)
	if h.Mattermost == h.Chat {
		t.Fatal("the simulator's SiteURL is the chat origin: the Origin rewriting is not tested")
	}
	p := h.newPerson()
	p.signIn(h.Email, h.Password)
	dial := func(origin string) (*websocket.Conn, *http.Response, error) {
		return websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(h.Chat, "http")+"/api/v4/websocket", &websocket.DialOptions{
			HTTPClient: p.client, HTTPHeader: http.Header{"Origin": {origin}},
		})
	}
	for _, origin := range []string{"https://evil.example", h.ERP, h.Mattermost, "null"} {
		if conn, res, err := dial(origin); err == nil || res.StatusCode != http.StatusForbidden {
			t.Errorf("origin %s: %v, %v", origin, res, err)
			_ = conn.CloseNow()
		}
	}
	conn, _, err := dial(h.Chat)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	wait(t, conn, "hello")
	town := p.send("GET", "/api/v4/teams/name/erp/channels/name/town-square", "").field(t, "id").(string)
	post, _ := json.Marshal(map[string]string{"channel_id": town, "message": "live through the gateway"})
	if made := p.send("POST", "/api/v4/posts", string(post), "X-Requested-With", "XMLHttpRequest", "Origin", h.Chat); made.StatusCode != 201 {
		t.Fatalf("%d %s", made.StatusCode, made.body)
	}
	if data := wait(t, conn, "posted"); !strings.Contains(data["post"].(string), "live through the gateway") {
		t.Errorf("got %v", data)
	}
}

// dialAs opens a WebSocket through the gateway of a production server.
func dialAs(t *testing.T, s *served, mm *simulator.Server) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	token, _ := mm.SignIn("demo@erp.test")
	return websocket.Dial(t.Context(), "ws://"+s.addr+"/api/v4/websocket", &websocket.DialOptions{
		Host:       "chat.example.com",
		HTTPHeader: http.Header{"Origin": {"https://chat.example.com"}, "Cookie": {"MMAUTHTOKEN=" + token}},
	})
}

// wait reads events until one of the kind comes.
func wait(t *testing.T, conn *websocket.Conn, event string) map[string]any {
	t.Helper()
	for {
		var e struct {
			Event string         `json:"event"`
			Data  map[string]any `json:"data"`
		}
		if err := wsjson.Read(t.Context(), conn, &e); err != nil {
			t.Fatalf("waiting for %s: %v", event, err)
		}
		if e.Event == event {
			return e.Data
		}
	}
}

func TestTwoHundredParallelGuessesReachMattermostFiveTimes(t *testing.T) {
	h := startDemo(t)
	var refused, limited, other atomic.Int64
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			switch h.newPerson().signIn(h.Email, "wrong-password").StatusCode {
			case 401:
				refused.Add(1)
			case 429:
				limited.Add(1)
			default:
				other.Add(1)
			}
		})
	}
	wg.Wait()
	if refused.Load() != 5 || limited.Load() != 195 || other.Load() != 0 {
		t.Errorf("%d refused, %d limited, %d other; want 5, 195, 0", refused.Load(), limited.Load(), other.Load())
	}
}

func TestLoginThroughTheGatewayIsTheSameDoor(t *testing.T) {
	h := startDemo(t)
	p := h.newPerson()
	in := p.webLogin("/api/v4/users/login", map[string]string{"login_id": "demo", "password": h.Password, "device_id": "", "token": ""})
	if in.StatusCode != 200 || in.field(t, "email") != h.Email || in.Header.Get("Token") != "" || len(in.Cookies()) != 4 {
		t.Fatalf("%d %s %v", in.StatusCode, in.body, in.Header)
	}
	if me := p.send("GET", "/api/v4/users/me", ""); me.StatusCode != 200 {
		t.Errorf("the session does not work: %d", me.StatusCode)
	}
	stranger := h.newPerson()
	id := in.field(t, "id").(string)
	tries := []struct {
		path string
		body map[string]string
	}{
		{"/api/v4/users/login", map[string]string{"login_id": "DANA", "password": "wrong"}},
		{"/api/v4/users/%6cogin", map[string]string{"login_id": "dana@erp.test", "password": "wrong"}},
		{"/api/v4/users/login?x=1", map[string]string{"login_id": "dana", "password": "wrong"}},
		{"/api/v4/users/%6c%6fgin", map[string]string{"login_id": "Dana@ERP.test", "password": "wrong"}},
	}
	for _, try := range tries {
		if got := stranger.webLogin(try.path, try.body); got.StatusCode != 401 || got.field(t, "id") != "api.user.login.invalid_credentials_email_username" {
			t.Errorf("%s: %d %s", try.path, got.StatusCode, got.body)
		}
	}
	if got := stranger.signIn("dana@erp.test", "wrong"); got.StatusCode != 401 {
		t.Errorf("the fifth try, at our own endpoint: %d", got.StatusCode)
	}
	for _, try := range tries {
		if got := stranger.webLogin(try.path, try.body); got.StatusCode != 429 || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s is a second budget: %d", try.path, got.StatusCode)
		}
	}
	if got := stranger.webLogin("/api/v4/users/login", map[string]string{"id": id, "password": h.Password}); got.StatusCode != 200 {
		t.Errorf("by id: %d %s", got.StatusCode, got.body)
	}
}

func TestAnotherHostIsMisdirected(t *testing.T) {
	h := startDemo(t)
	for path, want := range map[string]int{"/": 421, "/api/mattermost/session": 421, "/healthz": 200, "/readyz": 200} {
		req, _ := http.NewRequestWithContext(context.Background(), "GET", h.Chat+path, nil)
		req.Host = "evil.example"
		res, err := h.newPerson().client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
	}
}

func TestNoSecretIsInTheLog(t *testing.T) {
	h := startDemo(t)
	p := h.newPerson()
	in := p.signIn(h.Email, h.Password)
	p.signIn(h.Email, "a-wrong-password-of-mine")
	p.webLogin("/api/v4/users/login", map[string]string{"login_id": "demo", "password": "another-wrong-one"})
	p.send("POST", "/api/mattermost/login?password=in-the-address", "{}")
	p.send("POST", "/api/mattermost/provision", "{}", "Authorization", "Bearer some-api-key-that-is-wrong")
	p.send("GET", "/api/v4/users/me?access_token=in-the-query", "")
	h.end()
	log := h.log.String()
	secrets := []string{h.Password, h.AdminToken, "a-wrong-password-of-mine", "another-wrong-one", "in-the-address", "some-api-key-that-is-wrong", "in-the-query"}
	for _, c := range in.Cookies() {
		if c.Name != "MMUSERID" {
			secrets = append(secrets, c.Value)
		}
	}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not a JSON line: %s", line)
		}
	}
}
