package middleware

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
)

const requestIDHeader = "X-Request-Id"

// RequestIDs gives every request an id and answers with it in X-Request-Id. The
// id of a peer in trusted is taken over if there is exactly one and it matches
// ^[A-Za-z0-9._-]{1,64}$: it ends up in logs, headers and answers.
func RequestIDs(trusted []netip.Prefix) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := ""
			if len(trusted) > 0 && contains(trusted, peerOf(r)) {
				id = givenID(r.Header)
			}
			if id == "" {
				id = rand.Text()
			}
			r, s := enter(r)
			s.record.RequestID = id
			w.Header()[requestIDHeader] = []string{id}
			next.ServeHTTP(w, r)
		})
	}
}

// RequestID is the id of the request, "" without [RequestIDs].
func RequestID(ctx context.Context) string { return RecordOf(ctx).RequestID }

// givenID is the id that a request brings, or "" if it is not fit to be one.
func givenID(h http.Header) string {
	values := h[requestIDHeader]
	if len(values) != 1 || values[0] == "" || len(values[0]) > 64 {
		return ""
	}
	for _, c := range []byte(values[0]) {
		if !isIDByte(c) {
			return ""
		}
	}
	return values[0]
}

func isIDByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}
