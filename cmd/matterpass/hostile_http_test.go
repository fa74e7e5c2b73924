package main

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"matterpass/internal/simulator"
)

// TestAmbiguousRequestsGetOneAnswerAndEndTheConnection: whoever reads the bytes
// behind a front proxy of another opinion finds no second request in them.
func TestAmbiguousRequestsGetOneAnswerAndEndTheConnection(t *testing.T) {
	h := attacked(t, simulator.Options{})
	const (
		host  = "Host: chat.example.com\r\n"
		json  = "Content-Type: application/json\r\n"
		inner = "GET /api/mattermost/session HTTP/1.1\r\nHost: chat.example.com\r\nConnection: close\r\n\r\n"
	)
	var all sync.WaitGroup
	defer all.Wait()
	for _, path := range []string{"/api/mattermost/login", "/api/mattermost/logout", "/healthz", "/api/mattermost/nothing", "/api/v4/posts"} {
		for name, raw := range map[string]string{
			"length and chunked":     host + json + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"chunked and length":     host + json + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
			"two lengths":            host + json + "Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
			"a list of lengths":      host + json + "Content-Length: 0, 0, 5\r\n\r\n",
			"a signed length":        host + json + "Content-Length: +0\r\n\r\n",
			"a length with a space":  host + json + "Content-Length: 0 0\r\n\r\n",
			"an unknown coding":      host + json + "Transfer-Encoding: xchunked\r\n\r\n",
			"identity":               host + json + "Transfer-Encoding: identity\r\n\r\n",
			"chunked, chunked":       host + json + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
			"a tab before chunked":   host + json + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
			"a space in a name":      host + json + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
			"a bare carriage return": host + json + "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"a NUL in a value":       host + json + "X: a\x00b\r\n\r\n",
			"two hosts":              host + host + "\r\n",
			"a host with a path":     "Host: chat.example.com/evil\r\n\r\n",
			"another host":           "Host: evil.example\r\nConnection: close\r\n\r\n",
			"a bad chunk size":       host + json + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
			"a chunk with more":      host + json + "Transfer-Encoding: chunked\r\n\r\n1\r\naa\r\n0\r\n\r\n",
			"HTTP/1.0 and chunked":   "",
		} {
			request := "POST " + path + " HTTP/1.1\r\n" + raw + inner
			if raw == "" {
				request = "POST " + path + " HTTP/1.0\r\n" + host + json + "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n" + inner
			}
			all.Go(func() {
				if got := statuses(h.raw(request)); len(got) != 1 {
					t.Errorf("%s with %s: %q", path, name, got)
				}
			})
		}
	}
}

func TestOddRequestsAreOneClearAnswer(t *testing.T) {
	h := attacked(t, simulator.Options{})
	var all sync.WaitGroup
	const host = "Host: chat.example.com\r\n"
	for name, c := range map[string]struct{ request, status string }{
		"the server as a whole":        {"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", "400"},
		"a tunnel":                     {"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", "421"},
		"a tunnel to ourselves":        {"CONNECT chat.example.com:443 HTTP/1.1\r\n" + host + "\r\n", "405"},
		"tracing":                      {"TRACE / HTTP/1.1\r\n" + host + "\r\n", "405"},
		"tracing the login":            {"TRACE /api/mattermost/login HTTP/1.1\r\n" + host + "\r\n", "405"},
		"a method of one's own":        {"JEFF /api/mattermost/login HTTP/1.1\r\n" + host + "\r\n", "405"},
		"another host in the target":   {"GET http://evil.example/ HTTP/1.1\r\n" + host + "\r\n", "421"},
		"our host in the target":       {"GET http://chat.example.com/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", "200"},
		"a port of its own":            {"GET / HTTP/1.1\r\nHost: chat.example.com:444\r\n\r\n", "421"},
		"a suffix":                     {"GET / HTTP/1.1\r\nHost: chat.example.com.evil.example\r\n\r\n", "421"},
		"no host":                      {"GET / HTTP/1.0\r\n\r\n", "421"},
		"HTTP/2 by prior knowledge":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""},
		"h2c":                          {"GET /erp HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "400"},
		"h2c at our own":               {"GET /healthz HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "200"},
		"another protocol":             {"GET /api/v4/websocket HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "400"},
		"a socket elsewhere":           {"GET /api/v4/users/me HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "400"},
		"a socket with a body":         {"GET /api/v4/websocket HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nabc", "400"},
		"a socket of version 8":        {"GET /api/v4/websocket HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "400"},
		"an encoded slash":             {"GET /api%2fv4%2fusers/login HTTP/1.1\r\n" + host + "\r\n", "400"},
		"twice encoded":                {"GET /api/v4/users/%256cogin HTTP/1.1\r\n" + host + "\r\n", "400"},
		"a backslash":                  {"GET /api\\v4\\users HTTP/1.1\r\n" + host + "\r\n", "400"},
		"an encoded NUL":               {"GET /erp%00 HTTP/1.1\r\n" + host + "\r\n", "400"},
		"bytes that are no text":       {"GET /erp/%ff HTTP/1.1\r\n" + host + "\r\n", "400"},
		"the operator's, encoded":      {"GET /%6detrics HTTP/1.1\r\n" + host + "\r\n", "404"},
		"ours, encoded":                {"GET /api/%6dattermost/nothing HTTP/1.1\r\n" + host + "\r\n", "404"},
		"an encoded dot segment":       {"GET /erp/%2e%2e/metrics HTTP/1.1\r\n" + host + "\r\n", "400"},
		"a header of one megabyte":     {"GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", "431"},
		"ten thousand headers":         {"GET / HTTP/1.1\r\n" + host + strings.Repeat("X-Header: 12345678\r\n", 10_000) + "\r\n", "431"},
		"an address of one megabyte":   {"GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\n" + host + "\r\n", "431"},
		"a terabyte announced":         {"POST /api/mattermost/login HTTP/1.1\r\n" + host + "Content-Type: application/json\r\nContent-Length: 1000000000000\r\n\r\n", "413"},
		"a length beyond every number": {"POST /api/mattermost/login HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n", "400"},
	} {
		all.Go(func() {
			got := h.raw(c.request)
			answers := statuses(got)
			switch {
			case c.status == "" && (len(answers) > 1 || len(answers) == 1 && answers[0][0] == '2' || strings.Contains(got, "HTTP/2")):
				t.Errorf("%s: %q", name, answers)
			case c.status != "" && (len(answers) != 1 || answers[0] != c.status):
				t.Errorf("%s: %q, want %s\n%.300s", name, answers, c.status, got)
			case strings.Contains(got, "Date: ") && !strings.Contains(got, "X-Request-Id: "): // net/http's own refusals have no date
				t.Errorf("%s: an answer without X-Request-Id:\n%.300s", name, got)
			}
		})
	}
	all.Wait()
	if alive := ask(t, http.MethodGet, "http://"+h.addr+"/healthz", ""); alive.StatusCode != 200 {
		t.Errorf("not alive: %d", alive.StatusCode)
	}
}
