package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"testing"
	"time"
)

// house is a whole demo, started as its user would.
type house struct {
	placeDetails
	t    *testing.T
	log  *lockedBuffer
	stop context.CancelFunc
	exit chan int
}

// startDemo runs `matterpass demo --json` on free ports in this process.
func startDemo(t *testing.T, flags ...string) *house {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	h := &house{t: t, log: &lockedBuffer{}, stop: stop, exit: make(chan int, 1)}
	args := append([]string{"demo", "--json", "--addr=localhost:0", "--erp-addr=localhost:0", "--simulator-addr=localhost:0"}, flags...)
	go func() {
		code := run(ctx, args, in, h.log)
		_ = in.CloseWithError(io.EOF)
		h.exit <- code
	}()
	if err := json.NewDecoder(out).Decode(&h.placeDetails); err != nil {
		t.Fatalf("the demo did not start: %v\n%s", err, h.log)
	}
	t.Cleanup(func() {
		if code := h.end(); code != exitFine {
			t.Errorf("the demo ended with %d\n%s", code, h.log)
		}
	})
	return h
}

// watchedDemo starts a demo whose parts a browser test can ask. It stops with t;
// its end, with WebSockets to be closed in their time, is the whole test's to
// await.
func watchedDemo(t, whole *testing.T, erp, chat, cookies string) *demo {
	t.Helper()
	t.Setenv("COOKIE_SECURE", cookies)
	return watched(t, whole, demoCmd{Addr: chat, ErpAddr: erp, SimulatorAddr: "localhost:0"}.start)
}

func watched(t, whole *testing.T, start func(context.Context, console) (*demo, error)) *demo {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	log := &lockedBuffer{}
	d, err := start(ctx, console{log, log})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("the log:\n%s", log)
		}
	})
	whole.Cleanup(func() {
		if err := <-ended; err != nil {
			whole.Errorf("%v\n%s", err, log)
		}
		d.close()
	})
	return d
}

// end stops the demo and answers its exit code.
func (h *house) end() int {
	h.stop()
	select {
	case code := <-h.exit:
		h.exit <- code
		return code
	case <-time.After(30 * time.Second):
		h.t.Fatalf("the demo does not stop\n%s", h.log)
		return -1
	}
}

// lockedBuffer takes the log while tests read it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// person is one browser's view of the house: a cookie jar and the ERP's origin.
type person struct {
	*house
	client *http.Client
}

func (h *house) newPerson() *person {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	transport := &http.Transport{}
	h.t.Cleanup(transport.CloseIdleConnections)
	return &person{h, &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

func (a answer) field(t *testing.T, name string) any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(a.body), &all); err != nil {
		t.Fatalf("%d, not JSON: %q", a.StatusCode, a.body)
	}
	return all[name]
}

// send makes a request to the chat host; header pairs follow the body.
func (p *person) send(method, path, body string, header ...string) answer {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.Chat+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{res, string(text)}
}

func (p *person) signIn(email, password string) answer {
	p.t.Helper()
	body, _ := json.Marshal(map[string]string{"email": email, "password": password})
	return p.send("POST", "/api/mattermost/login", string(body), "Origin", p.ERP)
}

// webLogin signs in as Mattermost's own login form does, through the gateway.
func (p *person) webLogin(path string, body map[string]string) answer {
	p.t.Helper()
	text, _ := json.Marshal(body)
	return p.send("POST", path, string(text), "Origin", p.Chat, "X-Requested-With", "XMLHttpRequest")
}
