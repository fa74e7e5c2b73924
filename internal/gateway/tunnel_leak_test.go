package gateway_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"testing"

	"matterpass/internal/gateway"
	"matterpass/internal/servertest"
)

// TestTenThousandTunnelsLeaveNothingBehind opens a thousand, ten times. Half of
// them are closed in order, the others break off.
func TestTenThousandTunnelsLeaveNothingBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("opens ten thousand connections")
	}
	rig, ended := raw(t, accept(copyBack), func(o *gateway.Options) { o.TunnelsPerClient = 1000 })
	round := func() {
		conns := make([]net.Conn, 1000)
		for i := range conns {
			conns[i] = openTunnel(t, rig.host, fmt.Sprint("t", i%7))
			sayHello(t, conns[i])
		}
		for i, conn := range conns {
			if i%2 == 0 {
				hangUp(conn)
			} else {
				_ = conn.Close()
			}
		}
		for range conns {
			if why := <-ended; why != "client_left" {
				t.Errorf("it ended because %s", why) // idle: nobody noticed
			}
		}
	}
	round() // pools and maps have their size
	goroutines, files, bytes := runtime.NumGoroutine(), openFiles(t), heap()
	for range 10 {
		round()
	}
	eventually(t, "goroutines", func() bool { return runtime.NumGoroutine() <= goroutines+3 })
	eventually(t, "descriptors", func() bool { return openFiles(t) <= files+3 })
	eventually(t, "memory", func() bool { return heap() <= bytes+256<<10 }) // 26 bytes for each
}

// sayHello has bytes flow in both directions.
func sayHello(t *testing.T, conn net.Conn) {
	t.Helper()
	const hello = "\x82\x85\x00\x00\x00\x00hello"
	_, _ = io.WriteString(conn, hello)
	got := make([]byte, len(hello))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != hello {
		t.Fatalf("%q, %v", got, err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		servertest.Missing(t, "/proc", err)
	}
	return len(files)
}
