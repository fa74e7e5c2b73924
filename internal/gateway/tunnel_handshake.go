package gateway

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"

	"matterpass/internal/upstream"
)

// answerHeaderMost bounds what is read of an answer's header, in bytes.
const answerHeaderMost = 64 << 10

// handshake is the request as Mattermost gets it, by the same rules as any other.
func (x *exchange) handshake(ctx context.Context) *http.Request {
	out := x.outgoing().WithContext(ctx)
	x.setOrigin(out.Header)
	setUpgrade(out.Header)
	return out
}

func setUpgrade(h http.Header) {
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
}

func copyHeader(to, from http.Header) {
	for name, values := range from {
		to[name] = append(to[name], values...)
	}
}

// dial connects to Mattermost by the rules of the transport that carries the
// other requests. It is a connection of the tunnel's own: http.Transport would
// keep its buffers and goroutines with it.
func (g *Gateway) dial(ctx context.Context) (net.Conn, error) {
	transport, ok := g.Transport.(*http.Transport)
	if !ok {
		transport = NewTransport()
	}
	return dial(ctx, g.Upstream, transport)
}

func dial(ctx context.Context, upstream *url.URL, transport *http.Transport) (net.Conn, error) {
	host, port := upstream.Hostname(), upstream.Port()
	if port == "" {
		port = upstream.Scheme
	}
	conn, err := transport.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil || upstream.Scheme != "https" {
		return conn, err
	}
	return secure(ctx, conn, host, transport)
}

func secure(ctx context.Context, conn net.Conn, host string, transport *http.Transport) (net.Conn, error) {
	config := &tls.Config{}
	if transport.TLSClientConfig != nil {
		config = transport.TLSClientConfig.Clone()
	}
	config.NextProtos = nil // HTTP/1.1, the only one with upgrades
	if config.ServerName == "" {
		config.ServerName = host
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(transport.TLSHandshakeTimeout, 5*time.Second))
	defer cancel()
	over := tls.Client(conn, config)
	if err := over.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return over, nil
}

// answer is what Mattermost said; reader may hold bytes that came after it.
type answer struct {
	res    *http.Response
	reader *bufio.Reader
}

// shake sends a handshake and reads the answer's header. The deadline stays: it is
// for the body of a refusal, too.
func shake(conn net.Conn, out *http.Request, deadline time.Time) (*answer, error) {
	var request bytes.Buffer
	if err := out.Write(&request); err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if _, err := conn.Write(request.Bytes()); err != nil {
		return nil, err
	}
	header := &io.LimitedReader{R: conn, N: answerHeaderMost}
	reader := bufio.NewReader(header)
	res, err := http.ReadResponse(reader, out) //nolint:bodyclose // who passes the answer on closes the connection
	if err != nil && header.N <= 0 {
		return nil, fmt.Errorf("%w: a header of more than %d bytes", upstream.ErrInvalid, answerHeaderMost)
	}
	if err != nil {
		return nil, err
	}
	header.N = math.MaxInt64
	return &answer{res, reader}, nil
}
