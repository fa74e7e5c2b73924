package gateway

import (
	"bytes"
	"net/http"

	"matterpass/internal/cookie"
	"matterpass/internal/http1"
)

// said is what a request says by its header and its connection, whatever it asks for.
// Requests share it, one after another: nobody changes what is in it.
type said struct {
	assertion string // the ERP's cookie
	sent      carried
	twins     bool        // of the session's cookies
	header    http.Header // as Mattermost gets it
	lines     []byte      // the same, written; nil until it was asked for
}

// hear understands a request, once for all that say the same on a connection.
func (g *Gateway) hear(r *http.Request) *said {
	memo := http1.MemoOf(r.Context())
	if memo == nil {
		return g.understand(r)
	}
	s, ok := memo.Value.(*said)
	if !ok {
		s = g.understand(r)
		memo.Value = s
	}
	return s
}

// understand makes the header for Mattermost. It shares values with the browser's
// request, so they are replaced and never changed.
func (g *Gateway) understand(r *http.Request) *said {
	out := &http.Request{Header: forwardable(r.Header)}
	if g.mayCarryAssertion(r) { // it is for us: Mattermost has no business with it
		cookie.Drop(out, g.AssertionCookie)
	}
	s := &said{assertion: g.assertionOf(r), sent: forwardCookies(out), twins: cookie.Twins(r), header: out.Header}
	g.identify(r, s.header)
	askOnce(s.header)
	return s
}

// written is nil for a header that would not be read as it is meant: net/http's server
// lets no line break in, but this is the last place to notice one.
func (s *said) written(host string) []byte {
	if s.lines == nil {
		s.lines = render(host, s.header)
	}
	return s.lines
}

// usualHeader is a little more than browsers send, in bytes.
const usualHeader = 1 << 10

func render(host string, header http.Header) []byte {
	b := append(append(append(make([]byte, 0, usualHeader), "Host: "...), host...), crlf...)
	lines := 2 // with the empty one
	for name, values := range header {
		for _, value := range values {
			b = append(append(append(append(b, name...), ": "...), value...), crlf...)
			lines++
		}
	}
	b = append(b, crlf...)
	if bytes.Count(b, []byte("\n")) != lines || bytes.Count(b, []byte("\r")) != lines {
		return nil
	}
	return b
}

const crlf = "\r\n"
