package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// NewTransport is tuned for one upstream near by: many kept connections, a short
// patience for connecting, and bytes as they are, since compression is between
// Mattermost and the browser. It speaks HTTP/1.1 only, which upgrades need.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		// Mattermost answers slow calls itself; uploads count from their last byte.
		ResponseHeaderTimeout:  60 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        45 * time.Second, // less than Mattermost's own 60
		MaxResponseHeaderBytes: 256 << 10,
		DisableCompression:     true,
		Protocols:              http1(),
	}
}

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// final hides informational answers from ReverseProxy: it would send their
// headers on unseen, Token and Set-Cookie with them, and then forget those that
// were already set on the real answer.
type final struct{ http.RoundTripper }

func (f final) RoundTrip(r *http.Request) (*http.Response, error) {
	return f.RoundTripper.RoundTrip(r.WithContext(untraced{r.Context()}))
}

type untraced struct{ context.Context }

// Value answers for everything but the trace.
func (c untraced) Value(key any) any {
	value := c.Context.Value(key)
	if _, isTrace := value.(*httptrace.ClientTrace); isTrace {
		return nil
	}
	return value
}

// bufferSize is what io.Copy would allocate for every answer.
const bufferSize = 32 << 10

// buffers is an httputil.BufferPool.
type buffers struct{ pool sync.Pool }

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

func (b *buffers) Get() []byte { return b.pool.Get().(*[bufferSize]byte)[:] }

func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }

// impatient breaks off an answer whose next bytes do not come. Only waiting for
// Mattermost counts: a browser may take its time between two reads.
type impatient struct {
	io.ReadCloser
	limit time.Duration
	timer *time.Timer
	res   *http.Response // the body's own
}

// Close implements io.Closer. The trailers are there only now, also those that
// were not announced.
func (b *impatient) Close() error {
	err := b.ReadCloser.Close()
	cleanTrailer(b.res.Trailer)
	return err
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
