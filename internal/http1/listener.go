// Package http1 answers the HTTP/1.1 requests that have nothing out of the
// ordinary, in front of net/http, which gets every other connection.
//
// Ordinary is narrow on purpose: the grammar of RFC 9112 without one of the
// tolerances it allows, a head of at most 4 KiB, a body of one stated length or
// none. Chunks, upgrades, expectations, HTTP/1.0, a connection that is to end, an
// odd byte: the connection goes to net/http, with all that came on it and for good,
// and so every refusal is net/http's. What is ordinary is understood as net/http
// understands it: the fuzz targets hold one against the other.
//
// It exists for the gateway: net/http's server alone, which starts a goroutine for
// each request to notice a client that leaves, takes longer for one than all the
// rest of its way to Mattermost and back (docs/performance.md).
package http1

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
)

// Listener answers what is ordinary itself. Accept returns the connections on which
// something else came, for the http.Server it was made for.
type Listener struct {
	net.Listener
	server *http.Server
	ctx    context.Context // of every request

	accepting sync.Once
	handed    chan accepted
	stop      chan struct{} // closed by Close
	closing   atomic.Bool

	mu    sync.Mutex
	conns map[*conn]struct{}
	none  chan struct{} // closed when the last of them ends after Close
}

type accepted struct {
	conn net.Conn
	err  error
}

// Before answers with the server's handler, timeouts and log, on connections
// without TLS: over TLS browsers speak HTTP/2.
func Before(l net.Listener, server *http.Server) *Listener {
	return &Listener{
		Listener: l, server: server, ctx: context.WithValue(context.Background(), http.ServerContextKey, server),
		handed: make(chan accepted), stop: make(chan struct{}),
		conns: map[*conn]struct{}{}, none: make(chan struct{}),
	}
}

// Accept implements net.Listener for the server behind. It ends with
// http.ErrServerClosed, whichever of the two was closed first.
func (l *Listener) Accept() (net.Conn, error) {
	l.accepting.Do(func() { go l.accept() })
	select {
	case a := <-l.handed:
		return a.conn, a.err
	case <-l.stop:
		return nil, http.ErrServerClosed
	}
}

// accept lets the server behind judge errors: it waits before it accepts again, or
// gives up.
func (l *Listener) accept() {
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			l.serve(c)
			continue
		}
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			l.shed()
		}
		if !l.hand(accepted{err: err}) {
			return
		}
	}
}

// shed gives up connections on which nothing is being answered, for those who wait.
func (l *Listener) shed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.endIdle()
	}
}

func (l *Listener) serve(nc net.Conn) {
	c := newConn(l, nc)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing.Load() {
		_ = nc.Close()
		return
	}
	l.conns[c] = struct{}{}
	go c.serve()
}

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	if l.closing.Load() && len(l.conns) == 0 {
		close(l.none)
	}
}

// hand is false when nobody will take it.
func (l *Listener) hand(a accepted) bool {
	if l.closing.Load() {
		return false
	}
	select {
	case l.handed <- a:
		return true
	case <-l.stop:
		return false
	}
}

// Close ends listening and every connection on which nothing is being answered.
// The others end with their answer.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing.Swap(true) {
		return nil
	}
	close(l.stop)
	if len(l.conns) == 0 {
		close(l.none)
	}
	for c := range l.conns {
		c.endIdle()
	}
	return l.Listener.Close()
}

// Shutdown closes and waits for the answers under way, until ctx ends: then they
// are cut, and the error is that of ctx.
func (l *Listener) Shutdown(ctx context.Context) error {
	err := l.Close()
	select {
	case <-l.none:
		return err
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.Close()
	}
	return ctx.Err()
}
