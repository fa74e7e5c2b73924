package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"matterpass/internal/simulator"
)

// listen opens a WebSocket in somebody's name and reads the greeting.
func (m *mattermost) listen(email string) *websocket.Conn {
	m.t.Helper()
	token, _ := m.SignIn(email)
	conn := m.dial("Cookie", "MMAUTHTOKEN="+token)
	conn.SetReadLimit(1 << 20)
	if f, err := nextEvent(m.t, conn); err != nil || f["event"] != "hello" {
		m.t.Fatalf("greeted with %v: %v", f, err)
	}
	return conn
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(frameTimeout); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func TestARevokedSessionsSocketStaysOpenAndFallsSilent(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	conn := m.listen(simulator.DemoEmail)
	m.RevokeSessions(simulator.DemoEmail)
	m.Say(simulator.DanaEmail, "orders", "nobody hears this")
	send(t, conn, map[string]any{"action": "ping", "seq": 1})
	f, err := nextEvent(t, conn)
	if err != nil || f["status"] != "FAIL" {
		t.Errorf("after the revocation the socket says %v: %v", f, err)
	}
	if m.Sockets() != 1 {
		t.Errorf("%d sockets are open, want 1", m.Sockets())
	}
}

func TestAReaderThatHasStoppedIsDroppedAndNobodyElseWaits(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	m.listen(simulator.DemoEmail) // and never reads again
	reader := m.listen(simulator.DanaEmail)
	long := strings.Repeat("x", 16_000)
	const most = 3000
	for said := 0; m.Sockets() == 2; said++ {
		if said == most {
			t.Fatalf("not dropped after %d posts", most)
		}
		m.Say(simulator.AdminEmail, "orders", long)
		if f, err := nextEvent(t, reader); err != nil || f["event"] != "posted" {
			t.Fatalf("the one who reads got %v: %v", f["event"], err)
		}
	}
}

func TestEverySocketGetsEveryPostOfAllWritersInOneOrder(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	const writers, each = 4, 20
	conns := []*websocket.Conn{m.listen(simulator.DemoEmail), m.listen(simulator.DanaEmail), m.listen(simulator.DemoEmail)}
	heard := make([][]string, len(conns))
	var all sync.WaitGroup
	for i, conn := range conns {
		all.Go(func() { heard[i] = postsHeard(t, conn, writers*each) })
	}
	for w := range writers {
		all.Go(func() {
			for n := range each {
				m.Say(simulator.AdminEmail, "warehouse", fmt.Sprintf("%d/%d", w, n))
			}
		})
	}
	all.Wait()
	for i := range heard {
		if strings.Join(heard[i], " ") != strings.Join(heard[0], " ") || len(heard[i]) != writers*each {
			t.Errorf("socket %d heard %d posts, or in another order", i, len(heard[i]))
		}
	}
}

// postsHeard reads n posts and checks that no event was skipped.
func postsHeard(t *testing.T, conn *websocket.Conn, n int) []string {
	var messages []string
	last := -1.0
	for len(messages) < n {
		f, err := next(t, conn)
		if err != nil {
			t.Error(err)
			return messages
		}
		if seq := f["seq"].(float64); last >= 0 && seq != last+1 {
			t.Errorf("event %v after %v", seq, last)
		}
		last = f["seq"].(float64)
		if f["event"] != "posted" {
			continue
		}
		var post struct{ Message string }
		_ = json.Unmarshal([]byte(f["data"].(map[string]any)["post"].(string)), &post)
		messages = append(messages, post.Message)
	}
	return messages
}

func TestCloseEndsSocketsAndTakesNoMore(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	conn := m.listen(simulator.DemoEmail)
	m.Close()
	if f, err := nextEvent(t, conn); err == nil {
		t.Errorf("after Close the socket says %v", f)
	}
	if m.Sockets() != 0 {
		t.Errorf("%d sockets are open", m.Sockets())
	}
	refused := m.do("GET", "/api/v4/websocket", "", "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	if refused.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new socket is answered %d", refused.StatusCode)
	}
}

func TestAPersonIsOnlineWhileASocketIsOpen(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	status := func() string {
		a := m.do("GET", "/api/v4/users/"+m.UserID(simulator.DanaEmail)+"/status", "", "Authorization", "Bearer "+m.AdminToken())
		var s struct{ Status string }
		_ = json.Unmarshal([]byte(a.text), &s)
		return s.Status
	}
	if got := status(); got != "offline" {
		t.Errorf("at first: %s", got)
	}
	first, second := m.listen(simulator.DanaEmail), m.listen(simulator.DanaEmail)
	_ = first.CloseNow()
	eventually(t, "one socket left", func() bool { return m.Sockets() == 1 })
	if got := status(); got != "online" {
		t.Errorf("with one socket left: %s", got)
	}
	_ = second.CloseNow()
	eventually(t, "offline", func() bool { return status() == "offline" })
}

func TestOddFramesAreAnsweredOrOverlooked(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	conn := m.listen(simulator.DemoEmail)
	for name, want := range map[string]struct {
		frame any
		id    string
	}{
		"no action": {map[string]any{"seq": 1}, "api.web_socket_router.no_action.app_error"},
		"no number": {map[string]any{"action": "ping"}, "api.web_socket_router.no_seq.app_error"},
	} {
		send(t, conn, "not an object")
		send(t, conn, want.frame)
		f, err := nextEvent(t, conn)
		if err != nil {
			t.Fatal(err)
		}
		if e, _ := f["error"].(map[string]any); e["id"] != want.id {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestTypingIsSeenByOthersOnly(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	demo, dana := m.listen(simulator.DemoEmail), m.listen(simulator.DanaEmail)
	token, _ := m.SignIn(simulator.DemoEmail)
	team := m.do("GET", "/api/v4/teams/name/erp", "", "Authorization", "Bearer "+token).id()
	orders := m.do("GET", "/api/v4/teams/"+team+"/channels/name/orders", "", "Authorization", "Bearer "+token).id()
	send(t, demo, map[string]any{"action": "user_typing", "seq": 1, "data": map[string]any{"channel_id": orders}})
	if f, err := nextEvent(t, dana); err != nil || f["event"] != "typing" {
		t.Errorf("the other sees %v: %v", f, err)
	}
	if f, err := nextEvent(t, demo); err != nil || f["status"] != "OK" {
		t.Errorf("the one who types gets %v: %v", f, err)
	}
}
