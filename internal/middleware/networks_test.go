package middleware

import (
	"net/netip"
	"testing"
)

func TestOnlyAllowedNetworksPass(t *testing.T) {
	office := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	cases := map[string]struct {
		allowed []netip.Prefix
		peer    string
		want    int
	}{
		"inside":          {office, "192.0.2.9:5", 200},
		"inside, mapped":  {office, "[::ffff:192.0.2.9]:5", 200},
		"inside, IPv6":    {office, "[2001:db8::1]:5", 200},
		"outside":         {office, "198.51.100.1:5", 403},
		"without address": {office, "@", 403},
		"none means any":  {nil, "198.51.100.1:5", 200},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := get("/")
			r.RemoteAddr = c.peer
			if got := serve(ClientAddrs(ClientAddrOptions{})(Networks(c.allowed, refused(403))(ok)), r).StatusCode; got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}
