package http1_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"

	"matterpass/internal/http1"
)

// TestAMemoIsForThoseWhoSayTheSame: on one connection, one after another, to the byte.
func TestAMemoIsForThoseWhoSayTheSame(t *testing.T) {
	server := start(t, "ours", func(w http.ResponseWriter, r *http.Request) {
		memo := http1.MemoOf(r.Context())
		if memo == nil {
			_, _ = io.WriteString(w, "none")
			return
		}
		n, _ := memo.Value.(int)
		memo.Value = n + 1
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%d %s %s %s%s", n, r.Method, r.URL, r.Header.Get("X"), body)
	})
	const same = " HTTP/1.1\r\nHost: chat.test\r\nX: x\r\n\r\n"
	const upload = " HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 2\r\nX: x\r\n\r\n"
	many := " HTTP/1.1\r\nHost: chat.test\r\n"
	for i := range 65 {
		many += fmt.Sprintf("A%d:\r\n", i)
	}
	many += "\r\n"
	for name, steps := range map[string][]struct{ say, want string }{
		"the same": {{"GET /a" + same, "0 GET /a x"}, {"DELETE /b?c" + same, "1 DELETE /b?c x"}},
		"another value, and back": {
			{"GET /a" + same, "0 GET /a x"},
			{"GET /a HTTP/1.1\r\nHost: chat.test\r\nX: y\r\n\r\n", "0 GET /a y"},
			{"GET /a" + same, "0 GET /a x"},
		},
		"the same and one more": {
			{"GET /a" + same, "0 GET /a x"},
			{"GET /a HTTP/1.1\r\nHost: chat.test\r\nX: x\r\nY: z\r\n\r\n", "0 GET /a x"},
		},
		"so many fields that nothing is kept": {{"GET /a" + many, "none"}, {"GET /a" + many, "none"}, {"GET /a" + same, "0 GET /a x"}},
		"with bodies":                         {{"POST /a" + upload + "hi", "0 POST /a xhi"}, {"PUT /a" + upload + "ho", "1 PUT /a xho"}},
	} {
		t.Run(name, func(t *testing.T) {
			conn := server.dial(t)
			from := bufio.NewReader(conn)
			for i, step := range steps {
				say(t, conn, step.say)
				if got := hear(t, from); got != step.want {
					t.Errorf("step %d: %q, want %q", i, got, step.want)
				}
			}
		})
	}
	t.Run("on another connection", func(t *testing.T) {
		for range 2 {
			conn := server.dial(t)
			say(t, conn, "GET /a"+same)
			if got := hear(t, bufio.NewReader(conn)); got != "0 GET /a x" {
				t.Errorf("%q", got)
			}
		}
	})
}

func TestNetHTTPKeepsNoMemo(t *testing.T) {
	server := start(t, "net/http", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, http1.MemoOf(r.Context()) == nil)
	})
	conn := server.dial(t)
	say(t, conn, get)
	if got := hear(t, bufio.NewReader(conn)); got != "true" {
		t.Error("there is one")
	}
}
