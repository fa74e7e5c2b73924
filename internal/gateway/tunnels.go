package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// errDraining is why a tunnel was ended by us.
var errDraining = errors.New("the gateway is stopping")

// tunnel is one open WebSocket; end closes both of its sides.
type tunnel struct{ end context.CancelCauseFunc }

// tunnels is the registry of what is open: http.Server.Shutdown knows nothing of
// connections that were hijacked.
type tunnels struct {
	count func(delta int)

	mu     sync.Mutex
	open   map[*tunnel]struct{}
	closed bool
	empty  sync.WaitGroup
}

// add takes note of a tunnel, or reports that no more are taken.
func (t *tunnels) add(one *tunnel) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.open[one] = struct{}{}
	t.empty.Add(1)
	t.count(+1)
	return true
}

func (t *tunnels) remove(one *tunnel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, one)
	t.count(-1)
	t.empty.Done()
}

// stop admits no more, and returns those that are open.
func (t *tunnels) stop() []*tunnel {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	open := make([]*tunnel, 0, len(t.open))
	for one := range t.open {
		open = append(open, one)
	}
	return open
}

// tunnel forwards a handshake and, if Mattermost agrees, the bytes after it
// until one side ends or the gateway drains.
func (g *Gateway) tunnel(w http.ResponseWriter, r *http.Request, on route) {
	ctx, end := context.WithCancelCause(r.Context())
	defer end(nil)
	one := &tunnel{end}
	if !g.tunnels.add(one) {
		w.Header().Set("Retry-After", "1")
		g.refuse(w, r, on, refuseDraining)
		return
	}
	defer g.tunnels.remove(one)
	g.forward(&grip{w, ctx}, r.WithContext(ctx), on)
}

// grip closes the browser's side with the context. ReverseProxy closes only
// Mattermost's, and would go on waiting for a browser that does not read.
type grip struct {
	http.ResponseWriter
	ctx context.Context
}

// Unwrap lets http.ResponseController reach everything but Hijack.
func (g *grip) Unwrap() http.ResponseWriter { return g.ResponseWriter }

// Hijack takes the connection over for as long as the context lives.
func (g *grip) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(g.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	context.AfterFunc(g.ctx, func() { _ = conn.Close() }) // it is closed either way
	return whole{conn}, buffered, nil
}

// whole is a connection that cannot be closed by halves: a WebSocket of which
// one side left has nothing more to say.
type whole struct{ net.Conn }

func (w whole) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Drain takes no more WebSockets and ends those that are open one after the
// other, spread over the time until ctx's deadline (at once without one), so that
// browsers do not all come back in the same instant. It returns when none is
// left, or with ctx's error when all of them were told to end.
func (g *Gateway) Drain(ctx context.Context) error {
	open := g.tunnels.stop()
	pause := time.Duration(0)
	if deadline, ok := ctx.Deadline(); ok {
		pause = time.Until(deadline) / time.Duration(2*len(open)+1) // half the time for the last to go
	}
	for _, one := range open {
		one.end(errDraining)
		pauseFor(ctx, pause)
	}
	return g.tunnels.wait(ctx)
}

// wait returns when no tunnel is left, or with ctx's error.
func (t *tunnels) wait(ctx context.Context) error {
	empty := make(chan struct{})
	go func() {
		t.empty.Wait()
		close(empty)
	}()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func pauseFor(ctx context.Context, pause time.Duration) {
	if pause <= 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Close ends every WebSocket now and closes kept connections. Requests under way
// are not touched.
func (g *Gateway) Close() {
	for _, one := range g.tunnels.stop() {
		one.end(errDraining)
	}
	g.tunnels.empty.Wait()
	if idle, ok := g.Transport.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}
