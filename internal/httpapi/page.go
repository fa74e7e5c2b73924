package httpapi

import (
	"net/http"
	"slices"
	"strings"
)

// page gives our own pages, and the files they load, a policy of their own: the
// chat host's scripts and styles and nothing else, framed by the configured
// origins.
func (a *API) page() func(http.Handler) http.Handler {
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
		// Not every browser takes 'self' for the WebSocket of the same host.
		"connect-src 'self' ws" + strings.TrimPrefix(a.ChatOrigin, "http"),
		"frame-ancestors " + strings.Join(append([]string{"'self'"}, a.AllowedOrigins...), " "),
		"base-uri 'none'", "form-action 'none'",
	}, "; ")
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", policy)
			next.ServeHTTP(w, r)
		})
	}
}

// sameOrigin refuses what a browser sends for pages that are not ours. Callers
// without Sec-Fetch-Site are old browsers and programs: without CORS no other
// page can read the answer anyway.
func (a *API) sameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains([]string{"", "none", "same-origin"}, r.Header.Get("Sec-Fetch-Site")) {
			a.Fail(w, r, errOrigin)
			return
		}
		next.ServeHTTP(w, r)
	})
}
