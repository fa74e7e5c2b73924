package http1

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// headMost is how long a head may be, in bytes. It is not more than net/http's
// buffer, which takes in one read what is handed over, so that nothing of it is
// left behind when a handler hijacks the connection.
const headMost = 4 << 10

// lingering is how long the other side may take to read a last answer: closing
// while it still sends would discard what it has not read.
const lingering = 500 * time.Millisecond

// What a connection is doing.
const (
	waiting int32 = iota // for a request
	busy
	ended
)

// conn is a connection that belongs to this package. Its fields are the serving
// goroutine's, where nothing else is said.
type conn struct {
	net.Conn
	front  *Listener
	ctx    context.Context
	remote string
	in     *bufio.Reader
	state  atomic.Int32
	watch  watch

	last     *section        // of the request before; nil: it is not kept
	lastWith context.Context // ctx, with the Memo of last

	armed    atomic.Int64 // when the deadline for reading was set, in Unix nanoseconds; 0: anew in any case
	armedFor time.Duration
}

func newConn(l *Listener, nc net.Conn) *conn {
	c := &conn{Conn: nc, front: l, in: bufio.NewReaderSize(nc, headMost)}
	c.ctx = context.WithValue(l.ctx, http.LocalAddrContextKey, nc.LocalAddr())
	if addr := nc.RemoteAddr(); addr != nil {
		c.remote = addr.String()
	}
	c.watch.conn, c.watch.slow.Late = c, c.watch.late
	return c
}

func (c *conn) serve() {
	defer c.front.forget(c)
	defer c.watch.slow.Stop()
	wait := c.front.server.ReadHeaderTimeout // unused connections are kept for less long than used ones
	for {
		q, err := c.next(wait)
		if errors.Is(err, errUnusual) {
			c.handOver()
			return
		}
		if err != nil || !c.answer(q) || !c.becomeIdle() {
			_ = c.Close()
			return
		}
		wait = c.front.server.IdleTimeout
	}
}

var errUnusual = errors.New("something for net/http")

// next waits for a request and reads its head.
func (c *conn) next(wait time.Duration) (request, error) {
	c.arm(wait)
	if _, err := c.in.Peek(1); err != nil {
		return request{}, err
	}
	if !c.state.CompareAndSwap(waiting, busy) {
		return request{}, net.ErrClosed
	}
	for isWhole := true; ; isWhole = false {
		came, _ := c.in.Peek(c.in.Buffered()) // what is buffered can be peeked at
		q, err := parseRequest(came, c.last)
		switch {
		case err == nil:
			_, _ = c.in.Discard(q.size)
			c.remember(q.section)
			return q, nil
		case !errors.Is(err, errPartial):
			return request{}, err
		case len(came) == headMost:
			return request{}, errUnusual
		}
		if isWhole { // it was to be: from now on the clock runs, for all of the rest together
			c.armed.Store(0)
			c.arm(c.front.server.ReadHeaderTimeout)
		}
		if _, err := c.in.Peek(len(came) + 1); err != nil {
			return request{}, err
		}
	}
}

// keptMost is how many fields are kept for the next request: of a header that has
// many, a parsed one takes thirty times the bytes that somebody sent.
const keptMost = 64

func (c *conn) remember(s *section) {
	switch {
	case s == c.last:
	case len(s.header) > keptMost:
		c.last, c.lastWith = nil, c.ctx
	default:
		c.last, c.lastWith = s, context.WithValue(c.ctx, memoKey{}, new(Memo))
	}
}

// answer reports whether another request may come on the connection.
func (c *conn) answer(q request) (again bool) {
	ctx, leave := context.WithCancel(c.lastWith)
	r := q.with(ctx)
	r.RemoteAddr = c.remote
	sent := c.receive(r)
	w := newResponse(c, r, leave, sent)
	c.watch.begin(time.Now(), leave, sent)
	defer func() {
		leave()
		c.watch.end()
		sent.close()
		w.release()
		// recover's value is nil after a whole answer.
		if cause := recover(); cause != nil && cause != http.ErrAbortHandler { //nolint:errorlint // as net/http compares
			c.logf("http: panic serving %v: %v\n%s", c.remote, cause, debug.Stack())
		}
	}()
	c.front.server.Handler.ServeHTTP(w, r)
	w.finish()
	if w.lingers {
		c.linger()
	}
	return !w.last
}

// receive gives a request the body that comes after its head.
func (c *conn) receive(r *http.Request) *body {
	if r.ContentLength == 0 {
		return nil
	}
	// The deadline is the handler's business now: one for the next request would cut a
	// long upload.
	c.armed.Store(0)
	_ = c.SetReadDeadline(time.Time{})
	sent := &body{fixed: fixed{c.in, r.ContentLength}}
	r.Body = sent
	return sent
}

// becomeIdle makes the connection wait again; it is false if it was to end.
func (c *conn) becomeIdle() bool {
	c.state.Store(waiting)
	return !c.front.closing.Load()
}

// endIdle may be called by anybody.
func (c *conn) endIdle() {
	if c.state.CompareAndSwap(waiting, ended) {
		_ = c.Close()
	}
}

// arm sets the deadline for reading; no wait is one for ever, as in net/http. Timers
// are dear: one that is up to a sixteenth early will do.
func (c *conn) arm(wait time.Duration) {
	if wait <= 0 {
		c.armed.Store(0)
		_ = c.SetReadDeadline(time.Time{})
		return
	}
	now := time.Now()
	if armed := c.armed.Load(); armed != 0 && wait == c.armedFor && now.UnixNano()-armed < int64(wait/16) {
		return
	}
	c.armed.Store(now.UnixNano())
	c.armedFor = wait
	_ = c.SetReadDeadline(now.Add(wait)) // fails for a closed connection, as the read will
}

// linger lets the other side read the answer before the connection is closed.
func (c *conn) linger() {
	if half, ok := c.Conn.(closeWriter); ok && half.CloseWrite() == nil {
		time.Sleep(lingering)
	}
}

type closeWriter interface{ CloseWrite() error }

func (c *conn) logf(format string, args ...any) {
	if c.front.server.ErrorLog != nil {
		c.front.server.ErrorLog.Printf(format, args...)
	}
}

// handOver gives the connection to net/http, with all that came on it.
func (c *conn) handOver() {
	_ = c.SetReadDeadline(time.Time{})
	if !c.front.hand(accepted{conn: &handedOver{Conn: c.Conn, came: c.in}}) {
		_ = c.Close()
	}
}

// handedOver is a connection of which some bytes are read already.
type handedOver struct {
	net.Conn
	came *bufio.Reader // nil when all of it was read
}

// Read implements net.Conn.
func (c *handedOver) Read(p []byte) (int, error) {
	if c.came == nil {
		return c.Conn.Read(p)
	}
	n, err := c.came.Read(p[:min(len(p), c.came.Buffered())])
	if c.came.Buffered() == 0 {
		c.came = nil
	}
	return n, err
}

// CloseWrite is for net/http, which lingers as well.
func (c *handedOver) CloseWrite() error {
	if half, ok := c.Conn.(closeWriter); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn is the connection below, for who takes it over: net/http has read by then
// what came before.
func (c *handedOver) NetConn() net.Conn { return c.Conn }
