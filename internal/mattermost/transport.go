package mattermost

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// answerMost is the longest answer that is read, counted after decompression.
const answerMost = 1 << 20

// NewTransport is tuned for one server that is near: it connects within 3 s,
// keeps up to 32 connections for 30 s of idleness (so that a change of Mattermost's
// address is noticed), and speaks TLS 1.2 or newer. It ignores HTTP_PROXY and its
// like: passwords go where the configuration says and nowhere else.
func NewTransport() *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:    3 * time.Second,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    32,
		MaxConnsPerHost:        256,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
}

// exchange is what went over the wire in one call. The client hides some of it
// and answers nothing at all where reading the body failed.
type exchange struct {
	keep   bool // the body is wanted
	status int  // 0 until an answer began
	header http.Header
	body   bytes.Buffer
	broken error // the body ended early, perhaps after what the client read of it
}

type exchangeKey struct{}

func (x *exchange) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// guard mends the client's requests and bounds its answers.
type guard struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.Method != http.MethodGet {
		r.Header.Set("Content-Type", "application/json")
	}
	if r.Header.Get("If-None-Match") == "" {
		r.Header.Del("If-None-Match") // the client sends it empty
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "Matterpass")
	}
	resp, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, answerMost)
	if x, ok := r.Context().Value(exchangeKey{}).(*exchange); ok {
		x.record(resp)
	}
	return resp, nil
}

// CloseIdleConnections is what http.Client looks for in its transport.
func (g guard) CloseIdleConnections() {
	if t, ok := g.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

func (x *exchange) record(resp *http.Response) {
	x.status, x.header = resp.StatusCode, resp.Header
	if x.keep {
		resp.Body = keptBody{resp.Body, x}
	}
}

// keptBody copies what is read into the exchange.
type keptBody struct {
	io.ReadCloser
	x *exchange
}

func (b keptBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.x.body.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		b.x.broken = err
	}
	return n, err
}
