package middleware

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestRequestIDIsTakenOverFromTrustedPeersOnly(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	cases := map[string]struct {
		peer  string
		ids   []string
		taken bool
	}{
		"trusted and well-formed": {"10.1.2.3:4", []string{"req-1_a.B"}, true},
		"64 bytes":                {"10.1.2.3:4", []string{strings.Repeat("a", 64)}, true},
		"65 bytes":                {"10.1.2.3:4", []string{strings.Repeat("a", 65)}, false},
		"10 kB":                   {"10.1.2.3:4", []string{strings.Repeat("a", 10<<10)}, false},
		"markup":                  {"10.1.2.3:4", []string{"<script>"}, false},
		"line break":              {"10.1.2.3:4", []string{"a\nb"}, false},
		"empty":                   {"10.1.2.3:4", []string{""}, false},
		"two":                     {"10.1.2.3:4", []string{"a", "b"}, false},
		"none":                    {"10.1.2.3:4", nil, false},
		"untrusted peer":          {"192.0.2.1:4", []string{"req-1"}, false},
		"peer without address":    {"@", []string{"req-1"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var inside string
			h := RequestIDs(trusted)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				inside = RequestID(r.Context())
			}))
			r := get("/")
			r.RemoteAddr, r.Header[requestIDHeader] = c.peer, c.ids
			got := serve(h, r).Header.Get(requestIDHeader)
			if got == "" || got != inside {
				t.Errorf("answered %q, inside it is %q", got, inside)
			}
			if taken := len(c.ids) > 0 && got == c.ids[0]; taken != c.taken {
				t.Errorf("id %q taken over: %v, want %v", got, taken, c.taken)
			}
		})
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	h := RequestIDs(nil)(ok)
	a, b := serve(h, get("/")).Header.Get(requestIDHeader), serve(h, get("/")).Header.Get(requestIDHeader)
	if a == b || givenID(http.Header{requestIDHeader: {a}}) != a {
		t.Errorf("ids %q and %q", a, b)
	}
}
