package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"matterpass/internal/gateway"
)

const websocketPath = "/api/v4/websocket"

// dial opens a WebSocket through the gateway.
func (r *rig) dial(header ...string) *websocket.Conn {
	r.t.Helper()
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	conn, _, err := websocket.Dial(r.t.Context(), r.url+websocketPath, &websocket.DialOptions{HTTPHeader: h, HTTPClient: r.client})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// bye makes the parrot leave without a word.
const bye = "bye"

// parrot is a WebSocket server that repeats what it is told, after the Origin of
// the handshake.
func parrot(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Set-Cookie", "MMAUTHTOKEN=leak")
	w.Header().Set("Token", "leak")
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	ctx := context.WithoutCancel(r.Context())
	if conn.Write(ctx, websocket.MessageText, []byte(r.Header.Get("Origin"))) != nil {
		return
	}
	for {
		kind, data, err := conn.Read(ctx)
		if err != nil || string(data) == bye || conn.Write(ctx, kind, data) != nil {
			return
		}
	}
}

func TestWebSocketCarriesBothWays(t *testing.T) {
	rig := start(t, http.HandlerFunc(parrot), func(o *gateway.Options) {
		o.SiteURL = func() string { return "https://Chat.Erp.Test:443/sub" }
	})
	conn := rig.dial("Origin", rig.url, "Cookie", "MMAUTHTOKEN=x")
	if _, got, err := conn.Read(t.Context()); err != nil || string(got) != "https://chat.erp.test" {
		t.Fatalf("Origin upstream %q, %v", got, err)
	}
	long := strings.Repeat("chat ", 4000)
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(long)); err != nil {
		t.Fatal(err)
	}
	if _, got, err := conn.Read(t.Context()); err != nil || string(got) != long {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

func TestHandshakeAnswerCarriesNoSession(t *testing.T) {
	rig := start(t, http.HandlerFunc(parrot))
	conn, res, err := websocket.Dial(t.Context(), rig.url+websocketPath, &websocket.DialOptions{
		HTTPClient: rig.client, HTTPHeader: http.Header{"Origin": {rig.url}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	for _, name := range []string{"Set-Cookie", "Token", "Matterpass-Sign-Out"} {
		if got := res.Header.Values(name); got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestUpgradesThatAreRefused(t *testing.T) {
	var reached atomic.Int32
	rig := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	good := map[string]string{
		"Connection": "keep-alive, Upgrade", "Upgrade": "websocket", "Origin": rig.url,
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	}
	tests := map[string]struct {
		method, path string
		change       map[string]string // "-" deletes
		want         int
	}{
		"an ERP page":                 {"GET", websocketPath, map[string]string{"Origin": erp}, 403},
		"a sandboxed page":            {"GET", websocketPath, map[string]string{"Origin": "null"}, 403},
		"the other scheme":            {"GET", websocketPath, map[string]string{"Origin": "https://" + rig.host}, 403},
		"no origin, with a cookie":    {"GET", websocketPath, map[string]string{"Origin": "-", "Cookie": "MMAUTHTOKEN=x"}, 403},
		"no origin, two cookies":      {"GET", websocketPath, map[string]string{"Origin": "-", "Cookie": "MMAUTHTOKEN=; MMAUTHTOKEN=x"}, 403},
		"another path":                {"GET", "/api/v4/users/me", nil, 400},
		"the path with a slash":       {"GET", websocketPath + "/", nil, 400},
		"the path in another case":    {"GET", "/api/v4/WebSocket", nil, 400},
		"an escaped path, ERP origin": {"GET", "/api/v4/%77ebsocket", map[string]string{"Origin": erp}, 403},
		"h2c":                         {"GET", websocketPath, map[string]string{"Upgrade": "h2c"}, 400},
		"h2c on a page":               {"GET", "/", map[string]string{"Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}, 400},
		"two protocols":               {"GET", websocketPath, map[string]string{"Upgrade": "websocket, h2c"}, 400},
		"POST":                        {"POST", websocketPath, nil, 400},
		"no upgrade in Connection":    {"GET", websocketPath, map[string]string{"Connection": "keep-alive"}, 400},
		"an old version":              {"GET", websocketPath, map[string]string{"Sec-WebSocket-Version": "8"}, 400},
		"a short key":                 {"GET", websocketPath, map[string]string{"Sec-WebSocket-Key": "c2hvcnQ="}, 400},
		"no key":                      {"GET", websocketPath, map[string]string{"Sec-WebSocket-Key": "-"}, 400},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req := rig.request(tt.method, tt.path, "")
			for _, header := range []map[string]string{good, tt.change} {
				for name, value := range header {
					req.Header.Set(name, value)
					if value == "-" {
						req.Header.Del(name)
					}
				}
			}
			if a := rig.send(req); a.StatusCode != tt.want {
				t.Errorf("got %d %s, want %d", a.StatusCode, a.body, tt.want)
			}
		})
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d of them reached the backend", n)
	}
}

func TestProgramsWithoutACookieNeedNoOrigin(t *testing.T) {
	rig := start(t, http.HandlerFunc(parrot))
	conn := rig.dial("Authorization", "Bearer x")
	if _, got, err := conn.Read(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("Origin upstream %q, %v: want none", got, err)
	}
}

func TestARefusedOriginIsToldAtOnce(t *testing.T) {
	for status, want := range map[int]int64{http.StatusForbidden: 1, http.StatusBadGateway: 0} {
		var told atomic.Int64
		rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }), func(o *gateway.Options) {
			o.OriginRefused = func() { told.Add(1) }
		})
		if got := rig.send(rig.socketRequest()); got.StatusCode != status || told.Load() != want {
			t.Errorf("%d: answered %d, told %d times", status, got.StatusCode, told.Load())
		}
	}
}

func TestWithoutASiteURLTheUpstreamStandsIn(t *testing.T) {
	rig := start(t, http.HandlerFunc(parrot))
	conn := rig.dial("Origin", rig.url)
	if _, got, err := conn.Read(t.Context()); err != nil || string(got) != rig.backend.URL {
		t.Errorf("Origin upstream %q, %v", got, err)
	}
}

func TestDrainEndsTunnelsAndTakesNoMore(t *testing.T) {
	var open atomic.Int64
	rig := start(t, http.HandlerFunc(parrot), func(o *gateway.Options) {
		o.Tunnels = func(delta int) { open.Add(int64(delta)) }
	})
	var conns []*websocket.Conn
	for range 5 {
		conn := rig.dial("Origin", rig.url)
		if _, _, err := conn.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	if got := open.Load(); got != 5 {
		t.Errorf("%d tunnels counted, want 5", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := rig.Drain(ctx); err != nil {
		t.Errorf("Drain: %v", err)
	}
	for _, conn := range conns {
		if _, _, err := conn.Read(t.Context()); err == nil {
			t.Error("a tunnel is still open")
		}
	}
	if got := open.Load(); got != 0 {
		t.Errorf("%d tunnels counted, want 0", got)
	}
	_, res, err := websocket.Dial(t.Context(), rig.url+websocketPath, &websocket.DialOptions{
		HTTPClient: rig.client, HTTPHeader: http.Header{"Origin": {rig.url}},
	})
	if err == nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new tunnel while draining: %v, %v", res, err)
	}
}

func TestATunnelDiesWithEitherSide(t *testing.T) {
	var open atomic.Int64
	ended := make(chan struct{}, 2)
	rig := start(t, http.HandlerFunc(parrot), func(o *gateway.Options) {
		o.Tunnels = func(delta int) {
			if open.Add(int64(delta)); delta < 0 {
				ended <- struct{}{}
			}
		}
	})
	conn := rig.dial("Origin", rig.url)
	_ = conn.CloseNow()
	<-ended
	conn = rig.dial("Origin", rig.url)
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(bye)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Read(t.Context()); err == nil { // the Origin, which was on its way
		if _, _, err = conn.Read(t.Context()); err == nil {
			t.Error("the tunnel outlived the backend")
		}
	}
	_ = conn.CloseNow()
	<-ended
}

func TestDrainDoesNotWaitForABrowserThatDoesNotRead(t *testing.T) {
	flooding := make(chan struct{})
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		chunk := make([]byte, 1<<20)
		for {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 200*time.Millisecond)
			err := conn.Write(ctx, websocket.MessageBinary, chunk)
			cancel()
			if err != nil { // nobody takes it any more
				close(flooding)
				return
			}
		}
	}))
	rig.dial("Origin", rig.url)
	<-flooding
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	begin := time.Now()
	if err := rig.Drain(ctx); err != nil {
		t.Errorf("Drain: %v after %s", err, time.Since(begin))
	}
}
