package gateway

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"matterpass/internal/cookie"
)

// asksUpgrade reports that a request would have another protocol after its
// answer: by the header, or by HTTP/2 prior knowledge smuggled into one.
func asksUpgrade(r *http.Request) bool {
	return len(r.Header["Upgrade"]) > 0 || len(r.Header["Http2-Settings"]) > 0
}

// upgrade tunnels a WebSocket: only a well-formed handshake (RFC 6455 section
// 4.1), only on Mattermost's own path, only for pages of the chat host.
func (g *Gateway) upgrade(w http.ResponseWriter, r *http.Request, heard *said, on route) {
	switch {
	case on.class != socket || !isHandshake(r):
		g.hangUp(w, r, on, refuseUpgrade)
	case !g.mayOpen(r):
		g.refuse(w, r, on, refuseOrigin)
	default:
		g.tunnel(w, r, heard, on)
	}
}

func isHandshake(r *http.Request) bool {
	return r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ProtoMinor == 1 &&
		hasToken(r.Header["Connection"], "upgrade") &&
		isOne(r.Header["Upgrade"], "websocket") &&
		isOne(r.Header["Sec-Websocket-Version"], "13") &&
		isKey(r.Header["Sec-Websocket-Key"]) &&
		r.ContentLength == 0 && len(r.TransferEncoding) == 0
}

func isOne(values []string, want string) bool {
	return len(values) == 1 && strings.EqualFold(values[0], want)
}

func isKey(values []string) bool {
	if len(values) != 1 {
		return false
	}
	key, err := base64.StdEncoding.Strict().DecodeString(values[0])
	return err == nil && len(key) == 16
}

func hasToken(values []string, want string) bool {
	for _, value := range values {
		for token := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(token), want) {
				return true
			}
		}
	}
	return false
}

// mayOpen keeps other pages from reading along with a person's cookie. Programs
// send no Origin, and no cookie either.
func (g *Gateway) mayOpen(r *http.Request) bool {
	switch origins := r.Header["Origin"]; len(origins) {
	case 0:
		return len(r.CookiesNamed(cookie.Token)) == 0
	case 1:
		return origins[0] == g.origin
	default:
		return false
	}
}

// setOrigin makes the Origin, once it has been checked, the one that Mattermost
// compares with: its own SiteURL (docs/mattermost.md G2).
func (x *exchange) setOrigin(h http.Header) {
	if h.Get("Origin") == "" {
		return
	}
	origin := x.siteOrigin()
	if origin == "" {
		origin = originOf(x.Upstream)
	}
	h.Set("Origin", origin)
}

// siteOrigin is the origin of Mattermost's SiteURL, empty where it is not known.
func (g *Gateway) siteOrigin() string {
	site, err := url.Parse(g.SiteURL())
	if err != nil || site.Host == "" {
		return ""
	}
	return originOf(site)
}
