package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"matterpass/internal/gateway"
)

// status waits for the end of a WebSocket and answers its close frame's word, -1
// without one.
func status(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	for {
		if _, _, err := conn.Read(t.Context()); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func TestDrainingSaysGoodbyeOneAfterTheOther(t *testing.T) {
	rig := start(t, http.HandlerFunc(loudParrot))
	const n = 10
	conns := make([]*websocket.Conn, n)
	for i := range conns {
		conns[i] = rig.dial("Origin", rig.url)
	}
	var (
		reading sync.WaitGroup
		mu      sync.Mutex
		gone    []time.Time
	)
	for _, conn := range conns {
		reading.Go(func() {
			if got := status(t, conn); got != websocket.StatusServiceRestart {
				t.Errorf("status %d", got)
			}
			mu.Lock()
			defer mu.Unlock()
			gone = append(gone, time.Now())
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := rig.Drain(ctx); err != nil {
		t.Errorf("Drain: %v", err)
	}
	reading.Wait()
	if spread := gone[n-1].Sub(gone[0]); spread < 400*time.Millisecond {
		t.Errorf("all of them were told within %s", spread)
	}
}

// TestNoCloseFrameInsideAFrame: a browser in the middle of a message would take
// ours for a part of it. It is told after the message, or not at all.
func TestNoCloseFrameInsideAFrame(t *testing.T) {
	const half, other = "\x82\x0ehalf of", " it all"
	for name, tt := range map[string]struct{ said, want string }{
		"the frame goes on":  {other, half + other + "\x88\x02\x03\xf4"},
		"it does not":        {"", half},
		"another one begins": {other + "\x82", half + other + "\x82"},
	} {
		t.Run(name, func(t *testing.T) {
			draining := make(chan struct{})
			rig, ended := raw(t, accept(func(conn net.Conn, r *bufio.Reader) {
				_, _ = io.WriteString(conn, half)
				<-draining
				_, _ = io.WriteString(conn, tt.said)
				_, _ = io.Copy(io.Discard, r)
			}))
			conn := shakeHands(t, rig.host, "t")
			got := make([]byte, len(half))
			if _, err := io.ReadFull(conn, got); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			drained := make(chan error)
			go func() { drained <- rig.Drain(ctx) }()
			eventually(t, "draining", func() bool { return rig.send(rig.socketRequest()).StatusCode == http.StatusServiceUnavailable })
			time.AfterFunc(50*time.Millisecond, func() { close(draining) }) // if it is sooner, nothing is tested and nothing fails
			if more, err := io.ReadAll(conn); string(got)+string(more) != tt.want {
				t.Errorf("%q, then %q, %v", got, more, err)
			}
			if err := <-drained; err != nil {
				t.Error(err)
			}
			if why := <-ended; why != "draining" {
				t.Errorf("it ended because %s", why)
			}
		})
	}
}

func TestCloseCutsNow(t *testing.T) {
	rig, ended := raw(t, accept(copyBack))
	conn := shakeHands(t, rig.host, "t")
	begin := time.Now()
	rig.Close()
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %s", took)
	}
	if got, err := io.ReadAll(conn); len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
	if why := <-ended; why != "draining" {
		t.Errorf("it ended because %s", why)
	}
}

func TestDrainBreaksOffAHandshake(t *testing.T) {
	asked := make(chan struct{})
	rig, _ := raw(t, func(conn net.Conn, _ *bufio.Reader) {
		close(asked)
		_, _ = conn.Read(make([]byte, 1))
	})
	go func() {
		<-asked
		_ = rig.Drain(context.Background())
	}()
	a := rig.send(rig.socketRequest())
	if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, "draining") || a.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestThereIsAnEndToTunnels(t *testing.T) {
	var asked atomic.Int32
	rig, ended := raw(t, func(conn net.Conn, r *bufio.Reader) {
		asked.Add(1)
		accept(copyBack)(conn, r)
	}, func(o *gateway.Options) {
		o.TunnelsPerClient, o.TunnelsMost = 2, 3
		o.ClientAddr = func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("User-Agent")) }
	})
	open := func(from string, want int) *http.Response {
		t.Helper()
		res, err := rig.client.Do(rig.socketRequest("User-Agent", from))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", from, res.StatusCode, want)
		}
		return res
	}
	first := open("2001:db8::1", 101)
	open("2001:db8::2", 101) // the same /64
	if refused := open("2001:db8::3", 429); refused.Header.Get("Retry-After") == "" || refused.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", refused.Header)
	}
	open("192.0.2.1", 101)
	open("192.0.2.2", 503)
	_ = first.Body.Close()
	<-ended
	open("2001:db8::3", 101)
	if n := asked.Load(); n != 4 {
		t.Errorf("Mattermost was asked %d times, want 4", n)
	}
}

func TestAHandshakeThatFailsTakesNoPlace(t *testing.T) {
	rig, _ := raw(t, func(net.Conn, *bufio.Reader) {}, func(o *gateway.Options) { o.TunnelsMost = 1 })
	for range 3 {
		if a := rig.send(rig.socketRequest()); !strings.Contains(a.body, "upstream_unavailable") {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
}

func TestATunnelOnWhichNothingIsSaidEnds(t *testing.T) {
	rig := start(t, http.HandlerFunc(loudParrot), func(o *gateway.Options) { o.TunnelIdle = 400 * time.Millisecond })
	busy, quiet := rig.dial("Origin", rig.url), rig.dial("Origin", rig.url)
	ended := make(chan websocket.StatusCode)
	go func() { ended <- status(t, quiet) }()
	for {
		if err := busy.Write(t.Context(), websocket.MessageText, []byte("still here")); err != nil {
			t.Fatalf("a tunnel that is used: %v", err)
		}
		if _, _, err := busy.Read(t.Context()); err != nil {
			t.Fatalf("a tunnel that is used: %v", err)
		}
		select {
		case got := <-ended:
			if got != websocket.StatusGoingAway {
				t.Errorf("status %d", got)
			}
			return
		case <-time.After(10 * time.Millisecond): // the pace of somebody who types
		}
	}
}

// hello opens a WebSocket and waits until Mattermost knows whose it is.
func (r *rig) hello(cookies string) *websocket.Conn {
	r.t.Helper()
	conn := r.dial("Origin", r.url, "Cookie", cookies)
	if _, frame, err := conn.Read(r.t.Context()); err != nil || !strings.Contains(string(frame), `"hello"`) {
		r.t.Fatalf("%s, %v", frame, err)
	}
	return conn
}

func (r *rig) isOpen(conn *websocket.Conn) {
	r.t.Helper()
	if err := conn.Write(r.t.Context(), websocket.MessageText, []byte(`{"seq":1,"action":"ping"}`)); err != nil {
		r.t.Error(err)
	}
	for {
		_, frame, err := conn.Read(r.t.Context())
		if err != nil {
			r.t.Errorf("it is closed: %v", err)
			return
		}
		if strings.Contains(string(frame), "seq_reply") {
			return
		}
	}
}

func TestSigningOutEndsTheSessionsTunnelsAndNoOther(t *testing.T) {
	rig, mattermost := startSimulator(t)
	mine, elsewhere := rig.signInAs("demo@erp.test", mattermost.Password()), rig.signInAs("demo@erp.test", mattermost.Password())
	one, two, other := rig.hello(mine), rig.hello(mine), rig.hello(elsewhere)
	if out := rig.do("POST", "/api/v4/users/logout", "", "Cookie", mine, "X-Requested-With", "XMLHttpRequest"); out.StatusCode != 200 {
		t.Fatalf("%d %s", out.StatusCode, out.body)
	}
	for _, conn := range []*websocket.Conn{one, two} {
		if got := status(t, conn); got != websocket.StatusPolicyViolation {
			t.Errorf("status %d", got)
		}
	}
	rig.isOpen(other)
	rig.EndSession("of nobody")
	rig.isOpen(other)
}

// TestARevokedSessionLosesItsTunnels: Mattermost itself says nothing (G3), and
// one that cannot be asked ends nobody.
func TestARevokedSessionLosesItsTunnels(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	asked := make(chan string, 1000)
	rig, mattermost := startSimulator(t, func(o *gateway.Options) {
		o.AliveEvery = 100 * time.Millisecond
		o.Alive = func(ctx context.Context, token string, _ bool) (bool, error) {
			asked <- token
			if down.Load() {
				return false, errors.New("away")
			}
			req, _ := http.NewRequestWithContext(ctx, "GET", o.Upstream.JoinPath("/api/v4/users/me").String(), nil)
			req.Header.Set("Authorization", "Bearer "+token)
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				return false, err
			}
			defer res.Body.Close()
			return res.StatusCode == http.StatusOK, nil
		}
	})
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	demo, dana := rig.signInAs("demo@erp.test", mattermost.Password()), rig.signInAs("dana@erp.test", mattermost.Password())
	conn, other := rig.hello(demo), rig.hello(dana)
	mattermost.RevokeSessions("demo@erp.test")
	for range 6 {
		<-asked
	}
	rig.isOpen(conn)
	down.Store(false)
	if got := status(t, conn); got != websocket.StatusPolicyViolation {
		t.Errorf("status %d", got)
	}
	rig.isOpen(other)
}

func TestSessionsAreAskedAboutOnceInAWhileAndFewAtATime(t *testing.T) {
	const tokens, every = 20, 500 * time.Millisecond
	var now, most atomic.Int32
	var mu sync.Mutex
	asked := map[string][]time.Time{}
	begin := time.Now()
	rig, _ := raw(t, accept(copyBack), func(o *gateway.Options) {
		o.AliveEvery = every
		o.Alive = func(_ context.Context, token string, _ bool) (bool, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			mu.Lock()
			asked[token] = append(asked[token], time.Now())
			mu.Unlock()
			time.Sleep(5 * time.Millisecond) // Mattermost's
			return true, nil
		}
	})
	for i := range 3 * tokens {
		shakeHands(t, rig.host, fmt.Sprintf("token%d", i%tokens))
	}
	opened := time.Now()
	all := func(times int) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, when := range asked {
			if len(when) < times {
				return false
			}
		}
		return len(asked) == tokens
	}
	eventually(t, "asked once", func() bool { return all(1) })
	if took := time.Since(opened); took > 2*every {
		t.Errorf("the first questions took %s", took)
	}
	eventually(t, "asked three times", func() bool { return all(3) })
	rig.Close()
	for token, when := range asked {
		if most := int(time.Since(begin)/every) + 1; len(when) > most {
			t.Errorf("%s was asked about %d times, want %d at most", token, len(when), most)
		}
	}
	if n := most.Load(); n > 4 {
		t.Errorf("%d questions at a time", n)
	}
}

// TestDrainingTakesNoLongerThanTheLastTunnel: there is a minute for two of them, of
// which both leave when the first is told.
func TestDrainingTakesNoLongerThanTheLastTunnel(t *testing.T) {
	rig := start(t, http.HandlerFunc(loudParrot))
	conns := []*websocket.Conn{rig.dial("Origin", rig.url), rig.dial("Origin", rig.url)}
	for i, conn := range conns {
		go func() {
			_, _, _ = conn.Read(t.Context())
			_ = conns[1-i].CloseNow()
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	begin := time.Now()
	if err := rig.Drain(ctx); err != nil || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(begin))
	}
}
