package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"matterpass/internal/simulator"
)

// TestTheNumberOfSeriesDoesNotFollowTheTraffic sends what could become a label.
func TestTheNumberOfSeriesDoesNotFollowTheTraffic(t *testing.T) {
	h := attacked(t, simulator.Options{}, func(env map[string]string) { env["RATE_LIMIT_CLIENT"] = "100000/1s" })
	series := func() int {
		n := 0
		for line := range strings.Lines(ask(t, "GET", "http://"+h.admin+"/metrics", "").body) {
			if !strings.HasPrefix(line, "#") {
				n++
			}
		}
		return n
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	send := func(i int) {
		for _, c := range []struct{ method, path, body string }{
			{"GET", fmt.Sprintf("/path%d", i), ""}, {fmt.Sprintf("M%d", i), "/", ""}, {fmt.Sprintf("M%d", i), "/api/mattermost/login", ""},
			{"GET", fmt.Sprintf("/api/mattermost/x%d", i), ""}, {"POST", "/api/mattermost/login", fmt.Sprintf(`{"email":"user %d","password":"x"}`, i)},
			{"POST", "/api/v4/users/login", fmt.Sprintf(`{"login_id":"bad user %d","password":"x"}`, i)}, {"POST", "/api/mattermost/provision", "{}"},
			{"GET", fmt.Sprintf("/api/v4/users/%%%d", i), ""}, {"GET", fmt.Sprintf("/oauth/x%d/login", i), ""},
		} {
			req, err := http.NewRequest(c.method, "http://"+h.addr+"/", strings.NewReader(c.body))
			if err != nil {
				continue
			}
			req.Host, req.URL.Opaque = "chat.example.com", "//"+h.addr+c.path
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("User-Agent", fmt.Sprintf("agent %d", i))
			req.Header.Set("Authorization", map[bool]string{true: fmt.Sprintf("Bearer key%d", i)}[c.path == "/api/mattermost/provision"])
			if res, err := client.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		}
	}
	inParallel(20, 8, send) // every kind of answer once
	_ = series()            // this question is one, too
	before := series()
	inParallel(200, 16, func(i int) { send(1000 + i) })
	if after := series(); after > before {
		t.Errorf("%d series before, %d after", before, after)
	}
	metrics := ask(t, "GET", "http://"+h.admin+"/metrics", "").body
	for _, word := range []string{"path1", "M10", "agent", "user", "key1"} {
		if strings.Contains(metrics, `="`+word) {
			t.Errorf("%s became a label", word)
		}
	}
}

// TestSlowClientsAreCutAndHoldNobodyUp opens every kind of slow request at once.
func TestSlowClientsAreCutAndHoldNobodyUp(t *testing.T) {
	h := attacked(t, simulator.Options{})
	const host = " HTTP/1.1\r\nHost: chat.example.com\r\n"
	const body = "Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
	kinds := map[string]string{
		"headers":                  "GET /" + host,
		"a body for our login":     "POST /api/mattermost/login" + host + body,
		"a body for its login":     "POST /api/v4/users/login" + host + body,
		"a body through us":        "POST /api/v4/posts" + host + body,
		"chunks through us":        "POST /api/v4/posts" + host + "Transfer-Encoding: chunked\r\n\r\n1388\r\n",
		"a body nobody reads":      "POST /healthz" + host + body,
		"a body at a foreign host": "POST / HTTP/1.1\r\nHost: evil.example\r\n" + body,
		"a body for a closed way":  "POST /oauth/authorize" + host + body,
	}
	var all sync.WaitGroup
	start := time.Now()
	for name, head := range kinds {
		for range 10 {
			all.Go(func() { h.trickle(name, head, 15*time.Second) })
		}
	}
	idle := h.idle(400)
	worst := time.Duration(0)
	for time.Since(start) < 8*time.Second {
		asked := time.Now()
		if got := ask(t, "GET", "http://"+h.addr+"/healthz", ""); got.StatusCode != 200 {
			t.Errorf("not alive: %d", got.StatusCode)
		}
		worst = max(worst, time.Since(asked))
		time.Sleep(100 * time.Millisecond)
	}
	if got := h.post("/api/mattermost/login", rightPassword); got.StatusCode != 200 {
		t.Errorf("a quick client: %d", got.StatusCode)
	}
	if worst > time.Second {
		t.Errorf("/healthz took up to %s", worst)
	}
	all.Wait()
	idle()
}

// trickle sends head and then a byte ten times a second until the server hangs
// up, which it must within limit.
func (h *hostile) trickle(name, head string, limit time.Duration) {
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Error(err)
		return
	}
	defer conn.Close()
	start := time.Now()
	_ = conn.SetDeadline(start.Add(limit))
	go func() {
		_, err := io.WriteString(conn, head)
		for err == nil {
			time.Sleep(100 * time.Millisecond)
			_, err = io.WriteString(conn, "a")
		}
	}()
	if _, err := io.Copy(io.Discard, conn); time.Since(start) >= limit {
		h.t.Errorf("slow %s: still open after %s: %v", name, limit, err)
	}
}

// idle opens n connections that were used once; the answer closes them.
func (h *hostile) idle(n int) (end func()) {
	conns := make([]net.Conn, n)
	for i := range conns {
		conn, err := net.Dial("tcp", h.addr)
		if err != nil {
			h.t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: chat.example.com\r\n\r\n")
		conns[i] = conn
	}
	return func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
}

// TestABodyBombNeedsNoMemory sends 64 connections with 32 MB each.
func TestABodyBombNeedsNoMemory(t *testing.T) {
	h := attacked(t, simulator.Options{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	inParallel(64, 16, func(i int) {
		conn, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		framing := "Content-Length: 33554432\r\n\r\n"
		if i%2 == 0 {
			framing = "Transfer-Encoding: chunked\r\n\r\n2000000\r\n"
		}
		go func() {
			_, err := io.WriteString(conn, "POST /api/mattermost/login HTTP/1.1\r\nHost: chat.example.com\r\nContent-Type: application/json\r\n"+framing)
			block := strings.Repeat(" ", 64<<10)
			for n := 0; err == nil && n < 512; n++ {
				_, err = io.WriteString(conn, block)
			}
		}()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		text, _ := io.ReadAll(io.LimitReader(conn, 1<<10)) // the connection may be reset after the answer
		if got := statuses(string(text)); len(got) > 0 && got[0] != "413" {
			t.Errorf("%q", got)
		}
	})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapInuse > before.HeapInuse+32<<20 {
		t.Errorf("%d MB more in use", (after.HeapInuse-before.HeapInuse)>>20)
	}
}
