package middleware

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"testing"
)

func TestClientIsThePeerOrWhatTrustedPeersSay(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	cases := map[string]struct {
		trusted []netip.Prefix
		peer    string
		xff     []string
		want    string
	}{
		"nobody is trusted":             {nil, "192.0.2.1:5", []string{"198.51.100.7"}, "192.0.2.1"},
		"a stranger's word is ignored":  {proxies, "192.0.2.1:5", []string{"198.51.100.7"}, "192.0.2.1"},
		"a proxy's word counts":         {proxies, "10.0.0.1:5", []string{"198.51.100.7"}, "198.51.100.7"},
		"read from the right":           {proxies, "10.0.0.1:5", []string{"1.1.1.1, 198.51.100.7, 10.9.9.9"}, "198.51.100.7"},
		"over several header lines":     {proxies, "10.0.0.1:5", []string{"1.1.1.1", "198.51.100.7"}, "198.51.100.7"},
		"garbage makes it the peer":     {proxies, "10.0.0.1:5", []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		"nothing makes it the peer":     {proxies, "10.0.0.1:5", nil, "10.0.0.1"},
		"all trusted: the peer":         {proxies, "10.0.0.1:5", []string{"10.0.0.2"}, "10.0.0.1"},
		"mapped address is unmapped":    {nil, "[::ffff:192.0.2.1]:5", nil, "192.0.2.1"},
		"mapped in the header too":      {proxies, "10.0.0.1:5", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		"a zone is dropped":             {nil, "[fe80::1%eth0]:5", nil, "fe80::1"},
		"IPv6 proxy":                    {proxies, "[fd00::1]:5", []string{"2001:db8::7"}, "2001:db8::7"},
		"a mapped proxy is a proxy too": {proxies, "[::ffff:10.0.0.1]:5", []string{"198.51.100.7"}, "198.51.100.7"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got netip.Addr
			h := ClientAddrs(ClientAddrOptions{Trusted: c.trusted})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = ClientAddr(r.Context())
			}))
			r := get("/")
			r.RemoteAddr, r.Header["X-Forwarded-For"] = c.peer, c.xff
			serve(h, r)
			if got.String() != c.want {
				t.Errorf("client is %v, want %s", got, c.want)
			}
		})
	}
}

func TestSecureIsTLSATrustedWordOrAnHTTPSAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	cases := map[string]struct {
		public bool
		tls    bool
		peer   string
		proto  []string
		want   bool
	}{
		"plain":                     {peer: "192.0.2.1:5"},
		"TLS here":                  {peer: "192.0.2.1:5", tls: true, want: true},
		"https PUBLIC_URL":          {peer: "192.0.2.1:5", public: true, want: true},
		"a proxy says https":        {peer: "10.0.0.1:5", proto: []string{"https"}, want: true},
		"a proxy says http":         {peer: "10.0.0.1:5", proto: []string{"http"}},
		"a proxy says both":         {peer: "10.0.0.1:5", proto: []string{"https", "http"}},
		"a proxy says a list":       {peer: "10.0.0.1:5", proto: []string{"https, http"}},
		"a proxy says HTTPS":        {peer: "10.0.0.1:5", proto: []string{"HTTPS"}},
		"a stranger says https":     {peer: "192.0.2.1:5", proto: []string{"https"}},
		"a unix socket says https":  {peer: "@", proto: []string{"https"}},
		"a peer without port: none": {peer: "10.0.0.1", proto: []string{"https"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got bool
			h := ClientAddrs(ClientAddrOptions{Trusted: proxies, PublicHTTPS: c.public})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = Secure(r)
			}))
			r := get("/")
			r.RemoteAddr, r.Header["X-Forwarded-Proto"] = c.peer, c.proto
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			serve(h, r)
			if got != c.want {
				t.Errorf("Secure = %v, want %v", got, c.want)
			}
		})
	}
	if Secure(get("/")) {
		t.Error("Secure outside of the middleware")
	}
}

func TestNetworkIsAnIPv4AddressOrAnIPv6Slash64(t *testing.T) {
	cases := map[string]string{
		"192.0.2.1":            "192.0.2.1/32",
		"::ffff:192.0.2.1":     "192.0.2.1/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::9":      "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
	}
	for in, want := range cases {
		if got := Network(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("Network(%s) = %s, want %s", in, got, want)
		}
	}
	if Network(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}
