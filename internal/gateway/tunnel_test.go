package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"matterpass/internal/gateway"
)

// ends collects why tunnels ended.
func ends(o *gateway.Options) chan string {
	ended := make(chan string, 2000)
	o.TunnelEnded = func(why string, _ time.Duration) { ended <- why }
	return ended
}

// raw is a gateway in front of a backend that speaks for itself once it has read
// the handshake.
func raw(t *testing.T, backend func(net.Conn, *bufio.Reader), change ...func(*gateway.Options)) (*rig, chan string) {
	t.Helper()
	var ended chan string
	change = append(change, func(o *gateway.Options) { ended = ends(o) })
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		backend(conn, rw.Reader)
	}), change...)
	return rig, ended
}

const accepted = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

// accept answers 101 and then does f.
func accept(f func(net.Conn, *bufio.Reader)) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, r *bufio.Reader) {
		_, _ = io.WriteString(conn, accepted)
		f(conn, r)
	}
}

func copyBack(conn net.Conn, r *bufio.Reader) { _, _ = io.Copy(conn, r) }

// loudParrot repeats messages of up to 2 MiB.
func loudParrot(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(2 << 20)
	for ctx := context.WithoutCancel(r.Context()); ; {
		kind, data, err := conn.Read(ctx)
		if err != nil || conn.Write(ctx, kind, data) != nil {
			return
		}
	}
}

// exchangeMessages sends random messages of up to 1 MiB while it reads them back.
func exchangeMessages(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	conn.SetReadLimit(2 << 20)
	random := rand.New(rand.NewPCG(1, 2))
	var messages [][]byte
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		messages = append(messages, bytes.Repeat([]byte{byte(size)}, size))
	}
	for range 40 {
		messages = append(messages, bytes.Repeat([]byte{byte(random.Int())}, random.IntN(1<<uint(random.IntN(20)))))
	}
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() {
		for _, m := range messages {
			if err := conn.Write(t.Context(), websocket.MessageBinary, m); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i, want := range messages {
		if _, got, err := conn.Read(t.Context()); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("message %d of %d bytes came back with %d, %v", i, len(want), len(got), err)
		}
	}
}

func TestMessagesOfEverySizeArriveWhole(t *testing.T) {
	rig := start(t, http.HandlerFunc(loudParrot))
	exchangeMessages(t, rig.dial("Origin", rig.url))
}

// TestMessagesArriveWholeOverTLS has TLS on both sides, where waiting is another
// matter.
func TestMessagesArriveWholeOverTLS(t *testing.T) {
	backend := httptest.NewTLSServer(http.HandlerFunc(loudParrot))
	t.Cleanup(backend.Close)
	rig := startBefore(t, backend, func(o *gateway.Options) {
		transport := gateway.NewTransport()
		transport.TLSClientConfig = tlsFor(backend)
		o.Transport = transport
	})
	front := httptest.NewTLSServer(rig)
	t.Cleanup(front.Close)
	conn, _, err := websocket.Dial(t.Context(), front.URL+websocketPath, &websocket.DialOptions{
		HTTPClient: front.Client(), HTTPHeader: http.Header{"Origin": {rig.url}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	exchangeMessages(t, conn)
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("close: %v", err)
	}
}

func tlsFor(s *httptest.Server) *tls.Config { return &tls.Config{RootCAs: rootsOf(s)} }

func rootsOf(s *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return roots
}

func TestAnUpstreamThatCannotBeTrustedIsNotAsked(t *testing.T) {
	backend := httptest.NewTLSServer(http.HandlerFunc(loudParrot))
	t.Cleanup(backend.Close)
	backend.Config.ErrorLog = log.New(io.Discard, "", 0)
	rig := startBefore(t, backend)
	if a := rig.send(rig.socketRequest()); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestBytesThatComeWithTheHandshakesAreNotLost(t *testing.T) {
	rig, _ := raw(t, func(conn net.Conn, r *bufio.Reader) {
		_, _ = io.WriteString(conn, accepted+"early from the backend|")
		copyBack(conn, r)
	})
	conn, err := net.Dial("tcp", rig.host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, rig.socketHead()+"early from the browser|")
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("%v, %v", res, err)
	}
	_, _ = io.WriteString(conn, "late")
	got := make([]byte, len("early from the backend|early from the browser|late"))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "early from the backend|early from the browser|late" {
		t.Errorf("%q, %v", got, err)
	}
}

// socketHead is a handshake in bytes.
func (r *rig) socketHead() string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", websocketPath, r.host, r.url)
}

// socketRequest is a handshake for net/http's client.
func (r *rig) socketRequest(header ...string) *http.Request {
	return r.request("GET", websocketPath, "", append([]string{
		"Origin", r.url, "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
	}, header...)...)
}

func TestASideThatFinishedStillHearsTheOther(t *testing.T) {
	rig, ended := raw(t, accept(func(conn net.Conn, r *bufio.Reader) {
		heard, _ := io.ReadAll(r)
		_, _ = io.WriteString(conn, string(heard)+" and goodbye")
	}))
	conn := shakeHands(t, rig.host, "t")
	_, _ = io.WriteString(conn, "hello")
	_ = conn.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "hello and goodbye" {
		t.Errorf("%q, %v", got, err)
	}
	if why := <-ended; why != "client_left" {
		t.Errorf("it ended because %s", why)
	}
}

func TestTheLastWordsOfMattermostArrive(t *testing.T) {
	long := strings.Repeat("last words ", 100_000)
	rig, ended := raw(t, accept(func(conn net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(conn, long) }))
	conn := shakeHands(t, rig.host, "t")
	if got, err := io.ReadAll(conn); err != nil || string(got) != long {
		t.Errorf("%d bytes of %d, %v", len(got), len(long), err)
	}
	_ = conn.Close()
	if why := <-ended; why != "upstream_left" {
		t.Errorf("it ended because %s", why)
	}
}

// hangUp ends a connection as a crash does.
func hangUp(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func TestAResetOfEitherSideEndsTheOther(t *testing.T) {
	backendEnded := make(chan struct{}, 1)
	rig, ended := raw(t, accept(func(conn net.Conn, r *bufio.Reader) {
		if command, _ := r.ReadString('\n'); command == "reset\n" {
			hangUp(conn)
			return
		}
		_, _ = io.Copy(io.Discard, r)
		backendEnded <- struct{}{}
	}))
	conn := shakeHands(t, rig.host, "t")
	_, _ = io.WriteString(conn, "wait\n")
	hangUp(conn)
	<-backendEnded
	if why := <-ended; why != "client_left" {
		t.Errorf("it ended because %s", why)
	}
	conn = shakeHands(t, rig.host, "t")
	_, _ = io.WriteString(conn, "reset\n")
	if got, err := io.ReadAll(conn); len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
	if why := <-ended; why != "upstream_left" {
		t.Errorf("it ended because %s", why)
	}
}

// TestASlowReaderHoldsTheSenderBackAndTakesNoMemory sends 64 MiB to a browser
// that does not read yet, and then does.
func TestASlowReaderHoldsTheSenderBackAndTakesNoMemory(t *testing.T) {
	const size = 64 << 20
	stuck := make(chan struct{}, size>>16)
	rig, _ := raw(t, accept(func(conn net.Conn, _ *bufio.Reader) {
		chunk := make([]byte, 64<<10)
		for sent := 0; sent < size; {
			_ = conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			n, err := conn.Write(chunk)
			if sent += n; errors.Is(err, os.ErrDeadlineExceeded) {
				stuck <- struct{}{}
			} else if err != nil {
				return
			}
		}
	}))
	before := heap()
	conn := shakeHands(t, rig.host, "t")
	<-stuck
	if took := heap() - before; took > 1<<20 {
		t.Errorf("%d KiB are held", took>>10)
	}
	n, err := io.Copy(io.Discard, io.LimitReader(conn, size))
	if n != size || err != nil {
		t.Errorf("%d bytes of %d arrived, %v", n, size, err)
	}
}

// heap is what is in use, in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestABrowserThatTakesNothingIsLeft(t *testing.T) {
	rig, ended := raw(t, accept(func(conn net.Conn, _ *bufio.Reader) {
		chunk := make([]byte, 64<<10)
		for {
			if _, err := conn.Write(chunk); err != nil {
				return
			}
		}
	}), func(o *gateway.Options) { o.Stall = 300 * time.Millisecond })
	shakeHands(t, rig.host, "t")
	if why := <-ended; why != "stalled" {
		t.Errorf("it ended because %s", why)
	}
}

// eventually waits for what happens elsewhere and tells nobody.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}
