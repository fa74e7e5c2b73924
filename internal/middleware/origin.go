package middleware

import (
	"fmt"
	"net/http"
)

// Origin refuses requests that may change state (all but GET, HEAD, OPTIONS)
// and that a browser sends for a page of another origin than those allowed:
// Sec-Fetch-Site says so, or Origin where a browser does not send that. Callers
// without both headers are no browsers. It panics on an origin that is none.
func Origin(allowed []string, refuse http.Handler) func(http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	for _, origin := range allowed {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			panic(fmt.Sprintf("middleware: %v", err))
		}
	}
	protection.SetDenyHandler(refuse)
	return protection.Handler
}
