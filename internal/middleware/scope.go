// Package middleware is what every request passes before it is anybody's
// business: who asks, under which id, how often, from where, and what is
// written down about it. One file for each, all of the standard signature
// func(http.Handler) http.Handler.
//
// It knows no domain package. What it cannot answer itself (a refusal, a
// decision, a log line) it is handed as a value.
package middleware

import (
	"context"
	"net/http"
	"net/netip"
)

// scope is all that this package keeps about one request: one context value,
// however many middlewares the request passes.
type scope struct {
	context.Context // the request's
	record          Record
	secure          bool
}

// Value implements context.Context.
func (s *scope) Value(key any) any {
	if key == (scopeKey{}) {
		return s
	}
	return s.Context.Value(key)
}

type scopeKey struct{}

func scopeOf(ctx context.Context) *scope {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

// enter returns the request's scope, and the request that carries it.
func enter(r *http.Request) (*http.Request, *scope) {
	if s := scopeOf(r.Context()); s != nil {
		return r, s
	}
	s := &scope{Context: r.Context()}
	return r.WithContext(s), s
}

func contains(networks []netip.Prefix, addr netip.Addr) bool {
	for _, p := range networks {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
