package gateway

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// exchange is one request on its way to Mattermost and back.
type exchange struct {
	*Gateway
	said *said
	w    http.ResponseWriter
	r    *http.Request
	on   route
	body *body  // what is sent of r.Body; nil where there is none
	code string // what was answered in Mattermost's place
}

// forward hands a request to Mattermost and its answer to the client. An answer
// that breaks off midway breaks off for the client too, by a panic with
// http.ErrAbortHandler, which must reach the server.
func (g *Gateway) forward(w http.ResponseWriter, r *http.Request, heard *said, on route) {
	x := &exchange{Gateway: g, said: heard, w: w, r: r, on: on}
	finished := false
	defer func() { g.Note(r, on.pattern, x.outcome(finished)) }()
	x.ask()
	finished = true
}

func (x *exchange) ask() {
	res, err := x.send()
	if x.body != nil {
		defer x.body.end()
	}
	if err != nil {
		x.fail(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode < http.StatusOK {
		x.fail(errUnasked)
		return
	}
	x.relay(res)
}

// send goes the short way to Mattermost where there is one.
func (x *exchange) send() (*http.Response, error) {
	if direct := x.carrier.direct; direct != nil && isRepeatable(x.r) {
		return direct.carry(question{x.r, x.address().RequestURI(), x.said.written(x.Public.Host)})
	}
	return x.carrier.carry(x.outgoing())
}

// errUnasked is for a 101, the one final answer below 200.
var errUnasked = errors.New("malformed HTTP response: another protocol, for which nobody asked")

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

// body remembers that reading from the client went wrong, which is not
// Mattermost's fault. It leaves closing to net/http, whose Close would read a body
// to its end; a transport that reads on when the handler has returned is stopped by
// end.
type body struct {
	io.ReadCloser
	ended  atomic.Bool
	failed atomic.Pointer[error]
}

func (b *body) Read(p []byte) (int, error) {
	if b.ended.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error { return nil }

func (b *body) end() { b.ended.Store(true) }
