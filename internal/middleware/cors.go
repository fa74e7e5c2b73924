package middleware

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/jub0bs/cors"
)

// CORSOptions of [CORS].
type CORSOptions struct {
	Origins  []string // exact; none: no other origin may call
	Insecure bool     // http origins other than localhost are meant
}

// CORS lets the pages of exact origins call us with their cookies. It answers
// preflights itself, in constant memory whatever they ask for, and every answer
// varies by Origin. It panics on an origin that is none, or a pattern: the
// configuration refuses them before.
func CORS(o CORSOptions) func(http.Handler) http.Handler {
	if len(o.Origins) == 0 {
		return sameOriginOnly
	}
	for _, origin := range o.Origins {
		if strings.Contains(origin, "*") {
			panic(fmt.Sprintf("middleware: %q is not an exact origin", origin))
		}
	}
	m, err := cors.NewMiddleware(cors.Config{
		Origins:         o.Origins,
		Credentialed:    true,
		Methods:         []string{http.MethodGet, http.MethodPost},
		RequestHeaders:  []string{"Authorization", "Content-Type", requestIDHeader},
		MaxAgeInSeconds: 600,
		ResponseHeaders: []string{"Retry-After", requestIDHeader, "RateLimit", "RateLimit-Policy"},
		ExtraConfig:     cors.ExtraConfig{DangerouslyTolerateInsecureOrigins: o.Insecure},
	})
	if err != nil {
		panic(fmt.Sprintf("middleware: %v", err))
	}
	return m.Wrap
}

func sameOriginOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		next.ServeHTTP(w, r)
	})
}
