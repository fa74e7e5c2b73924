package http1_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
)

// scarce is a listener that has no descriptor left when it is told so.
type scarce struct {
	net.Listener
	none *atomic.Bool
}

func (s scarce) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err == nil && s.none.CompareAndSwap(true, false) {
		_ = conn.Close() // as if it had not been there yet
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return conn, err
}

// TestIdleConnectionsMakeRoomForOthers where no descriptor is left: whoever waits is
// served, and who only kept a connection comes back with another.
func TestIdleConnectionsMakeRoomForOthers(t *testing.T) {
	none := &atomic.Bool{}
	front := func(inner net.Listener, s *http.Server) net.Listener { return servers["ours"](scarce{inner, none}, s) }
	r := startWith(t, front, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
	idle := r.dial(t)
	from := bufio.NewReader(idle)
	_, _ = io.WriteString(idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	res, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	none.Store(true)
	_ = r.dial(t)
	if _, err := from.ReadByte(); err == nil {
		t.Error("an idle connection is kept")
	}
	if got := r.ask(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); got.Body != "x" {
		t.Errorf("%+v", got)
	}
}
