package signature

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// RFC 9421 appendix B.2.5: the whole way from the two fields to the MAC.
func TestTheVectorOfRFC9421(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "https://example.com/foo?param=Value&Pet=dog", strings.NewReader(`{"hello": "world"}`))
	r.Header.Set("Date", "Tue, 20 Apr 2021 02:07:55 GMT")
	r.Header.Set("Content-Type", "application/json")
	const params = `("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`
	const want = `"date": Tue, 20 Apr 2021 02:07:55 GMT` + "\n" + `"@authority": example.com` + "\n" +
		`"content-type": application/json` + "\n" + `"@signature-params": ` + params
	secret, err := base64.StdEncoding.DecodeString("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Signature-Input", "sig-b25="+params)
	r.Header.Set("Signature", "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:")
	_, value, found := member(r.Header.Get("Signature"))
	signature, isBytes := (&scanner{value}).bytes()
	if !found || !isBytes {
		t.Fatal("its signature cannot be read")
	}
	components, isList := (&scanner{params}).list()
	if !isList {
		t.Fatal("its list cannot be read")
	}
	in := input{components: components, params: params}
	base, err := in.base(message{method: r.Method, header: r.Header, target: targetOf(r.URL)})
	if err != nil || base != want {
		t.Fatalf("the base is\n%s\n%v", base, err)
	}
	if !hmac.Equal(sum(secret, base), signature) {
		t.Error("the MAC is another one")
	}
	if _, err := parseInput(r.Header); err == nil || !strings.Contains(err.Error(), "nonce") {
		t.Errorf("it has no nonce and must be refused for that: got %v", err)
	}
}

// RFC 9421 section 2.2: the components that come from the address.
func TestDerivedComponents(t *testing.T) {
	cases := map[string]target{
		"https://www.Example.com:443/path?param=value": {
			"https://www.example.com/path?param=value", "https", "www.example.com", "/path", "?param=value",
		},
		"http://example.com:80":          {"http://example.com/", "http", "example.com", "/", "?"},
		"https://example.com:80/?":       {"https://example.com:80/?", "https", "example.com:80", "/", "?"},
		"http://example.com:8443/a%2Fb":  {"http://example.com:8443/a%2Fb", "http", "example.com:8443", "/a%2Fb", "?"},
		"https://example.com/a?b=%20&b=": {"https://example.com/a?b=%20&b=", "https", "example.com", "/a", "?b=%20&b="},
	}
	for address, want := range cases {
		r, err := http.NewRequest(http.MethodGet, address, bytes.NewReader(nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := targetOf(r.URL); got != want {
			t.Errorf("%s: got %+v", address, got)
		}
	}
}

// RFC 9530 appendix D, and RFC 9421 appendix B.2.
func TestDigestsOfRFC9530(t *testing.T) {
	body := []byte(`{"hello": "world"}`)
	const (
		sha256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
		sha512 = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
	)
	cases := map[string]struct {
		fields []string
		good   bool
	}{
		"sha-256":                  {[]string{sha256}, true},
		"sha-512":                  {[]string{sha512}, true},
		"both":                     {[]string{sha256 + ", " + sha512}, true},
		"with an unknown one":      {[]string{"unixsum=:AAA=:, " + sha256}, true},
		"both, one of them wrong":  {[]string{sha256 + ", sha-512=:AAAA:"}, false},
		"one twice, the last good": {[]string{"sha-256=:AAAA:, " + sha256}, false},
		"in two lines":             {[]string{sha256, sha512}, false},
		"unknown only":             {[]string{"md5=:AAAA:"}, false},
		"in another case":          {[]string{"SHA-256" + sha256[7:]}, false},
		"of another body":          {[]string{"sha-256=:" + base64.StdEncoding.EncodeToString(digestOf("sha-256", nil)) + ":"}, false},
		"a string":                 {[]string{`sha-256="X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="`}, false},
		"a list":                   {[]string{"sha-256=(:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:)"}, false},
		"with parameters":          {[]string{sha256 + ";x=1"}, false},
		"a flag":                   {[]string{"sha-256"}, false},
		"empty":                    {[]string{""}, false},
		"absent":                   {nil, false},
	}
	for name, c := range cases {
		if err := checkDigest(http.Header{"Content-Digest": c.fields}, body); (err == nil) != c.good {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
