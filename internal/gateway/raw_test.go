package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// requests counts what a backend is asked for.
type requests struct {
	mu    sync.Mutex
	lines []string
}

func (r *requests) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, req.Method+" "+req.RequestURI)
}

func (r *requests) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines
}

// end asks the server to close a connection that is still open.
const end = "GET /end HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"

// say sends raw bytes, then end, and returns the status of every answer.
func (r *rig) say(raw string) []string {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.host)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, strings.ReplaceAll(raw+end, "HOST", r.host)); err != nil {
		r.t.Fatal(err)
	}
	var lines []string
	scanner := bufio.NewScanner(conn)
	for scanner.Scan() {
		if strings.HasPrefix(scanner.Text(), "HTTP/1.") {
			lines = append(lines, scanner.Text()[len("HTTP/1.1 "):][:3])
		}
	}
	return lines
}

// TestUnclearRequestsEndTheConnection: where it can be doubted where a request
// ends or what it is for, Mattermost sees neither it nor what follows.
func TestUnclearRequestsEndTheConnection(t *testing.T) {
	const smuggled = "POST /smuggled HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n"
	tests := map[string]string{
		"two lengths":               "POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\nContent-Length: 70\r\n\r\n" + smuggled,
		"a list of lengths":         "POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0, 70\r\n\r\n" + smuggled,
		"a signed length":           "POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: +0\r\n\r\n" + smuggled,
		"an unknown coding":         "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: xchunked\r\n\r\n" + smuggled,
		"chunked twice":             "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"a folded coding":           "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding:\r\n chunked, x\r\n\r\n0\r\n\r\n" + smuggled,
		"a space before a colon":    "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"a name with a line feed":   "POST /a HTTP/1.1\r\nHost: HOST\r\nX\nTransfer-Encoding: chunked\r\n\r\n" + smuggled,
		"two hosts":                 "GET /a HTTP/1.1\r\nHost: HOST\r\nHost: evil.test\r\n\r\n",
		"no host":                   "GET /a HTTP/1.1\r\n\r\n",
		"a connection to elsewhere": "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n",
		"a path with a space":       "GET /a b HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"no hierarchy":              "GET mailto:x HTTP/1.1\r\nHost: HOST\r\n\r\n",
	}
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			backend := &requests{}
			rig := start(t, backend)
			answers := rig.say(raw)
			if got := backend.taken(); len(got) != 0 || len(answers) != 1 || answers[0][0] == '2' {
				t.Errorf("Mattermost saw %q, the client %q", got, answers)
			}
		})
	}
}

func TestAnAddressInTheRequestLineIsNotWhereItGoes(t *testing.T) {
	backend := &requests{}
	rig := start(t, backend)
	rig.say("GET http://evil.test/api/v4/users/me HTTP/1.1\r\nHost: HOST\r\n\r\n")
	if got := backend.taken(); len(got) != 2 || got[0] != "GET /api/v4/users/me" {
		t.Errorf("Mattermost saw %q", got)
	}
}

// TestWhatWasBegunIsNotFollowed: the request itself is clear enough to have been
// passed on before the doubt came up, or is clear by the rules; the rest of the
// connection is not read.
func TestWhatWasBegunIsNotFollowed(t *testing.T) {
	const smuggled = "POST /smuggled HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n"
	for name, raw := range map[string]string{
		"a bad chunk length": "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + smuggled,
	} {
		t.Run(name, func(t *testing.T) {
			backend := &requests{}
			rig := start(t, backend)
			answers := rig.say(raw)
			if got := backend.taken(); len(got) > 1 || len(answers) != 1 {
				t.Errorf("Mattermost saw %q, the client %q", got, answers)
			}
		})
	}
}
