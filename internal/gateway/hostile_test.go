package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// flaky is a Mattermost that answers the first request on each connection and
// hangs up at the second. It counts what it was asked.
type flaky struct {
	mu      sync.Mutex
	asked   []string
	refused string // what it hung up at last
}

func (f *flaky) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for answered := false; ; answered = true {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		f.note(req.Method+" "+req.URL.Path, answered)
		if answered {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	}
}

func (f *flaky) note(what string, refused bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
	if refused {
		f.refused = what
	}
}

// times is how often it was asked, and whether it ever hung up at that.
func (f *flaky) times(what string) (n int, refused bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, asked := range f.asked {
		if asked == what {
			n++
		}
	}
	return n, f.refused == what
}

// accepting serves connections as f does, at the address of an httptest.Server.
func accepting(t *testing.T, serve func(net.Conn)) *httptest.Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	return &httptest.Server{URL: "http://" + listener.Addr().String(), Listener: listener, Config: &http.Server{}}
}

// TestOnlyWhatChangesNothingIsAskedAgain: on a kept connection that turns out to
// be dead. Whether Mattermost did it the first time, nobody can know.
func TestOnlyWhatChangesNothingIsAskedAgain(t *testing.T) {
	for _, tt := range []struct {
		method, body string
		header       []string
		times, want  int
	}{
		{"GET", "", nil, 2, 200},
		{"POST", "{}", nil, 1, 503},
		{"POST", "", nil, 1, 503},
		{"PUT", "{}", nil, 1, 503},
		{"DELETE", "", nil, 1, 503},
		{"POST", "", []string{"Idempotency-Key", "x"}, 1, 503},
		{"DELETE", "", []string{"X-Idempotency-Key", "x"}, 1, 503},
	} {
		t.Run(tt.method+" "+tt.body+strings.Join(tt.header, ""), func(t *testing.T) {
			mattermost := &flaky{}
			rig := startBefore(t, accepting(t, mattermost.serve))
			// http.Transport keeps no connection on which the answer overtook the request.
			for try := range 100 {
				if a := rig.do(tt.method, "/first", tt.body, tt.header...); a.StatusCode != http.StatusOK {
					continue
				}
				second := fmt.Sprint("/second/", try)
				a := rig.do(tt.method, second, tt.body, tt.header...)
				n, refused := mattermost.times(tt.method + " " + second)
				if !refused {
					continue
				}
				if n != tt.times || a.StatusCode != tt.want {
					t.Errorf("asked %d times, answered %d", n, a.StatusCode)
				}
				return
			}
			t.Error("no connection was kept")
		})
	}
}

// TestAnswersThatAreNone: what Mattermost must not say reaches nobody, and the
// connection that it was said on carries no other answer.
func TestAnswersThatAreNone(t *testing.T) {
	for name, tt := range map[string]struct {
		raw  string
		want int
	}{
		"a switch that nobody asked for":  {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw bytes", 502},
		"two lengths":                     {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 503},
		"a length that is no number":      {"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}", 503},
		"a status that is no number":      {"HTTP/1.1 OK\r\n\r\n", 502},
		"a status of four digits":         {"HTTP/1.1 2000 OK\r\n\r\n", 502},
		"a header that is none":           {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", 502},
		"another coding":                  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 503},
		"nothing but what is preliminary": {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 100), 503},
	} {
		t.Run(name, func(t *testing.T) {
			rig := start(t, rawAnswer(tt.raw))
			a := rig.get("/api/v4/users/me")
			if a.StatusCode != tt.want || a.Header.Get("Link") != "" || strings.Contains(a.body, "raw") {
				t.Errorf("%d %v %s", a.StatusCode, a.Header, a.body)
			}
		})
	}
}

// TestLongHeadersCostNoMoreThanTheirLength: sixty kilobytes of
// what is cut into pieces on the way.
func TestLongHeadersCostNoMoreThanTheirLength(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo))
	fill := func(piece string) string { return strings.Repeat(piece, 60_000/len(piece)) }
	for name, value := range map[string]string{
		"Cookie": fill("a=;"), "Accept": fill("a/b,"), "Accept-Language": fill("de;q=0,"), "Connection": "close, " + fill("x,"),
		"Authorization": "Bearer " + fill("x "), "X-Forwarded-For": fill("::1,"), "If-None-Match": fill(`"",`), "Range": "bytes=" + fill("0-0,"), "Origin": fill("http:"),
	} {
		begin := time.Now()
		a := rig.get("/", name, value)
		if took := time.Since(begin); took > time.Second || a.StatusCode >= http.StatusInternalServerError {
			t.Errorf("%s: %d after %s", name, a.StatusCode, took)
		}
	}
	for name, lines := range map[string]int{"Cookie": 1000, "X-Own": 1000, "Connection": 1000} {
		req := rig.request("GET", "/", "")
		for i := range lines {
			req.Header.Add(name, fmt.Sprintf("a%d=x", i))
		}
		if a := rig.send(req); a.StatusCode != http.StatusOK {
			t.Errorf("%d lines of %s: %d", lines, name, a.StatusCode)
		}
	}
}
