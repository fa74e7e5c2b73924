package middleware

import "net/http"

// SecurityOptions of [Security].
type SecurityOptions struct {
	HTTPS           func(*http.Request) bool // nil: [Secure]
	StrictTransport bool                     // production: browsers shall use https for a year
}

// Security does so for every answer of a handler.
func Security(o SecurityOptions) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			o.Secure(w.Header(), r)
			next.ServeHTTP(w, r)
		})
	}
}

// Secure puts on an answer what keeps browsers from doing more with it than it is
// for; a handler that needs less sets its own. It is for our own answers:
// Mattermost's pages have a policy of their own.
func (o SecurityOptions) Secure(h http.Header, r *http.Request) {
	https := o.HTTPS
	if https == nil {
		https = Secure
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	// RFC 6797 section 7.2: never over plain http. Without includeSubDomains, since
	// the neighbours are not ours.
	if o.StrictTransport && https(r) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
