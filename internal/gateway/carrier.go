package gateway

import (
	"io"
	"net/http"
	"time"
)

// carrier has the ways to Mattermost: a short one for what can be repeated, and
// http.Transport for all others. Answers that stall break off on both.
type carrier struct {
	direct *direct // nil where there is no short way
	rest   http.RoundTripper
	stall  time.Duration
}

func newCarrier(o Options) carrier {
	c := carrier{rest: o.Transport, stall: o.Stall}
	if transport, ok := o.Transport.(*http.Transport); ok && canBeQuiet {
		c.direct = newDirect(o.Upstream, transport, o.Stall)
	}
	return c
}

// Redial gives up idle connections, so that Mattermost's address is looked up anew also
// where they are never idle for long. Those of the short way end by their age.
func (g *Gateway) Redial() { g.carrier.closeIdle() }

// carry takes what is not for the short way.
func (c carrier) carry(r *http.Request) (*http.Response, error) {
	res, err := c.rest.RoundTrip(r)
	if err == nil {
		res.Body = &impatient{ReadCloser: res.Body, limit: c.stall}
	}
	return res, err
}

func (c carrier) close() {
	if c.direct != nil {
		c.direct.close()
	}
	c.closeIdle()
}

func (c carrier) closeIdle() {
	if idle, ok := c.rest.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}

// isHere reports that the beginning of a body came with its header, or that there
// is none to come.
func isHere(body io.Reader) bool {
	switch b := body.(type) {
	case *directBody:
		return b.isHere()
	case *impatient:
		return b.ReadCloser == http.NoBody
	default: // an answer of ours
		return true
	}
}

// impatient breaks off an answer whose next bytes do not come. Only waiting for
// Mattermost counts: a browser may take its time between two reads.
type impatient struct {
	io.ReadCloser
	limit time.Duration
	timer *time.Timer
}

func (b *impatient) Read(p []byte) (int, error) {
	if b.timer == nil {
		b.timer = time.AfterFunc(b.limit, func() { _ = b.ReadCloser.Close() }) // the Read fails
	} else {
		b.timer.Reset(b.limit)
	}
	defer b.timer.Stop()
	return b.ReadCloser.Read(p)
}
