package gateway

import (
	"bytes"
	"net/http"
	"strings"

	"matterpass/internal/cookie"
	"matterpass/internal/http1"
)

// said is what a request says by its header and its connection, whatever it asks for.
// Requests share it: nobody changes it.
type said struct {
	assertion string // the ERP's cookie
	token     string // of the browser's session
	sent      carried
	header    http.Header // as Mattermost gets it
	lines     []byte      // the same with Host, as it is written; nil where it cannot be
}

// hear has to think of a request once for all that say the same on a connection.
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
	if g.AssertionCookie != "" && mentionsCookie(r, g.AssertionCookie) {
		cookie.Drop(out, g.AssertionCookie)
	}
	s := &said{
		assertion: g.assertionOf(r),
		token:     strings.Clone(cookie.TokenOf(r)),
		sent:      forwardCookies(out), header: out.Header,
	}
	g.identify(r, s.header)
	askOnce(s.header)
	s.lines = render(g.Public.Host, s.header)
	return s
}

// render is nil for a header that would not be read as it is meant. net/http's server
// lets no line break in; this is the last place to notice one.
func render(host string, header http.Header) []byte {
	b := append(append([]byte("Host: "), host...), crlf...)
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
