package middleware

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	want := http.Header{
		"Cache-Control":                {"no-store"},
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Referrer-Policy":              {"no-referrer"},
		"X-Content-Type-Options":       {"nosniff"},
	}
	got := serve(Security(SecurityOptions{StrictTransport: true})(refused(404)), get("/")).Header
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAHandlerMayAllowMore(t *testing.T) {
	h := Security(SecurityOptions{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
	}))
	if got := serve(h, get("/")).Header.Get("Cache-Control"); got != "public, max-age=3600" {
		t.Errorf("Cache-Control %q", got)
	}
}

func TestStrictTransportIsForHTTPSInProduction(t *testing.T) {
	for name, c := range map[string]struct{ strict, https, want bool }{
		"https in production":  {true, true, true},
		"https in development": {false, true, false},
		"http in production":   {true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := get("/")
			if c.https {
				r.TLS = &tls.ConnectionState{}
			}
			got := serve(Security(SecurityOptions{StrictTransport: c.strict})(ok), r).Header.Get("Strict-Transport-Security")
			if (got != "") != c.want {
				t.Errorf("Strict-Transport-Security %q", got)
			}
		})
	}
}
