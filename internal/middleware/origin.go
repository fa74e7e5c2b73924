package middleware

import (
	"fmt"
	"net/http"
)

// Origin refuses requests that may change state (all but GET, HEAD, OPTIONS)
// and that a browser sends for a page of another origin than those allowed:
// Sec-Fetch-Site says so, or Origin where a browser does not send that. Callers
// without both headers are no browsers. Two of either are refused: readers differ in
// which one counts. It panics on an origin that is none.
func Origin(allowed []string, refuse http.Handler) func(http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	for _, origin := range allowed {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			panic(fmt.Sprintf("middleware: %v", err))
		}
	}
	protection.SetDenyHandler(refuse)
	return func(next http.Handler) http.Handler {
		protected := protection.Handler(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.Header["Origin"]) > 1 || len(r.Header["Sec-Fetch-Site"]) > 1 {
				refuse.ServeHTTP(w, r)
				return
			}
			protected.ServeHTTP(w, r)
		})
	}
}
