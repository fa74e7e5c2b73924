package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"matterpass/internal/http1"
)

// direct carries requests that can be repeated, on the goroutine of the caller:
// http.Transport has two for every connection, and handing over to them takes
// longer than the rest of a request. It takes its limits and its way to connect
// from such a Transport, and does for these requests what that would do: a
// connection that was kept and turns out to be dead costs one more try on a new one,
// anything else is an error; a caller that leaves closes the connection, where the answer is slow;
// what an answer leaves unread is never taken for the next one.
type direct struct {
	connect    func(context.Context) (*wire, error)
	headerWait time.Duration // for a whole header
	stall      time.Duration // for the next bytes of a body
	headerMost int64
	idle       *shelf
}

// newDirect is for one upstream.
func newDirect(upstream *url.URL, t *http.Transport, stall time.Duration) *direct {
	return &direct{
		connect: func(ctx context.Context) (*wire, error) {
			conn, err := dial(ctx, upstream, t)
			if err != nil {
				return nil, err
			}
			return newWire(conn), nil
		},
		headerWait: t.ResponseHeaderTimeout, stall: stall, headerMost: t.MaxResponseHeaderBytes,
		idle: newShelf(t.MaxIdleConnsPerHost, t.IdleConnTimeout),
	}
}

// isRepeatable: safe methods (RFC 9110 section 9.2.1) that send nothing but a
// header. A query with a space or a line break in it is left to http.Transport.
func isRepeatable(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return r.ContentLength == 0 && len(r.Header["Expect"]) == 0 &&
			!strings.ContainsAny(r.URL.RawQuery, " \r\n")
	}
	return false
}

// question is a browser's request that isRepeatable, as it is written to Mattermost.
type question struct {
	*http.Request
	target string // of the request line
	lines  []byte // after that; nil where they cannot be written
}

// carry sends a question and returns the answer as http.RoundTripper does.
func (d *direct) carry(q question) (*http.Response, error) {
	if q.lines == nil {
		return nil, errHeaderLine
	}
	now := time.Now()
	if kept := d.idle.take(now); kept != nil {
		res, err := d.ask(kept, now, q)
		if err == nil || kept.heard || q.Context().Err() != nil || isTimeout(err) {
			return res, err
		}
	}
	fresh, err := d.connect(q.Context())
	if err != nil {
		return nil, whyEnded(q.Context(), err)
	}
	return d.ask(fresh, time.Now(), q)
}

// ask uses up a connection, unless the answer's body gives it back.
func (d *direct) ask(c *wire, now time.Time, q question) (*http.Response, error) {
	c.watch(q.Context(), now)
	res, err := d.exchange(c, now, q)
	if err != nil {
		c.unwatch()
		_ = c.Close()
		return nil, whyEnded(q.Context(), err)
	}
	res.Body = &directBody{body: res.Body, wire: c, idle: d.idle, reusable: !res.Close}
	return res, nil
}

// exchange sends a request and reads the header of the final answer; informational
// ones are nobody's business here, and count towards its size.
func (d *direct) exchange(c *wire, now time.Time, q question) (*http.Response, error) {
	if err := c.begin(now, d.headerMost, d.headerWait); err != nil {
		return nil, err
	}
	if err := c.send(q); err != nil {
		return nil, err
	}
	for {
		res, err := http1.ReadResponse(c.reader, q.Request) //nolint:bodyclose // the caller's
		switch {
		case err != nil && c.left <= 0:
			return nil, errHeaderSize
		case err != nil:
			return nil, err
		case res.StatusCode >= http.StatusOK || res.StatusCode == http.StatusSwitchingProtocols:
			c.inBody(d.stall)
			return res, nil
		}
	}
}

func (d *direct) close() { d.idle.close() }

var errHeaderLine = errors.New("a header of a request has a line break in it")

var errHeaderSize = errors.New("the header of an answer is too large")

// directBody gives the connection back when it was read to its end, and closes it
// in every other case.
type directBody struct {
	body     io.ReadCloser
	wire     *wire
	idle     *shelf
	reusable bool
	ended    bool
}

// Read implements io.Reader.
func (b *directBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err != nil {
		b.end(err == io.EOF)
	}
	return n, err
}

// Close implements io.Closer. What was not read stays unread.
func (b *directBody) Close() error {
	b.end(false)
	return nil
}

func (b *directBody) end(whole bool) {
	if b.ended {
		return
	}
	b.ended = true
	if present := b.wire.unwatch(); present && whole && b.reusable && b.wire.reader.Buffered() == 0 {
		b.idle.put(b.wire)
		return
	}
	_ = b.wire.Close()
}

func (b *directBody) isHere() bool { return b.body == http.NoBody || b.wire.reader.Buffered() > 0 }
