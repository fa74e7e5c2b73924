package limit

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"sync"
	"testing"
)

func TestKeyIsATruncatedHMACOfLengthPrefixedParts(t *testing.T) {
	secret := []byte("secret")
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("\x05login\x0ddana@erp.test"))
	want := Key(mac.Sum(nil)[:16])
	h := NewHasher(secret)
	secret[0] = 'X' // the caller may wipe its copy
	for range 3 {
		if got := h.Key("login", "dana@erp.test"); got != want {
			t.Errorf("got %x, want %x", got, want)
		}
	}
}

func TestKeysNeverMeet(t *testing.T) {
	h := NewHasher([]byte("secret"))
	long := strings.Repeat("x", 64<<10)
	keys := map[string]Key{
		"label and part":         h.Key("a", "bc"),
		"moved boundary":         h.Key("ab", "c"),
		"two parts":              h.Key("a", "b", "c"),
		"no part":                h.Key("abc"),
		"empty part":             h.Key("abc", ""),
		"separator-like":         h.Key("a", "b\x01c"),
		"64 kB":                  h.Key("a", long),
		"64 kB and one":          h.Key("a", long+"x"),
		"the same, other secret": NewHasher([]byte("other")).Key("a", "bc"),
	}
	seen := map[Key]string{}
	for name, k := range keys {
		if other, dup := seen[k]; dup {
			t.Errorf("%q and %q have one key", name, other)
		}
		seen[k] = name
	}
}

func TestKeysAreMadeSafelyInParallel(t *testing.T) {
	h := NewHasher([]byte("secret"))
	want := h.Key("login", "dana@erp.test")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if h.Key("login", "dana@erp.test") != want {
					t.Error("another key for the same input")
					return
				}
			}
		})
	}
	wg.Wait()
}
