package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"matterpass/internal/middleware"
	"matterpass/internal/upstream"
)

// refusedMost is the longest answer in place of a WebSocket that is passed on,
// in bytes; Mattermost's own have some hundred (docs/mattermost.md G2).
const refusedMost = 1 << 20

// tunnel asks Mattermost for a WebSocket and joins the two connections. When it
// returns, nothing of the request is left: no goroutine, no buffer, no header.
func (g *Gateway) tunnel(w http.ResponseWriter, r *http.Request, heard *said, on route) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	t, why := g.admit(middleware.Network(g.ClientAddr(r)), cancel)
	if t == nil {
		w.Header().Set("Retry-After", retrySocket())
		g.refuse(w, r, on, why)
		return
	}
	defer g.tunnels.giveUp(t)
	x := &exchange{Gateway: g, said: heard, w: w, r: r, on: on}
	finished := false
	defer func() { g.Note(r, on.pattern, x.outcome(finished)) }()
	x.notOpened(x.open(ctx, t))
	finished = true
}

// notOpened answers for an error, if there is one.
func (x *exchange) notOpened(err error) {
	switch {
	case err == nil:
	case errors.Is(err, errDraining):
		x.code = refuseDraining.word()
		x.w.Header().Set("Retry-After", retrySocket())
		x.answer(x.w, x.r, refuseDraining)
	default:
		x.fail(err)
	}
}

// retrySocket spreads those who come back, in seconds.
func retrySocket() string { return strconv.Itoa(5 + rand.N(10)) }

// open asks, and either joins the connections or passes the refusal on.
func (x *exchange) open(ctx context.Context, t *tunnel) error {
	conn, err := x.dial(ctx)
	if err != nil {
		return whyEnded(ctx, err)
	}
	kept := false
	defer func() {
		if !kept {
			_ = conn.Close()
		}
	}()
	release := context.AfterFunc(ctx, func() { _ = conn.Close() })
	out := x.handshake(ctx)
	answer, err := shake(conn, out, time.Now().Add(x.Stall))
	if err != nil {
		return whyEnded(ctx, err)
	}
	if answer.res.StatusCode != http.StatusSwitchingProtocols {
		return x.passOn(answer.res)
	}
	if !release() {
		return whyEnded(ctx, net.ErrClosed)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	t.token, t.program = x.said.sent.token, !x.said.sent.cookie
	kept, err = x.join(t, conn, answer)
	return err
}

// whyEnded prefers the end of ctx, of which a closed connection is the result.
func whyEnded(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// passOn answers what Mattermost answered in place of 101. It leaves the body open:
// closing would read it to the end, and the connection is closed anyway.
func (x *exchange) passOn(res *http.Response) error {
	if res.StatusCode < http.StatusOK {
		return upstream.ErrInvalid
	}
	if res.StatusCode == http.StatusForbidden {
		x.OriginRefused() // docs/mattermost.md G2: its only reason
	}
	dropHopByHop(res.Header)
	x.receive(res)
	copyHeader(x.w.Header(), res.Header)
	x.w.WriteHeader(res.StatusCode)
	buffer := x.buffers.Get()
	defer x.buffers.Put(buffer)
	n, err := io.CopyBuffer(struct{ io.Writer }{x.w}, io.LimitReader(res.Body, refusedMost), buffer)
	if err != nil || n == refusedMost {
		panic(http.ErrAbortHandler) // visibly cut
	}
	return nil
}

// join takes the browser's connection over and lets the bytes flow. It reports
// whether conn is the tunnel's from now on.
func (x *exchange) join(t *tunnel, conn net.Conn, answer *answer) (bool, error) {
	if !isOne(answer.res.Header["Upgrade"], "websocket") {
		return false, upstream.ErrInvalid
	}
	head := x.switching(answer.res)
	client, buffered, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return false, err
	}
	t.connect(client, conn)
	t.speaking.Lock() // nothing before the 101
	if !x.begin(t, strings.Clone(userOf(x.r))) {
		x.code = refuseDraining.word() // too late to say so
		_ = client.Close()
		return false, nil
	}
	t.start(head, rest(answer.reader), rest(buffered.Reader))
	return true, nil
}

// switching is the 101 as the browser gets it.
func (x *exchange) switching(res *http.Response) []byte {
	dropHopByHop(res.Header)
	res.Header.Del("Content-Length")
	x.receive(res)
	h := x.w.Header().Clone()
	copyHeader(h, res.Header)
	setUpgrade(h)
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(&head) // a buffer takes everything
	head.WriteString("\r\n")
	return head.Bytes()
}

// rest is what came with a handshake.
func rest(r *bufio.Reader) []byte {
	early, _ := r.Peek(r.Buffered()) // what is buffered can be peeked at
	return bytes.Clone(early)
}
