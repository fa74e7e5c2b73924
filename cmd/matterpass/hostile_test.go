package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"matterpass/internal/simulator"
)

// Helpers of the hostile_*_test.go files: what the world sends, on the wire, and
// what must hold whatever it was.

// hostile is a production server in front of a simulator of which the test holds
// the other end.
type hostile struct {
	*served
	t  *testing.T
	mm *simulator.Server
}

// attacked starts one; change may alter its environment.
func attacked(t *testing.T, options simulator.Options, change ...func(env map[string]string)) *hostile {
	t.Helper()
	options.SiteURL, options.Demo = "https://mattermost.test", true
	mm := simulator.New(options)
	backend := httptest.NewServer(mm)
	t.Cleanup(func() { backend.Close(); mm.Close() })
	env, _ := production(t)
	env["MM_BASE_URL"], env["MM_ADMIN_TOKEN"] = backend.URL, mm.AdminToken()
	for _, f := range change {
		f(env)
	}
	return &hostile{serve(t, env), t, mm}
}

// post sends JSON to a path of the chat host.
func (h *hostile) post(path, body string, header ...string) answer {
	h.t.Helper()
	return ask(h.t, "POST", "http://"+h.addr+path, body, header...)
}

// guess is a sign-in with a wrong password, at our own door.
func (h *hostile) guess(email string, header ...string) answer {
	h.t.Helper()
	return h.post("/api/mattermost/login", `{"email":"`+email+`","password":"a-wrong-password"}`, header...)
}

// raw writes bytes as they are and returns everything that comes back until the
// server closes. Where they do not ask for that, a while of silence after the
// first answer shows that nothing else comes.
func (h *hostile) raw(text string) string {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }() // the server may hang up before the end
	patience := 500 * time.Millisecond
	if strings.Contains(text, "Connection: close") {
		patience = 10 * time.Second
	}
	var all bytes.Buffer
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = io.CopyN(&all, conn, 1)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if err == nil {
		_, _ = io.Copy(&all, conn) // the deadline is an end as well
	}
	return all.String()
}

var statusLine = regexp.MustCompile(`HTTP/1\.[01] ([0-9]{3}) `)

// statuses are those of every answer on one connection.
func statuses(answers string) (all []string) {
	for _, line := range statusLine.FindAllStringSubmatch(answers, -1) {
		all = append(all, line[1])
	}
	return all
}

// holdsNoSession checks O1: nothing in an answer opens a session.
func holdsNoSession(t *testing.T, what string, h http.Header) {
	t.Helper()
	for _, line := range h.Values("Set-Cookie") {
		name, rest, _ := strings.Cut(line, "=")
		if value, _, _ := strings.Cut(rest, ";"); value != "" && (strings.HasPrefix(name, "MM") || strings.Contains(name, "mp_device")) {
			t.Errorf("%s: a session leaves: %s", what, line)
		}
	}
	if h.Get("Token") != "" {
		t.Errorf("%s: a Token header leaves", what)
	}
}
