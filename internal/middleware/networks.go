package middleware

import (
	"net/http"
	"net/netip"
)

// Networks refuses clients outside of the allowed networks; none means any.
func Networks(allowed []netip.Prefix, refuse http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if len(allowed) == 0 {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !contains(allowed, ClientAddr(r.Context())) {
				refuse.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
