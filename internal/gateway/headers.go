package gateway

import (
	"net/http"
	"net/url"
	"strings"

	"matterpass/internal/cookie"
)

// isIdentity tells the headers by which somebody in front of a server says who the
// client is or what it asked for, in any spelling: servers behind ours may read "_"
// and "." as "-", so no name with one of them goes on. It takes a name in its
// canonical spelling.
func isIdentity(name string) bool {
	switch name {
	case "Forwarded", "X-Real-Ip", "X-Client-Ip", "Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip",
		"Fastly-Client-Ip", "X-Cluster-Client-Ip", "X-Azure-Clientip", "X-Host", "X-Scheme", "X-Url-Scheme",
		"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "Front-End-Https",
		"Http2-Settings", "Proxy", "Via":
		return true
	}
	return strings.ContainsAny(name, "_.") ||
		strings.HasPrefix(name, "X-Forwarded") ||
		strings.HasPrefix(name, "X-Original-") ||
		strings.HasPrefix(name, "X-Rewrite-") ||
		strings.HasPrefix(name, "Mattermost-") // the plugin host's own (docs/mattermost.md F7)
}

// adjust makes Mattermost's answer ours to send.
func (x *exchange) adjust(res *http.Response) {
	h := res.Header
	cookie.KeepOut(h)
	delete(h, "Token") // the session token (docs/mattermost.md A2)
	cleanTrailer(res.Trailer)
	delete(h, "X-Frame-Options")
	giveWay(x.w.Header(), h)
	if res.StatusCode == http.StatusSwitchingProtocols {
		delete(h, "Set-Cookie") // goes out past the cookie middleware
		return
	}
	x.allowFraming(h)
	x.makePublic(h)
	if x.on.class == signOut && res.StatusCode/100 == 2 {
		cookie.SignOut(h)
		x.noticeSignOut()
	}
	x.noticeRevocations(res)
}

// noticeSignOut believes a browser's sign-out only with the proof that Mattermost
// wants: without it Mattermost says yes and does nothing.
func (x *exchange) noticeSignOut() {
	x.EndSession(x.said.sent.token)
	if x.SignedOut != nil && x.said.sent.cookie && x.provesOrigin() {
		x.SignedOut(x.r.Context(), x.said.sent.token)
	}
}

// cleanTrailer takes what could open a session out of trailers, which go out past
// the cookie middleware.
func cleanTrailer(trailer http.Header) {
	trailer.Del("Token")
	trailer.Del("Set-Cookie")
}

// allowFraming opens what restricts framing to the configured origins, and
// restricts the page that came without.
func (x *exchange) allowFraming(h http.Header) {
	const policy = "Content-Security-Policy"
	policies := h[policy]
	for i, value := range policies {
		policies[i] = withAncestors(value, x.ancestors)
	}
	if len(policies) == 0 && isHTML(h) {
		h.Set(policy, ancestorsOnly(x.ancestors))
	}
}

func isHTML(h http.Header) bool {
	values := h["Content-Type"]
	if len(values) == 0 {
		return false
	}
	kind, _, _ := strings.Cut(values[0], ";")
	kind = strings.TrimSpace(kind)
	return strings.EqualFold(kind, "text/html") || strings.EqualFold(kind, "application/xhtml+xml")
}

// makePublic rewrites a redirect to an address of Mattermost's that browsers do
// not have. A redirect elsewhere is Mattermost's own business (a sign-in
// provider, a file store) and passes.
func (x *exchange) makePublic(h http.Header) {
	if len(h["Location"]) == 0 {
		return
	}
	location, err := url.Parse(h.Get("Location"))
	if err != nil || location.Host == "" {
		return
	}
	origin := originOf(location)
	if origin == originOf(x.Upstream) || origin == x.siteOrigin() {
		location.Scheme, location.Host = x.Public.Scheme, x.Public.Host
		h.Set("Location", location.String())
	}
}

// giveWay removes from what the middleware has put on the answer whatever
// Mattermost says itself, and what is about pages of our own. The request id
// stays ours: it is the one in our record; and so do cookies of a sign-in on the
// way.
func giveWay(own, theirs http.Header) {
	if len(own["X-Request-Id"]) > 0 {
		delete(theirs, "X-Request-Id")
	}
	for name := range own {
		if _, said := theirs[name]; said && name != setCookie || isAboutPages(name) {
			delete(own, name)
		}
	}
}

func isAboutPages(name string) bool {
	switch name {
	case "Content-Security-Policy", "X-Frame-Options", "Permissions-Policy", "Cache-Control",
		"Cross-Origin-Embedder-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy":
		return true
	}
	return false
}
