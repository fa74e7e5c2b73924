package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"matterpass/internal/simulator"
)

const frameTimeout = 5 * time.Second

// dial opens a WebSocket; headers come in pairs.
func (m *mattermost) dial(headers ...string) *websocket.Conn {
	m.t.Helper()
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	ctx, cancel := patiently(m.t)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(m.URL, "http")+"/api/v4/websocket",
		&websocket.DialOptions{HTTPHeader: h, Host: h.Get("Host")})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

type frame map[string]any

func next(t *testing.T, conn *websocket.Conn) (frame, error) {
	t.Helper()
	ctx, cancel := patiently(t)
	defer cancel()
	var f frame
	err := wsjson.Read(ctx, conn, &f)
	return f, err
}

// nextEvent skips status changes: when they come depends on who else is online.
func nextEvent(t *testing.T, conn *websocket.Conn) (frame, error) {
	t.Helper()
	for {
		f, err := next(t, conn)
		if err != nil || f["event"] != "status_change" {
			return f, err
		}
	}
}

func send(t *testing.T, conn *websocket.Conn, v any) {
	t.Helper()
	ctx, cancel := patiently(t)
	defer cancel()
	if err := wsjson.Write(ctx, conn, v); err != nil {
		t.Fatal(err)
	}
}

// notSimulated are events of features that the simulator lacks.
var notSimulated = map[string]string{
	"status_change":            "comes when it comes; tested on its own",
	"thread_updated":           "collapsed threads",
	"thread_read_changed":      "collapsed threads",
	"reaction_added":           "reactions",
	"sidebar_category_updated": "categories of channels",
}

func (w *world) replaySocket(recorded transcript, headers []string) {
	w.t.Helper()
	conn := w.dial(headers...)
	script := w.script()
	for i, recordedFrame := range recorded.Frames {
		if recordedFrame[0] == "client" {
			var sent any
			b, _ := json.Marshal(recordedFrame[1])
			_ = json.Unmarshal([]byte(w.resolve(string(b))), &sent)
			send(w.t, conn, sent)
			continue
		}
		want, _ := recordedFrame[1].(map[string]any)
		kind, _ := want["event"].(string)
		if _, skip := notSimulated[kind]; skip {
			continue
		}
		if steps := script[kind]; len(steps) > 0 {
			script[kind] = steps[1:]
			steps[0]()
		}
		got, err := nextEvent(w.t, conn)
		w.compareFrame(i, want, got, err)
	}
}

func (w *world) compareFrame(i int, want map[string]any, got frame, err error) {
	w.t.Helper()
	if want["end"] != nil {
		if err == nil {
			w.t.Fatalf("frame %d: recorded the end, simulated %v", i, got)
		}
		return
	}
	if err != nil {
		w.t.Fatalf("frame %d: recorded %v, simulated: %v", i, want, err)
	}
	for _, key := range []string{"event", "status", "seq_reply"} {
		if want[key] != got[key] {
			w.t.Fatalf("frame %d: recorded %v, simulated %v", i, want, got)
		}
	}
	for _, line := range drift(fmt.Sprintf("frame %d", i), want, map[string]any(got)) {
		if !w.excused(line) {
			w.t.Error(line)
		}
	}
}

// script is what others did while the socket was open: the steps that bring about the events of each kind, in turn.
func (w *world) script() map[string][]func() {
	bob := func(method, path, body string) func() {
		return func() { w.as("bob", method, w.resolve(path), w.resolve(body)) }
	}
	alice := func(method, path, body string) func() {
		return func() { w.as("alice", method, w.resolve(path), w.resolve(body)) }
	}
	if w.name == "ws-after-session-revoke" {
		return map[string][]func(){"posted": {func() { w.Say(simulator.AdminEmail, "town-square", "hello") }}}
	}
	if w.name != "ws-session-of-events" {
		return nil
	}
	nothing := func() {}
	var root answer
	return map[string][]func(){
		"posted": {
			func() {
				root = w.as("bob", "POST", "/posts", w.resolve(`{"channel_id":"{{channel:off-topic}}","message":"hello @alice, order 4711"}`))
			},
			bob("POST", "/posts", `{"channel_id":"{{channel:off-topic}}","message":"no mention"}`),
			func() {
				// The recorded thread was alice's to follow because she had been mentioned in it.
				w.as("bob", "POST", "/posts", w.resolve(`{"channel_id":"{{channel:off-topic}}","message":"a reply","root_id":"`+root.id()+`"}`))
			},
			bob("POST", "/posts", `{"channel_id":"{{channel:dm}}","message":"a direct message"}`),
			nothing,
		},
		"direct_added":             {func() { w.resolve("{{channel:dm}}") }},
		"multiple_channels_viewed": {alice("POST", "/channels/members/me/view", `{"channel_id":"{{channel:off-topic}}"}`)},
		"post_edited":              {func() { w.as("bob", "PUT", "/posts/"+root.id()+"/patch", `{"message":"changed"}`) }},
		"post_deleted":             {func() { w.as("bob", "DELETE", "/posts/"+root.id(), "") }},
		"preferences_changed": {alice("PUT", "/users/me/preferences",
			`[{"user_id":"{{user:alice}}","category":"display_settings","name":"use_military_time","value":"true"}]`)},
		"user_added": {func() {
			w.ask("POST", "/channels/"+w.channel("orders-1795323991")+"/members", w.resolve(`{"user_id":"{{user:alice}}"}`))
		}},
		"user_updated": {
			alice("PUT", "/users/me/patch", `{"locale":"de"}`),
			alice("PUT", "/users/me/patch", `{"locale":"en"}`),
		},
	}
}
