package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"matterpass/internal/upstream"
)

// statusClientClosed is what the access record says of a client that left; no
// client sees it. The number is nginx's.
const statusClientClosed = 499

// fail answers for a Mattermost that did not.
func (x *exchange) fail(err error) {
	switch {
	case isClientGone(x.r, err):
		x.code = "client_gone"
		x.w.WriteHeader(statusClientClosed)
	case x.clientFailed():
		x.refuseBody()
	default:
		err = asUpstream(err)
		x.code = refusalFor(err).word()
		x.Own(x.w.Header(), x.r)
		x.failure(x.r)(x.w, x.r, err)
	}
}

// abandon takes note of a client that left before it was answered.
func (g *Gateway) abandon(w http.ResponseWriter, r *http.Request, on route) {
	w.WriteHeader(statusClientClosed)
	g.Note(r, on.pattern, "client_gone")
}

func (x *exchange) clientFailed() bool { return x.body != nil && x.body.failed.Load() != nil }

func (x *exchange) refuseBody() {
	why := refusalOfBody(*x.body.failed.Load())
	x.code = why.word()
	x.answer(x.w, x.r, why)
}

// refusalOfBody is for a body that could not be read.
func refusalOfBody(err error) refusal {
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return refuseTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuseTooSlow
	default:
		return refuseBody
	}
}

// failure is how to tell this client.
func (g *Gateway) failure(r *http.Request) func(http.ResponseWriter, *http.Request, error) {
	if isNavigation(r) {
		return g.failPage
	}
	return g.Fail
}

// isNavigation reports that a person will look at the answer. Browsers that do
// not send Sec-Fetch-Dest still ask for HTML first.
func isNavigation(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "document", "iframe", "frame":
		return true
	case "":
		return r.Method == http.MethodGet && strings.HasPrefix(r.Header.Get("Accept"), "text/html")
	}
	return false
}

// failPage is one sentence and one action, without a script: a link without an
// address leads to the very page that failed.
func (g *Gateway) failPage(w http.ResponseWriter, _ *http.Request, err error) {
	why := refusalFor(err)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; "+ancestorsOnly(g.ancestors))
	h.Del("X-Frame-Options")
	h.Set("Cache-Control", "no-store")
	h.Set("Retry-After", retryUpstream)
	w.WriteHeader(why.Status)
	_, _ = fmt.Fprintf(w, page, why.Message) // the client is gone; nobody to tell
}

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Chat</title>
<h1>%s</h1>
<p><a href="">Try again</a></p>
`

func isClientGone(r *http.Request, err error) bool {
	return r.Context().Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, http.ErrAbortHandler))
}

// asUpstream names what went wrong in the words of package upstream. No answer
// and a broken one are the same to whoever waits: it is not there.
func asUpstream(err error) error {
	switch {
	case isTimeout(err) && !isDialing(err):
		return fmt.Errorf("%w: %w", upstream.ErrTimeout, err)
	case strings.Contains(err.Error(), "malformed "): // HTTP, MIME header: net/http has no type for it
		return fmt.Errorf("%w: %w", upstream.ErrInvalid, err)
	default:
		return fmt.Errorf("%w: %w", upstream.ErrUnavailable, err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

// isDialing: nobody was there to be late.
func isDialing(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
