package middleware

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type limiter func(*http.Request) Decision

func (l limiter) Allow(r *http.Request) Decision { return l(r) }

func TestALimitedClientIsToldWhatIsLeft(t *testing.T) {
	cases := map[string]struct {
		decision Decision
		status   int
		want     http.Header
	}{
		"granted": {
			Decision{OK: true, Limit: 1200, Remaining: 1199, Per: time.Minute, Reset: 50 * time.Millisecond}, 200,
			http.Header{"Ratelimit-Policy": {`"client";q=1200;w=60`}, "Ratelimit": {`"client";r=1199;t=1`}},
		},
		"refused": {
			Decision{Limit: 5, Per: time.Minute, Reset: time.Minute, RetryAfter: 11*time.Second + 1}, 429,
			http.Header{"Ratelimit-Policy": {`"client";q=5;w=60`}, "Ratelimit": {`"client";r=0;t=60`}, "Retry-After": {"12"}},
		},
		"refused for a moment": {
			Decision{Limit: 5, Per: time.Minute}, 429,
			http.Header{"Ratelimit-Policy": {`"client";q=5;w=60`}, "Ratelimit": {`"client";r=0;t=0`}, "Retry-After": {"1"}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var asked netip.Addr
			l := limiter(func(r *http.Request) Decision { asked = ClientAddr(r.Context()); return c.decision })
			inner := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
			resp := serve(ClientAddrs(ClientAddrOptions{})(RateLimit(l, refused(429))(inner)), get("/"))
			if resp.StatusCode != c.status || asked.String() != "192.0.2.1" {
				t.Errorf("status %d for client %v", resp.StatusCode, asked)
			}
			if diff := cmp.Diff(c.want, resp.Header); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSeveralLimitsStandSideBySide(t *testing.T) {
	h := http.Header{}
	SetRateLimit(h, "client", Decision{OK: true, Limit: 1200, Remaining: 7, Per: time.Minute})
	SetRateLimit(h, "account", Decision{OK: true, Limit: 5, Remaining: 4, Per: time.Minute, Reset: 12 * time.Second})
	SetRateLimit(h, "client", Decision{OK: true, Limit: 1200, Remaining: 6, Per: time.Minute})
	want := http.Header{
		"Ratelimit-Policy": {`"client";q=1200;w=60`, `"account";q=5;w=60`},
		"Ratelimit":        {`"client";r=6;t=0`, `"account";r=4;t=12`},
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWithoutALimiterEverythingIsAllowed(t *testing.T) {
	if got := serve(RateLimit(nil, refused(429))(ok), get("/")).StatusCode; got != 200 {
		t.Errorf("status %d", got)
	}
}
