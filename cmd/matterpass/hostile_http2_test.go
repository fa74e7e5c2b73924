package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2 is a client that says what it likes in HTTP/2.
type h2 struct {
	*http2.Framer
	t    *testing.T
	conn *tls.Conn
}

// speakHTTP2 connects and does nothing else that a client should.
func (s side) speakHTTP2() *h2 {
	s.t.Helper()
	config := s.http.TLSClientConfig.Clone()
	config.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", s.url[len("https://"):], config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := &h2{http2.NewFramer(conn, conn), s.t, conn}
	c.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, err = conn.Write([]byte(http2.ClientPreface))
	if err = errors.Join(err, c.WriteSettings()); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// fields are pairs of name and value as a request's header block.
func fields(pairs ...string) []byte {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for i := 0; i < len(pairs); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return block.Bytes()
}

// get is a sound request's, with what is added.
func get(path string, more ...string) []byte {
	return fields(append([]string{":method", "GET", ":scheme", "https", ":authority", "chat.example.com", ":path", path}, more...)...)
}

// open sends a request that ends with its header.
func (c *h2) open(id uint32, block []byte) error {
	return c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true})
}

// status is the answer on a stream, "reset" or "closed" where there is none.
func (c *h2) status(id uint32) string {
	for {
		frame, err := c.ReadFrame()
		if err != nil {
			return "closed"
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			if frame.StreamID == id {
				return frame.PseudoValue("status")
			}
		case *http2.RSTStreamFrame:
			if frame.StreamID == id {
				return "reset"
			}
		case *http2.GoAwayFrame:
			return "closed"
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = c.WriteSettingsAck()
			}
		}
	}
}

// TestWhatHTTP2AllowsNobodyReachesNobody: fields of connections, a second name of
// the host, lengths that are not kept, spellings that HTTP/1.1 reads as others.
func TestWhatHTTP2AllowsNobodyReachesNobody(t *testing.T) {
	var reached atomic.Int32
	_, through := overTLS(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); r.URL.Path == "/api/v4/reached" && n == r.ContentLength && err == nil {
			reached.Add(1)
		}
	}))
	for name, c := range map[string]struct {
		block []byte
		sound bool
	}{
		"a sound request":      {get("/api/v4/reached"), true},
		"a connection field":   {get("/api/v4/reached", "connection", "close"), false},
		"a transfer coding":    {get("/api/v4/reached", "transfer-encoding", "chunked"), false},
		"another protocol":     {get("/api/v4/reached", "upgrade", "websocket"), false},
		"a name in capitals":   {get("/api/v4/reached", "X-Forwarded-For", "evil"), false},
		"a name with a space":  {get("/api/v4/reached", "x forwarded-for", "evil"), false},
		"a line break":         {get("/api/v4/reached", "x", "a\r\nx-forwarded-for: evil"), false},
		"a NUL":                {get("/api/v4/reached", "x", "a\x00b"), false},
		"another authority":    {fields(":method", "GET", ":scheme", "https", ":authority", "evil.example", ":path", "/api/v4/reached"), false},
		"two authorities":      {get("/api/v4/reached", ":authority", "evil.example"), false},
		"a late pseudo-header": {get("/api/v4/reached", "x", "1", ":path", "/"), false},
		"no path":              {fields(":method", "GET", ":scheme", "https", ":authority", "chat.example.com"), false},
		"a path of a line":     {get("/api/v4/reached HTTP/1.1\r\nX: y"), false},
		"a method of a line":   {fields(":method", "GET / HTTP/1.1\r\n", ":scheme", "https", ":authority", "chat.example.com", ":path", "/api/v4/reached"), false},
		"a tunnel":             {fields(":method", "CONNECT", ":authority", "evil.example:443"), false},
		"an extended CONNECT":  {fields(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", "chat.example.com", ":path", "/api/v4/websocket"), false},
		"a length of nothing":  {get("/api/v4/reached", "content-length", "5"), true}, // goes on without one
	} {
		before, client := reached.Load(), through.speakHTTP2()
		if err := client.open(1, c.block); err != nil {
			t.Fatal(err)
		}
		got := client.status(1)
		if isSound := got == "200" && reached.Load() == before+1; isSound != c.sound || !c.sound && reached.Load() != before {
			t.Errorf("%s: %s, and Mattermost saw %d requests", name, got, reached.Load()-before)
		}
	}
}

// TestABodyOfAnotherLengthIsNoRequest: Mattermost sees one that breaks off, if it
// sees any.
func TestABodyOfAnotherLengthIsNoRequest(t *testing.T) {
	whole, broken := make(chan int64, 10), make(chan error, 10)
	_, through := overTLS(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v4/posts" {
			return
		}
		if n, err := io.Copy(io.Discard, r.Body); err != nil {
			broken <- err
		} else {
			whole <- n
		}
	}))
	post := fields(":method", "POST", ":scheme", "https", ":authority", "chat.example.com", ":path", "/api/v4/posts", "content-length", "10")
	for body, isWhole := range map[string]bool{"0123456789": true, "012": false, "0123456789GET / HTTP/1.1": false} {
		client := through.speakHTTP2()
		err := client.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: post, EndHeaders: true})
		if err = errors.Join(err, client.WriteData(1, true, []byte(body))); err != nil {
			t.Fatal(err)
		}
		if got := client.status(1); (got == "200") != isWhole {
			t.Errorf("%q: %s", body, got)
		}
	}
	if n := len(whole); n != 1 || <-whole != 10 {
		t.Errorf("Mattermost saw %d whole requests, and %d that broke off", n, len(broken))
	}
}

// TestStreamsThatAreResetAtOnceCostLittle: CVE-2023-44487. Mattermost sees no more
// requests at a time than one client may have, and all of them end.
func TestStreamsThatAreResetAtOnceCostLittle(t *testing.T) {
	var now, most, all atomic.Int32
	_, through := overTLS(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v4/slow" {
			return
		}
		all.Add(1)
		for n, before := now.Add(1), most.Load(); n > before && !most.CompareAndSwap(before, n); before = most.Load() {
		}
		defer now.Add(-1)
		<-r.Context().Done()
	}))
	client := through.speakHTTP2()
	sent, block := 0, get("/api/v4/slow")
	for ; sent < 5000; sent++ {
		id := uint32(2*sent + 1)
		if errors.Join(client.open(id, block), client.WriteRSTStream(id, http2.ErrCodeCancel)) != nil {
			break // it was told to go away
		}
	}
	begin := time.Now()
	if res := through.ask(call{method: "GET", path: "/healthz"}); res.Status != http.StatusOK || time.Since(begin) > time.Second {
		t.Errorf("%d after %s", res.Status, time.Since(begin))
	}
	_ = client.conn.Close()
	for deadline := time.Now().Add(10 * time.Second); now.Load() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests of nobody go on", now.Load())
		}
	}
	if most.Load() > 250 {
		t.Errorf("Mattermost saw %d of %d requests at a time", most.Load(), sent)
	}
	t.Logf("%d sent, %d arrived, %d at a time", sent, all.Load(), most.Load())
}
