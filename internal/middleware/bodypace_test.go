package middleware

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func pacedServer(t *testing.T, o BodyPaceOptions, h http.Handler) *httptest.Server {
	s := httptest.NewServer(Records(RecordOptions{Write: func(Record) {}})(BodyPace(o)(h)))
	t.Cleanup(s.Close)
	return s
}

const slowHead = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"

func TestATricklingBodyIsCutWhoeverReadsIt(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"a handler": reading,
		"net/http":  http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
	} {
		t.Run(name, func(t *testing.T) {
			s := pacedServer(t, BodyPaceOptions{Grace: 100 * time.Millisecond, Rate: 1 << 20}, h)
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			go func() {
				_, err := io.WriteString(conn, slowHead)
				for err == nil {
					time.Sleep(10 * time.Millisecond)
					_, err = io.WriteString(conn, "a")
				}
			}()
			start := time.Now()
			if _, err := io.ReadAll(conn); isTimedOut(err) || time.Since(start) > 3*time.Second {
				t.Errorf("held for %s: %v", time.Since(start), err)
			}
		})
	}
}

func isTimedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestABodyThatKeepsItsPaceIsNotCut(t *testing.T) {
	const grace = 150 * time.Millisecond
	s := pacedServer(t, BodyPaceOptions{Grace: grace, Rate: 10}, reading)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n")
	for range 10 { // three graces, of which each byte buys two thirds of one
		time.Sleep(grace / 3)
		_, _ = io.WriteString(conn, "a")
	}
	if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), "10 bytes") {
		t.Errorf("%v %q", err, answer)
	}
}

// TestASlowReaderIsNotTheClientsFault: the time between two reads is ours.
func TestASlowReaderIsNotTheClientsFault(t *testing.T) {
	const grace = 50 * time.Millisecond
	s := pacedServer(t, BodyPaceOptions{Grace: grace, Rate: 1 << 30}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := 0
		for p := make([]byte, 16<<10); ; time.Sleep(2 * grace) {
			m, err := r.Body.Read(p)
			if n += m; err != nil {
				_, _ = fmt.Fprint(w, n, err)
				return
			}
		}
	}))
	resp, err := s.Client().Post(s.URL, "text/plain", strings.NewReader(strings.Repeat("a", 64<<10)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); string(text) != "65536 EOF" {
		t.Errorf("%s", text)
	}
}

func TestAReaderThatOutlivesItsRequestDoesNotTouchTheNext(t *testing.T) {
	const grace = 30 * time.Millisecond
	left := make(chan io.Reader, 1)
	s := pacedServer(t, BodyPaceOptions{Grace: grace}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			left <- r.Body
			return
		}
		_, _ = (<-left).Read(make([]byte, 1)) // as a proxy's transport may
		select {
		case <-r.Context().Done():
			t.Error("the next request was cut by the deadline of the last")
		case <-time.After(5 * grace):
		}
	}))
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		req, _ := http.NewRequest(method, s.URL, strings.NewReader(map[string]string{http.MethodPost: "body"}[method]))
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

func TestWhatMayEndElsewhereEndsTheConnection(t *testing.T) {
	s := pacedServer(t, BodyPaceOptions{}, reading)
	for name, request := range map[string]string{
		"chunks":              "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunks and a length": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunks in HTTP/1.0":  "POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		if status, closed := exchange(t, s, request); !closed || !strings.HasSuffix(status, "200 OK") {
			t.Errorf("%s: %q, closed %v", name, status, closed)
		}
	}
}

func TestOneSlowStreamDoesNotEndTheOthersOfHTTP2(t *testing.T) {
	s := httptest.NewUnstartedServer(BodyPace(BodyPaceOptions{Grace: 50 * time.Millisecond})(reading))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	body, feed := io.Pipe()
	defer feed.Close()
	resp, err := s.Client().Post(s.URL, "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%s %s", resp.Proto, resp.Status)
	}
	next, err := s.Client().Post(s.URL, "text/plain", strings.NewReader("quick"))
	if err != nil {
		t.Fatal(err)
	}
	defer next.Body.Close()
	if next.StatusCode != http.StatusOK {
		t.Errorf("another stream: %s", next.Status)
	}
}
