package middleware

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	"github.com/go-chi/chi/v5/middleware"
)

// ClientAddrOptions of [ClientAddrs].
type ClientAddrOptions struct {
	// Trusted are the networks of the proxies in front of us. Only such a peer
	// may say who the client is and which scheme it used.
	Trusted []netip.Prefix
	// PublicHTTPS says that browsers reach us by https in any case.
	PublicHTTPS bool
}

// ClientAddrs finds out who the client is: the peer, or what trusted peers say
// in X-Forwarded-For, read from the right up to the first that is not trusted.
// A chain that is missing or garbled makes the peer the client: one bucket too
// few, never one of the client's choosing.
func ClientAddrs(o ClientAddrOptions) func(http.Handler) http.Handler {
	forwarded := func(h http.Handler) http.Handler { return h }
	if len(o.Trusted) > 0 { // chi panics without any
		forwarded = middleware.ClientIPFromXFF(texts(o.Trusted)...)
	}
	return func(next http.Handler) http.Handler {
		note := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			client, peer := middleware.GetClientIPAddr(r.Context()), peerOf(r)
			if !client.IsValid() {
				client = peer
			}
			r, s := enter(r)
			s.record.Client = client.Unmap().WithZone("")
			s.secure = o.PublicHTTPS || r.TLS != nil || contains(o.Trusted, peer) && saysHTTPS(r.Header)
			next.ServeHTTP(w, r)
		})
		return forwarded(note)
	}
}

// ClientAddr is the address of the client, IPv4 never mapped into IPv6 and
// without a zone. It is invalid without [ClientAddrs] and for peers without an
// IP address.
func ClientAddr(ctx context.Context) netip.Addr { return RecordOf(ctx).Client }

// Secure reports whether the browser used https: TLS here, a trusted peer that
// says so in X-Forwarded-Proto, or an https PUBLIC_URL.
func Secure(r *http.Request) bool {
	s := scopeOf(r.Context())
	return s != nil && s.secure || r.TLS != nil
}

// Network is what counts as one client: an IPv4 address, an IPv6 /64, of which
// every household has at least one for itself.
func Network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // fails for an invalid address alone
	return p
}

// peerOf is the other end of the connection.
func peerOf(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap().WithZone("")
}

func saysHTTPS(h http.Header) bool {
	values := h["X-Forwarded-Proto"]
	return len(values) == 1 && values[0] == "https"
}

func texts(prefixes []netip.Prefix) []string {
	out := make([]string, len(prefixes))
	for i, p := range prefixes {
		out[i] = p.String()
	}
	return out
}
