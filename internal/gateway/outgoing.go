package gateway

import (
	"maps"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"
)

// outgoing is the request as Mattermost gets it.
func (x *exchange) outgoing() *http.Request {
	out := new(http.Request)
	*out = *x.r
	out.URL = x.address()
	// Mattermost makes absolute redirects from Host (docs/mattermost.md H6, H7).
	out.Host = x.Public.Host
	out.Close = false
	// Nobody looks at trailers, and some servers make headers of them.
	out.Trailer = nil
	out.Header = maps.Clone(x.said.header)
	if _, named := out.Header["User-Agent"]; !named {
		out.Header["User-Agent"] = []string{""} // else net/http names itself
	}
	x.setBody(out)
	return out
}

// address is where Mattermost has what is asked for. The query stays whole: nothing is
// decided by it here.
func (x *exchange) address() *url.URL {
	address := *x.r.URL
	address.Scheme, address.Host = x.Upstream.Scheme, x.Upstream.Host
	if x.Upstream.Path != "" && x.Upstream.Path != "/" {
		joins := httputil.ProxyRequest{In: x.r, Out: &http.Request{URL: &address}}
		joins.SetURL(x.Upstream)
	}
	return &address
}

// askOnce spells in another way what net/http takes for leave to send a POST
// again when its connection breaks. It goes on for whom it is meant for.
func askOnce(h http.Header) {
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := h[name]; ok {
			delete(h, name)
			h[strings.ToLower(name)] = values
		}
	}
}

// setBody leaves out the body of a request that has none: such a request can be
// repeated.
func (x *exchange) setBody(out *http.Request) {
	if out.Body == nil || out.ContentLength == 0 {
		out.Body = nil
		return
	}
	x.body = &body{ReadCloser: out.Body}
	out.Body = x.body
}

// forwardable is what of a header goes on: not what is between two neighbours, nor
// what says who the client is.
func forwardable(in http.Header) http.Header {
	out := make(http.Header, len(in)+forwardedHeaders)
	for name, values := range in {
		if !isHopByHop(name) && !isElsewhere(name) && !isIdentity(name) {
			out[name] = values
		}
	}
	for _, line := range in["Connection"] {
		for token := range strings.SplitSeq(line, ",") {
			dropNamed(out, textproto.CanonicalMIMEHeaderKey(textproto.TrimString(token)))
		}
	}
	if hasToken(in["Te"], "trailers") {
		out["Te"] = []string{"trailers"}
	}
	return out
}

// dropHopByHop removes from an answer what is between two neighbours.
func dropHopByHop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(textproto.TrimString(name))
		}
	}
	for name := range h {
		if isHopByHop(name) {
			delete(h, name)
		}
	}
}

// dropNamed drops what a Connection header names. With these two it would make
// another person of the one who was decided on.
func dropNamed(h http.Header, name string) {
	if name != "Authorization" && name != "Cookie" {
		delete(h, name)
	}
}

// isHopByHop tells the headers that each connection has for itself (RFC 9110
// section 7.6.1).
func isHopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// isElsewhere tells the headers of a request that net/http keeps in fields.
func isElsewhere(name string) bool { return name == "Content-Length" || name == "Host" }

// forwardedHeaders is how many identify adds.
const forwardedHeaders = 4

// forwarded are the values that identify sends, made once for all requests.
type forwarded struct{ http, https, host []string }

func newForwarded(publicHost string) forwarded {
	return forwarded{[]string{"http"}, []string{"https"}, []string{publicHost}}
}

// identify tells Mattermost about the browser. Of several addresses in
// X-Forwarded-For it would believe the first (H6), so there is one.
func (g *Gateway) identify(r *http.Request, h http.Header) {
	h["X-Forwarded-Proto"] = g.forwarded.http
	if g.HTTPS(r) {
		h["X-Forwarded-Proto"] = g.forwarded.https
	}
	h["X-Forwarded-Host"] = g.forwarded.host
	if addr := g.ClientAddr(r); addr.IsValid() {
		client := []string{addr.WithZone("").String()}
		h["X-Forwarded-For"], h["X-Real-Ip"] = client, client
	}
}
