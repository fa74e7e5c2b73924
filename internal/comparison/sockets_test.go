package comparison_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"
)

// idleCounts are how many WebSockets are open when memory is looked at. Each takes
// two descriptors of the proxy: 9 000 fit below a limit of 20 000.
var idleCounts = [...]int{2000, 9000}

const (
	settled = 3 * time.Second // what nobody helps a garbage collector with
	echoes  = 2000
	sources = 8 // addresses of clients: some proxies count per client
)

// idle is what open WebSockets cost a proxy.
type idle struct {
	each     [len(idleCounts)]float64 // KiB of anonymous memory
	p50, p99 time.Duration            // of an echo, beside all of them
}

// BenchmarkIdleWebSockets opens WebSockets through each proxy, freshly started,
// and reports its anonymous memory for each, three seconds later, over what it had
// before; then the time of an echo through one of them.
func BenchmarkIdleWebSockets(b *testing.B) {
	for _, row := range proxies(b) {
		got := openThrough(b, row)
		b.Run(row.name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			for i, n := range idleCounts {
				b.ReportMetric(got.each[i], fmt.Sprintf("KiB-of-%d", n))
			}
			b.ReportMetric(float64(got.p50.Microseconds()), "echo-p50-µs")
			b.ReportMetric(float64(got.p99.Microseconds()), "echo-p99-µs")
		})
	}
}

func openThrough(b *testing.B, row proxy) (got idle) {
	b.Helper()
	upstream := startSelf(b, "upstream", "")
	defer upstream.stop()
	p := row.start(b, upstream.addr)
	var open []net.Conn
	defer func() {
		for _, conn := range open {
			_ = conn.Close()
		}
		if p.cmd != nil {
			p.stop()
		}
	}()
	for range 50 { // the first ones pay for what all share
		conn := handshake(b, p.addr, 0)
		echo(b, conn)
		_ = conn.Close()
	}
	time.Sleep(time.Second)
	before := p.anonymousOrNone(b)
	for i, n := range idleCounts {
		for len(open) < n {
			open = append(open, handshake(b, p.addr, len(open)))
		}
		time.Sleep(settled)
		got.each[i] = (p.anonymousOrNone(b) - before) / float64(n)
	}
	took := make([]time.Duration, echoes)
	for i := range took {
		took[i] = echo(b, open[i%100])
	}
	slices.Sort(took)
	got.p50, got.p99 = took[echoes/2], took[echoes*99/100]
	return got
}

func (p *process) anonymousOrNone(b *testing.B) float64 {
	if p.cmd == nil {
		return 0
	}
	return p.anonymous(b)
}

// handshake opens the i-th WebSocket as a page of the chat would.
func handshake(b *testing.B, addr string, i int) net.Conn {
	b.Helper()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%sources))}}
	conn, err := from.DialContext(b.Context(), "tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = fmt.Fprintf(conn, "GET %s?connection_id=&sequence_number=0 HTTP/1.1\r\nHost: %s\r\nOrigin: http://%[2]s\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nAccept-Language: en-US,en;q=0.9\r\n"+
		"Cookie: MMAUTHTOKEN=%s; MMUSERID=435uqz4cqp8mjdb33fy5urg1pa; MMCSRF=tz43qix4ibfu8myixs6xmauqre\r\n\r\n",
		socketPath, addr, "token"+strconv.Itoa(100_000_000_000_000_000+i)+"xyz")
	head := make([]byte, 0, 512)
	for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, one[0]) {
		if _, err := conn.Read(one); err != nil {
			b.Fatalf("%v after %q", err, head)
		}
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		b.Fatalf("%q", head)
	}
	return conn
}

// echo sends an empty masked text frame and waits for it. The upstream repeats
// bytes, frames or not.
func echo(b *testing.B, conn net.Conn) time.Duration {
	b.Helper()
	frame := []byte("\x81\x80....")
	begin := time.Now()
	if _, err := conn.Write(frame); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, len(frame))); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}
