package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"matterpass/internal/cookie"
	"matterpass/internal/gateway"
	"matterpass/internal/middleware"
	"matterpass/internal/server"
)

// asChild makes the test binary a gateway in front of the address it names, so
// that a benchmark can look at the memory of a gateway and of nothing else.
const asChild = "MATTERPASS_TEST_GATEWAY"

// serveChild serves until its standard input ends, behind what stands before the
// gateway in the program.
func serveChild(upstream string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	public := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	g := gateway.New(gateway.Options{
		Upstream: &url.URL{Scheme: "http", Host: upstream}, Public: public, Login: passwords(nobody), TunnelsPerClient: 20_000,
		ClientAddr: func(r *http.Request) netip.Addr { return middleware.ClientAddr(r.Context()) },
	})
	var h http.Handler = g
	for _, wrap := range []func(http.Handler) http.Handler{
		cookie.Middleware(func(*http.Request) cookie.Policy { return cookie.Policy{} }),
		middleware.ClientAddrs(middleware.ClientAddrOptions{}), middleware.RequestIDs(nil),
		middleware.Records(middleware.RecordOptions{Write: func(middleware.Record) {}}),
	} {
		h = wrap(h)
	}
	stop, cancel := context.WithCancel(context.Background())
	s, err := server.Listen(stop, server.Options{Listener: listener, Handler: h})
	if err != nil {
		panic(err)
	}
	go func() {
		fmt.Println(public.Host)
		_, _ = io.Copy(io.Discard, os.Stdin)
		g.Close()
		cancel()
	}()
	_ = s.Run(stop, stop)
}

// child is a gateway in a process of its own.
type child struct {
	addr string
	pid  int
}

func startChild(tb testing.TB, upstream string) child {
	tb.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), asChild+"="+upstream)
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return child{strings.TrimSpace(line), cmd.Process.Pid}
}

// anonymous is the child's RssAnon in KiB, which has no files and no shared
// memory in it.
func (c child) anonymous(tb testing.TB) float64 {
	tb.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(c.pid) + "/status")
	if err != nil {
		tb.Skip(err)
	}
	_, after, _ := bytes.Cut(status, []byte("RssAnon:"))
	kib, err := strconv.ParseFloat(string(bytes.Fields(after)[0]), 64)
	if err != nil {
		tb.Fatal(err)
	}
	return kib
}

// plainBackend accepts every handshake and repeats what it is told, frames or not.
func plainBackend(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go repeat(conn)
		}
	}()
	return listener.Addr().String()
}

func repeat(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 4096)
	if _, err := http.ReadRequest(r); err != nil {
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	_, _ = io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{r}, make([]byte, 512)) // no pipe for splice
}

// shakeHands opens a WebSocket by hand; host is where the page came from.
func shakeHands(tb testing.TB, addr, token string) net.Conn {
	tb.Helper()
	conn := openTunnel(tb, addr, token)
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

// openTunnel leaves closing to the caller.
func openTunnel(tb testing.TB, addr, token string) net.Conn {
	tb.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	_, _ = fmt.Fprintf(conn, "GET /api/v4/websocket?connection_id=&sequence_number=0 HTTP/1.1\r\nHost: %s\r\nOrigin: http://%[1]s\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n"+
		"Accept-Language: en-US,en;q=0.9\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"+
		"Cookie: MMAUTHTOKEN=%s; MMUSERID=435uqz4cqp8mjdb33fy5urg1pa; MMCSRF=tz43qix4ibfu8myixs6xmauqre\r\n\r\n", addr, token)
	head := make([]byte, 0, 512)
	for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, one[0]) {
		if _, err := conn.Read(one); err != nil {
			tb.Fatalf("%v after %q", err, head)
		}
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		tb.Fatalf("%q", head)
	}
	return conn
}

// BenchmarkIdleTunnel opens WebSockets through a gateway in a process of its own
// and reports its anonymous memory for each, three seconds later and without
// helping the garbage collector; then the time of an echo through one of them,
// beside all the others. Each takes two descriptors here and two there.
func BenchmarkIdleTunnel(b *testing.B) {
	for _, n := range []int{2000, 9000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			gateway := startChild(b, plainBackend(b))
			warm(b, gateway)
			before := gateway.anonymous(b)
			var last net.Conn
			for i := range n {
				last = shakeHands(b, gateway.addr, fmt.Sprintf("token%021d", i))
			}
			time.Sleep(3 * time.Second)
			each := (gateway.anonymous(b) - before) / float64(n)
			echoes(b, last)
			b.ReportMetric(each, "KiB/tunnel")
		})
	}
	b.Run("without a gateway", func(b *testing.B) { echoes(b, shakeHands(b, plainBackend(b), "t")) })
}

func echoes(b *testing.B, conn net.Conn) {
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		took = append(took, echoOnce(b, conn))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// warm opens and closes a few: the first ones pay for what all share.
func warm(b *testing.B, gateway child) {
	for range 50 {
		conn := shakeHands(b, gateway.addr, "warm")
		echoOnce(b, conn)
		_ = conn.Close()
	}
	time.Sleep(time.Second)
}

func echoOnce(tb testing.TB, conn net.Conn) time.Duration {
	tb.Helper()
	frame := []byte("\x81\x80....")
	begin := time.Now()
	if _, err := conn.Write(frame); err != nil {
		tb.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, len(frame))); err != nil {
		tb.Fatal(err)
	}
	return time.Since(begin)
}
