package middleware

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Limiter decides whether whoever sent a request may ask once more. Who that is,
// an address or somebody it recognises, is its own business.
type Limiter interface {
	Allow(*http.Request) Decision
}

// Decision is a limiter's answer and the state of the bucket behind it.
type Decision struct {
	OK         bool
	Limit      int           // requests in Per
	Remaining  int           // of them, now
	RetryAfter time.Duration // when refused
	Reset      time.Duration // until all of Limit is there again
	Per        time.Duration // the window
}

// RateLimit asks limiter about the client, tells the client the answer, and
// refuses what it refused. A nil limiter allows everything.
func RateLimit(limiter Limiter, refuse http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if limiter == nil {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d := limiter.Allow(r)
			SetRateLimit(w.Header(), "client", d)
			if !d.OK {
				refuse.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// SetRateLimit describes d as the policy name, a word of lower-case letters, in
// the fields RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers),
// beside those of other names, and in Retry-After where it is a refusal.
// Seconds are whole and rounded up: too early is refused again.
func SetRateLimit(h http.Header, name string, d Decision) {
	setMember(h, "Ratelimit-Policy", name, fmt.Sprintf("q=%d;w=%d", d.Limit, seconds(d.Per)))
	setMember(h, "Ratelimit", name, fmt.Sprintf("r=%d;t=%d", d.Remaining, seconds(d.Reset)))
	if !d.OK {
		h.Set("Retry-After", strconv.Itoa(max(1, seconds(d.RetryAfter))))
	}
}

// setMember sets one member of a structured list (RFC 9651 section 3.1), one
// field line each.
func setMember(h http.Header, field, name, parameters string) {
	prefix := strconv.Quote(name) + ";"
	for i, line := range h[field] {
		if strings.HasPrefix(line, prefix) {
			h[field][i] = prefix + parameters
			return
		}
	}
	h.Add(field, prefix+parameters)
}

func seconds(d time.Duration) int { return int(math.Ceil(max(0, d.Seconds()))) }
