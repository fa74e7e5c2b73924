package gateway

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"
)

// exchange is one request on its way to Mattermost and back.
type exchange struct {
	*Gateway
	w    http.ResponseWriter
	r    *http.Request
	on   route
	sent carried
	body *body
	code string // what was answered in Mattermost's place
}

// forward hands a request to Mattermost. An answer that breaks off midway breaks
// off for the client too: ReverseProxy panics with http.ErrAbortHandler, which
// must reach the server.
func (g *Gateway) forward(w http.ResponseWriter, r *http.Request, on route) {
	x := &exchange{Gateway: g, w: w, r: r, on: on}
	finished := false
	defer func() { g.Note(r, on.pattern, x.outcome(finished)) }()
	proxy := httputil.ReverseProxy{
		Rewrite:        x.rewrite,
		ModifyResponse: x.receive,
		ErrorHandler:   x.fail,
		Transport:      final{g.Transport},
		BufferPool:     g.buffers,
		FlushInterval:  flushAfter,
		ErrorLog:       silent,
	}
	proxy.ServeHTTP(w, r)
	finished = true
}

// flushAfter is how long a piece of an answer whose length is known may wait for
// the next one. Of unknown length, ReverseProxy lets none wait.
const flushAfter = 10 * time.Millisecond

// outcome is the word for Note; finished is false in a panic.
func (x *exchange) outcome(finished bool) string {
	switch {
	case finished:
		return x.code
	case x.r.Context().Err() != nil:
		return "client_gone"
	default:
		return "upstream_aborted"
	}
}

// silent: ReverseProxy writes about broken connections, which Note is told.
var silent = log.New(io.Discard, "", 0)

// rewrite is the request as Mattermost gets it.
func (x *exchange) rewrite(p *httputil.ProxyRequest) {
	p.SetURL(x.Upstream)
	// ReverseProxy drops what it cannot parse of a query, by which nothing is
	// decided here.
	p.Out.URL.RawQuery = p.In.URL.RawQuery
	// Nobody looks at trailers, and some servers make headers of them.
	p.Out.Trailer = nil
	// Mattermost makes absolute redirects from Host (docs/mattermost.md H6, H7).
	p.Out.Host = x.Public.Host
	// A Connection header that names these would make another person of the one
	// who was decided on.
	keep(p.Out.Header, p.In.Header, "Authorization")
	keep(p.Out.Header, p.In.Header, "Cookie")
	x.sent = forwardCookies(p.Out)
	dropIdentity(p.Out.Header)
	x.identify(p.Out.Header)
	if x.on.class == socket {
		x.setOrigin(p.Out.Header)
	}
	if p.Out.Body != nil {
		x.body = &body{ReadCloser: p.Out.Body}
		p.Out.Body = x.body
	}
}

func keep(out, in http.Header, name string) {
	if values, ok := in[name]; ok {
		out[name] = values
	}
}

// identify tells Mattermost about the browser. Of several addresses in
// X-Forwarded-For it would believe the first (H6), so there is one.
func (x *exchange) identify(h http.Header) {
	scheme := "http"
	if x.HTTPS(x.r) {
		scheme = "https"
	}
	h.Set("X-Forwarded-Proto", scheme)
	h.Set("X-Forwarded-Host", x.Public.Host)
	if addr := x.ClientAddr(x.r); addr.IsValid() {
		h.Set("X-Forwarded-For", addr.WithZone("").String())
		h.Set("X-Real-Ip", addr.WithZone("").String())
	}
}

// body remembers that reading from the client went wrong, which is not
// Mattermost's fault.
type body struct {
	io.ReadCloser
	failed atomic.Pointer[error]
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}
