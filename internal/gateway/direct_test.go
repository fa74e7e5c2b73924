package gateway_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/gateway"
)

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"

// scripted is a Mattermost of which every connection is played by hand; asked
// counts the requests that arrived on each.
type scripted struct {
	url   string
	mu    sync.Mutex
	asked []int
	ended chan struct{} // one value for each connection that the gateway closed
}

// play is told the numbers of the connection and of the request on it, both from
// 0. False ends the connection.
type play func(conn net.Conn, connection, request int) bool

func perform(t *testing.T, next play) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{url: "http://" + l.Addr().String(), ended: make(chan struct{}, 100)}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(conn, next) })
		}
	})
	return s
}

func (s *scripted) serve(conn net.Conn, next play) {
	defer conn.Close()
	s.mu.Lock()
	connection := len(s.asked)
	s.asked = append(s.asked, 0)
	s.mu.Unlock()
	r := bufio.NewReader(conn)
	for request := 0; ; request++ {
		req, err := http.ReadRequest(r)
		if err != nil {
			s.ended <- struct{}{}
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		s.mu.Lock()
		s.asked[connection]++
		s.mu.Unlock()
		if !next(conn, connection, request) {
			return
		}
	}
}

func (s *scripted) counts() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int(nil), s.asked...)
}

// waitEnded waits until the gateway closed one more connection.
func (s *scripted) waitEnded(t *testing.T) {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection stays open")
	}
}

// before puts a gateway in front of it.
func (s *scripted) before(t *testing.T, change ...func(*http.Transport)) *rig {
	t.Helper()
	unused := httptest.NewServer(nil)
	t.Cleanup(unused.Close)
	return startBefore(t, unused, func(o *gateway.Options) {
		transport := gateway.NewTransport()
		for _, f := range change {
			f(transport)
		}
		o.Upstream, o.Transport = parse(t, s.url), transport
	})
}

func say(answer string) play {
	return func(conn net.Conn, _, _ int) bool {
		_, _ = io.WriteString(conn, answer)
		return true
	}
}

// TestADeadConnectionCostsOneMoreTry has Mattermost hang up on the second request of
// a connection, as one does whose patience ends at that very moment.
func TestADeadConnectionCostsOneMoreTry(t *testing.T) {
	tests := map[string]struct {
		method string
		answer play // to the second request
		status int
		asked  []int
	}{
		"a read is repeated": {"GET", func(conn net.Conn, connection, _ int) bool {
			return connection > 0 && say(fine)(conn, 0, 0)
		}, 200, []int{2, 1}},
		"but once":                          {"GET", func(net.Conn, int, int) bool { return false }, 503, []int{2, 1}},
		"not when an answer had begun":      {"GET", func(conn net.Conn, _, _ int) bool { say("HTTP/1.1 200")(conn, 0, 0); return false }, 503, []int{2}},
		"a write is never sent twice (DEL)": {"DELETE", func(net.Conn, int, int) bool { return false }, 503, []int{1, 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := perform(t, func(conn net.Conn, connection, request int) bool {
				if connection == 0 && request == 0 {
					return say(fine)(conn, 0, 0)
				}
				return tt.answer(conn, connection, request)
			})
			rig := s.before(t)
			if a := rig.get("/api/v4/users/me"); a.body != "fine" {
				t.Fatalf("the first was answered %d %s", a.StatusCode, a.body)
			}
			if a := rig.do(tt.method, "/api/v4/users/me", ""); a.StatusCode != tt.status {
				t.Errorf("answered %d %s", a.StatusCode, a.body)
			}
			if got := s.counts(); !cmp.Equal(got, tt.asked) {
				t.Errorf("asked %v times on each connection, want %v", got, tt.asked)
			}
		})
	}
}

// TestBytesThatNobodyAskedForAreNoAnswer: whoever comes next must not get what
// belongs to somebody else.
func TestBytesThatNobodyAskedForAreNoAnswer(t *testing.T) {
	const foreign = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign"
	t.Run("at once", func(t *testing.T) {
		rig := perform(t, say(fine+foreign)).before(t)
		for range 3 {
			if a := rig.get("/"); a.body != "fine" {
				t.Errorf("answered %q", a.body)
			}
		}
	})
	t.Run("later", func(t *testing.T) {
		sent := make(chan struct{}, 3)
		rig := perform(t, func(conn net.Conn, _, _ int) bool {
			_, _ = io.WriteString(conn, fine)
			time.Sleep(20 * time.Millisecond) // the answer has been read, the connection waits
			_, _ = io.WriteString(conn, foreign)
			sent <- struct{}{}
			return true
		}).before(t)
		for range 3 {
			if a := rig.get("/"); a.body != "fine" {
				t.Errorf("answered %q", a.body)
			}
			<-sent
		}
	})
}

// TestConnectionsAreKept: one connection carries all answers that end where they
// say, and no other.
func TestConnectionsAreKept(t *testing.T) {
	tests := map[string]struct {
		method, answer string
		connections    int
	}{
		"of a known length": {"GET", fine, 1},
		"in chunks":         {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n", 1},
		"without a body":    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", 1},
		"not modified":      {"GET", "HTTP/1.1 304 Not Modified\r\nEtag: \"x\"\r\n\r\n", 1},
		"after a hint":      {"GET", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + fine, 1},
		"that says close":   {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfine", 3},
		"of HTTP/1.0":       {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfine", 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := perform(t, say(tt.answer))
			rig := s.before(t)
			for range 3 {
				if a := rig.do(tt.method, "/", ""); a.StatusCode/100 > 3 {
					t.Errorf("answered %d", a.StatusCode)
				}
			}
			if got := s.counts(); len(got) != tt.connections {
				t.Errorf("%d connections, want %d", len(got), tt.connections)
			}
		})
	}
}

func TestKeptConnectionsAreBoundedInNumberAndTime(t *testing.T) {
	var here sync.WaitGroup
	here.Add(3)
	s := perform(t, func(conn net.Conn, _, request int) bool {
		here.Done()
		here.Wait() // all at once, each on a connection of its own
		return say(fine)(conn, 0, 0)
	})
	const age = 300 * time.Millisecond
	rig := s.before(t, func(o *http.Transport) { o.MaxIdleConnsPerHost, o.IdleConnTimeout = 2, age })
	begin := time.Now()
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() { rig.get("/") })
	}
	clients.Wait()
	s.waitEnded(t) // the third
	if since := time.Since(begin); since >= age {
		t.Errorf("no connection was closed for being too many, %v", since)
	}
	s.waitEnded(t)
	s.waitEnded(t)
	if since := time.Since(begin); since < age {
		t.Errorf("the others were closed after %v", since)
	}
}

func TestWhatAnAnswerMayNotDo(t *testing.T) {
	tests := map[string]struct{ body, answer, code string }{
		"change the protocol unasked":         {"", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "upstream_invalid"},
		"the same, to a request with a body":  {"x", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "upstream_invalid"},
		"speak another protocol":              {"", "SSH-2.0-OpenSSH_9.2\r\n", "upstream_invalid"},
		"send hints without end":              {"", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 8000), "upstream_unavailable"},
		"have a header of a quarter megabyte": {"", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 256<<10) + "\r\n\r\n", "upstream_unavailable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rig := perform(t, say(tt.answer)).before(t)
			if a := rig.do("GET", "/api/v4/posts", tt.body); !strings.Contains(a.body, tt.code) {
				t.Errorf("answered %d %s", a.StatusCode, a.body)
			}
		})
	}
}

// TestALineBreakInAHeaderIsNotSent: net/http's server lets none in, which this must
// not rely on.
func TestALineBreakInAHeaderIsNotSent(t *testing.T) {
	s := perform(t, say(fine))
	rig := s.before(t)
	for _, value := range []string{"a\r\nX-Forwarded-For: 203.0.113.1", "a\nb", "a\rb"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "GET", rig.url+"/api/v4/users/me", nil)
		r.Header["X-Odd"] = []string{value}
		rig.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%q was answered %d", value, w.Code)
		}
	}
	for i, n := range s.counts() {
		if n > 0 {
			t.Errorf("connection %d was asked %d times", i, n)
		}
	}
}

// TestAClientThatLeavesMidwayEndsTheDownload closes the connection, so that nobody
// waits for a body that nobody reads.
func TestAClientThatLeavesMidwayEndsTheDownload(t *testing.T) {
	s := perform(t, say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin"))
	rig := s.before(t)
	ctx, cancel := context.WithCancel(t.Context())
	res, err := rig.client.Do(rig.request("GET", "/", "").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	cancel()
	s.waitEnded(t)
}

// TestAnUpstreamWithTLSIsAskedOnOneConnection looks below TLS for bytes that nobody
// asked for; tickets that came with the first answer are none.
func TestAnUpstreamWithTLSIsAskedOnOneConnection(t *testing.T) {
	var connections atomic.Int32
	backend := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	backend.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	backend.StartTLS()
	t.Cleanup(backend.Close)
	rig := startBefore(t, backend, func(o *gateway.Options) {
		transport := gateway.NewTransport()
		transport.TLSClientConfig = tlsFor(backend)
		o.Transport = transport
	})
	for range 5 {
		if a := rig.get("/x"); a.body != "GET /x" {
			t.Errorf("answered %d %s", a.StatusCode, a.body)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
