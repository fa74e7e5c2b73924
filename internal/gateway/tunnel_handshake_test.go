package gateway_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/gateway"
)

func TestAnswersInPlaceOfAWebSocket(t *testing.T) {
	tests := map[string]struct {
		said   string
		status int
		body   string
		code   string
	}{
		"a refusal": {"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nToken: leak\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 4\r\n\r\nno!\n",
			403, "no!\n", ""},
		"a refusal in chunks":  {"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\nTrailer: Token\r\n\r\n3\r\nno!\r\n0\r\nToken: leak\r\n\r\n", 400, "no!", ""},
		"another protocol":     {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 502, "upstream_invalid", "upstream_invalid"},
		"no protocol":          {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 502, "upstream_invalid", "upstream_invalid"},
		"an early hint":        {"HTTP/1.1 103 Early Hints\r\nToken: leak\r\n\r\n", 502, "upstream_invalid", "upstream_invalid"},
		"no HTTP":              {"SSH-2.0-OpenSSH_9.6\r\n\r\n", 502, "upstream_invalid", "upstream_invalid"},
		"a header without end": {"HTTP/1.1 101 Switching Protocols\r\nX: " + strings.Repeat("x", 80<<10), 502, "upstream_invalid", "upstream_invalid"},
		"nothing":              {"", 503, "upstream_unavailable", "upstream_unavailable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rig, _ := raw(t, func(conn net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(conn, tt.said) })
			a := rig.send(rig.socketRequest())
			if a.StatusCode != tt.status || !strings.Contains(a.body, tt.body) || a.Header.Get("Token")+a.Header.Get("X-Hop")+a.Trailer.Get("Token") != "" {
				t.Errorf("%d %q %v", a.StatusCode, a.body, a.Header)
			}
			if got := rig.lastNote(); got != (note{websocketPath, tt.code}) {
				t.Errorf("note %v", got)
			}
		})
	}
}

func TestARefusalThatBreaksOffIsVisiblyCut(t *testing.T) {
	for name, body := range map[string]string{"short": "Content-Length: 10\r\n\r\nno", "endless": "\r\n" + strings.Repeat("no", 1<<20)} {
		t.Run(name, func(t *testing.T) {
			rig, _ := raw(t, func(conn net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\n"+body) })
			res, err := rig.client.Do(rig.socketRequest())
			if err != nil {
				return
			}
			defer res.Body.Close()
			if got, err := io.ReadAll(res.Body); err == nil {
				t.Errorf("%d bytes look like all", len(got))
			}
		})
	}
}

func TestARefusalThatStallsIsBrokenOff(t *testing.T) {
	rig, _ := raw(t, func(conn net.Conn, _ *bufio.Reader) {
		_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nno")
		_, _ = conn.Read(make([]byte, 1))
	}, func(o *gateway.Options) { o.Stall = 100 * time.Millisecond })
	res, err := rig.client.Do(rig.socketRequest())
	if err != nil {
		return
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%q looks like all", got)
	}
}

func TestAMattermostThatDoesNotAnswerAHandshakeIsLate(t *testing.T) {
	rig, _ := raw(t, func(conn net.Conn, _ *bufio.Reader) { _, _ = conn.Read(make([]byte, 1)) },
		func(o *gateway.Options) { o.Stall = 50 * time.Millisecond })
	if a := rig.send(rig.socketRequest()); a.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestABrowserThatLeavesDuringTheHandshakeEndsIt(t *testing.T) {
	asked, left := make(chan struct{}), make(chan struct{})
	noted := make(chan note, 1)
	rig, _ := raw(t, func(conn net.Conn, _ *bufio.Reader) {
		close(asked)
		_, _ = conn.Read(make([]byte, 1))
		close(left)
	}, func(o *gateway.Options) {
		o.Note = func(_ *http.Request, route, code string) { noted <- note{route, code} }
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if res, err := rig.client.Do(rig.socketRequest().WithContext(ctx)); err == nil {
		_ = res.Body.Close()
		t.Error("it was answered")
	}
	<-left
	if got := <-noted; got != (note{websocketPath, "client_gone"}) {
		t.Errorf("note %v", got)
	}
}

func TestTheHandshakeFollowsTheRulesOfRequests(t *testing.T) {
	told := make(chan http.Header, 1)
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Host", r.Host)
		told <- r.Header
		w.WriteHeader(http.StatusForbidden)
	}), func(o *gateway.Options) {
		o.SiteURL = func() string { return siteURL }
		o.ClientAddr = func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") }
	})
	rig.send(rig.socketRequest("Cookie", "MMAUTHTOKEN=older; mp_device=d; MMAUTHTOKEN=newer", "X-Forwarded-For", "203.0.113.1",
		"X-Real_Ip", "203.0.113.1", "Sec-WebSocket-Extensions", "permessage-deflate", "Te", "x", "User-Agent", ""))
	want := http.Header{
		"Host": {rig.host}, "Origin": {siteURL}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Cookie": {"MMAUTHTOKEN=newer"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Extensions": {"permessage-deflate"},
		"X-Forwarded-For": {"192.0.2.7"}, "X-Real-Ip": {"192.0.2.7"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {rig.host},
	}
	got := <-told
	delete(got, "Accept-Encoding") // of the test's client
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
