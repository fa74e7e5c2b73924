package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/config"
)

func FuzzRate(f *testing.F) {
	for _, seed := range []string{"5/1m", "1200/1h30m", "1/24h", "0/1m", "5", "/", "5/1m/2", "-1/1s", "9999999999999999999/1s", "1/1e9h", "５/1m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var rate, again config.Rate
		if rate.Decode(text) != nil {
			if rate != (config.Rate{}) {
				t.Errorf("%q is refused and yet %s", text, rate)
			}
			return
		}
		if rate.Tokens < 1 || rate.Per < 1 {
			t.Errorf("%q lets through %+v", text, rate)
		}
		if err := again.Decode(rate.String()); err != nil || again != rate {
			t.Errorf("%q is %s and then %s, %v", text, rate, again, err)
		}
	})
}

func FuzzOrigins(f *testing.F) {
	for _, seed := range []string{
		"https://erp.example.com", "http://localhost:8090,http://[::1]:1", "https://a.test/", "https://u:p@a.test", "null", "*", ",", "http://a:80",
		"https://a.test\\@b.test", "http://a.test:0", "http://1.2.3", "https://A.test", "http://a.test#", "http://a.test?", "//a.test", "http://[::ffff:1.2.3.4]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var list, again config.Origins
		if list.Decode(text) != nil {
			return
		}
		for _, origin := range list {
			if u := origin.URL(); u.String() != string(origin) || u.User != nil || u.Path != "" || u.Host == "" ||
				strings.ToLower(string(origin)) != string(origin) || strings.ContainsAny(string(origin), "*@?#\\ \t\n\"'<>;,") {
				t.Errorf("%q lets through %q", text, origin)
			}
		}
		if err := again.Decode(list.String()); err != nil || !cmp.Equal(list, again) {
			t.Errorf("%q is %s and then %s, %v", text, list, again, err)
		}
	})
}

func FuzzKeyRing(f *testing.F) {
	for _, seed := range []string{"k1:" + strong, "k2:" + strong2 + ", k1:" + strong, "k1:short", strong, "K:" + strong, "k1:" + strong + ",k1:" + strong2, ":", ",", "k1:a:b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var ring config.KeyRing
		var keys config.APIKeys
		err := ring.Decode(text)
		masked := slices.Clone(ring) // an id may well look like the secret beside it
		for i, key := range ring {
			masked[i].Secret = config.NewSecret("another")
			if secret := key.Secret.Reveal(); err != nil && len(secret) >= 16 && strings.Contains(err.Error(), secret) {
				t.Errorf("the error of %q shows a secret: %v", text, err)
			}
			if err == nil && (len(key.ID) == 0 || len(key.ID) > 32 || len(key.Secret.Reveal()) < 32) {
				t.Errorf("%q lets through a key %q of %d characters", text, key.ID, len(key.Secret.Reveal()))
			}
		}
		if ring.String() != masked.String() {
			t.Errorf("%q is shown as %s, which depends on its secrets", text, ring)
		}
		if keys.Decode(text) != nil {
			return
		}
		for _, key := range keys {
			if len(key.ID) == 0 || len(key.Secret.Reveal()) < 32 || len(key.Scopes) == 0 {
				t.Errorf("%q lets through an API key %q with %v", text, key.ID, key.Scopes)
			}
		}
	})
}
