package middleware

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// reading answers 200 with a whole body, 413 or 408.
var reading = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.WriteHeader(http.StatusRequestTimeout)
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	default:
		fmt.Fprintf(w, "%d bytes", len(body))
	}
})

func bodyServer(t *testing.T, timeout time.Duration, h http.Handler) *httptest.Server {
	limit := BodyLimit(BodyLimitOptions{Max: 64, Timeout: timeout, Refuse: refused(413)})
	s := httptest.NewServer(Records(RecordOptions{Write: func(Record) {}})(limit(h)))
	t.Cleanup(s.Close)
	return s
}

// exchange sends raw text and returns the status line and whether the server
// closed the connection.
func exchange(t *testing.T, s *httptest.Server, text string) (status string, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	status, _, _ = strings.Cut(string(answer), "\r\n")
	return status, err == nil
}

func TestBodiesAreBoundedInSize(t *testing.T) {
	s := bodyServer(t, time.Minute, reading)
	const head = "POST / HTTP/1.1\r\nHost: x\r\n"
	for name, c := range map[string]struct{ request, want string }{
		"64 bytes are fine":               {head + "Connection: close\r\nContent-Length: 64\r\n\r\n" + strings.Repeat("a", 64), "HTTP/1.1 200 OK"},
		"no body is fine":                 {head + "Connection: close\r\n\r\n", "HTTP/1.1 200 OK"},
		"one more is refused":             {head + "Content-Length: 65\r\n\r\n" + strings.Repeat("a", 65), "HTTP/1.1 413 Request Entity Too Large"},
		"a terabyte is refused unread":    {head + "Content-Length: 1000000000000\r\n\r\n", "HTTP/1.1 413 Request Entity Too Large"},
		"chunks are counted as they come": {head + "Transfer-Encoding: chunked\r\n\r\n41\r\n" + strings.Repeat("a", 65) + "\r\n0\r\n\r\n", "HTTP/1.1 413 Request Entity Too Large"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, closed := exchange(t, s, c.request); got != c.want || !closed {
				t.Errorf("got %q, connection closed %v; want %q and closed", got, closed, c.want)
			}
		})
	}
}

func TestABodyThatNeverComesIsTooSlow(t *testing.T) {
	s := bodyServer(t, 50*time.Millisecond, reading)
	got, closed := exchange(t, s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
	if got != "HTTP/1.1 408 Request Timeout" || !closed {
		t.Errorf("got %q, closed %v", got, closed)
	}
}

func TestTheDeadlineEndsWithTheBody(t *testing.T) {
	const timeout = 30 * time.Millisecond
	s := bodyServer(t, timeout, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		select {
		case <-r.Context().Done():
			t.Error("the request was cancelled by the deadline of its body")
		case <-time.After(5 * timeout):
		}
	}))
	for range 2 { // the second goes over the same connection
		resp, err := s.Client().Post(s.URL, "text/plain", strings.NewReader("quick"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

func TestWithoutAConnectionThereIsNoDeadline(t *testing.T) {
	h := BodyLimit(BodyLimitOptions{Max: 64, Timeout: time.Nanosecond, Refuse: refused(413)})(reading)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("body"))
	if got := serve(h, r).StatusCode; got != 200 {
		t.Errorf("status %d", got)
	}
}
