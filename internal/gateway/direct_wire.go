package gateway

import (
	"bufio"
	"context"
	"math"
	"net"
	"time"

	"matterpass/internal/http1"
)

// wire is a connection to Mattermost that is used for one request after another.
type wire struct {
	net.Conn
	reader *bufio.Reader // over the wire itself
	out    []byte        // the last request's header
	quiet  func() bool   // nothing came, not even the end
	since  time.Time     // when it became idle
	made   time.Time

	slow   http1.Slow
	caller context.Context
	stop   func() bool // ends what closes the connection when the caller leaves; nil: nothing does

	heard    bool          // something of the answer came
	left     int64         // how many bytes may still come
	patience time.Duration // for the next bytes; 0: the deadline is set
	armed    time.Time     // when a deadline was last set
	armedFor time.Duration
}

func newWire(conn net.Conn) *wire {
	c := &wire{Conn: conn, quiet: watchQuiet(conn), made: time.Now()}
	c.reader = bufio.NewReader(c)
	c.slow.Late = c.late
	return c
}

// watch closes the connection if its caller leaves before unwatch: a slow one's,
// for others that is not worth its while.
func (c *wire) watch(caller context.Context, now time.Time) {
	c.caller = caller
	c.slow.Begin(now)
}

func (c *wire) late() bool {
	c.stop = context.AfterFunc(c.caller, func() { _ = c.Close() })
	return true
}

// unwatch is false if the caller has left and the connection is closed.
func (c *wire) unwatch() bool {
	c.slow.End()
	here := c.stop == nil || c.stop()
	c.caller, c.stop = nil, nil
	return here
}

// Close implements net.Conn.
func (c *wire) Close() error {
	c.slow.Stop()
	return c.Conn.Close()
}

// begin is for a request of which the answer has a header of at most this many
// bytes, within this time.
func (c *wire) begin(now time.Time, headerMost int64, wait time.Duration) error {
	c.heard, c.left, c.patience = false, headerMost, 0
	return c.arm(now, wait)
}

// inBody lets any number of bytes come, while they come.
func (c *wire) inBody(stall time.Duration) { c.left, c.patience = math.MaxInt64, stall }

// arm sets a deadline. Timers are dear: one that is up to a sixteenth early will do.
func (c *wire) arm(now time.Time, wait time.Duration) error {
	if wait == c.armedFor && now.Sub(c.armed) < wait/16 {
		return nil
	}
	c.armed, c.armedFor = now, wait
	return c.SetDeadline(now.Add(wait))
}

// Read implements io.Reader for the buffered reader.
func (c *wire) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errHeaderSize
	}
	if c.patience > 0 {
		if err := c.arm(time.Now(), c.patience); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.heard = c.heard || n > 0
	return n, err
}

func (c *wire) send(q question) error {
	b := append(append(append(c.out[:0], q.Method...), ' '), q.target...)
	b = append(append(b, " HTTP/1.1\r\n"...), q.lines...)
	c.out = b
	_, err := c.Write(b)
	return err
}
