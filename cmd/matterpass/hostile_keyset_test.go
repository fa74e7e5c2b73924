package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// publisher is an issuer's key set, and how often it was asked for.
type publisher struct {
	*httptest.Server
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc]
}

func publishes(t *testing.T, answer http.HandlerFunc) *publisher {
	t.Helper()
	p := &publisher{}
	p.answer.Store(&answer)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		(*p.answer.Load())(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func keySetOf(public any, kid string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: kid, Use: "sig"}}})
	}
}

func asymmetric(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	return signedWith(t, jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, "JWT", claims)
}

// TestAFloodOfUnknownKeysIsOneFetch: ten thousand names of keys that nobody has.
func TestAFloodOfUnknownKeysIsOneFetch(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := publishes(t, keySetOf(key.Public(), "k1"))
	d := doorOf(t, "JWT_SECRET", "", "JWT_JWKS_URL", p.URL, "RATE_LIMIT_CLIENT", "100000/1s")
	wants(t, "the first", d.withAssertion(t, asymmetric(t, jose.ES256, key, "k1", claims("4711", "nora@erp.test"))), http.StatusOK, "")
	header := func(kid string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT","kid":"` + kid + `"}`))
	}
	rest := "." + base64.RawURLEncoding.EncodeToString([]byte("{}")) + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	inParallel(10_000, 16, func(i int) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.addr+"/api/mattermost/login", nil)
		req.Host = "chat.example.com"
		req.Header.Set("Authorization", "Bearer "+header(fmt.Sprint("../", i))+rest)
		res, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%d", res.StatusCode)
		}
	})
	if n := p.asked.Load(); n > 2 {
		t.Errorf("the keys were asked for %d times, want once and, if a minute went by, once more", n)
	}
	wants(t, "afterwards", d.withAssertion(t, asymmetric(t, jose.ES256, key, "k1", claims("4711", "nora@erp.test"))), http.StatusOK, "")
}

// TestAPublicKeyOpensNothingAsASecret: CVE-2015-9235 and its sisters.
func TestAPublicKeyOpensNothingAsASecret(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := publishes(t, keySetOf(key.Public(), "k1"))
	d := doorOf(t, "JWT_JWKS_URL", p.URL, "RATE_LIMIT_CLIENT", "1000/1s") // with JWT_SECRET beside it
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	inPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	other, _ := rsa.GenerateKey(rand.Reader, 2048)
	weak := signed(t, map[string]any{"alg": "HS256", "typ": "JWT", "kid": "k1"}, claims("1", "a@erp.test"), hs256(inPEM))
	for name, token := range map[string]string{
		"the key in PEM":             weak,
		"without its last line feed": signed(t, map[string]any{"alg": "HS256", "typ": "JWT", "kid": "k1"}, claims("1", "a@erp.test"), hs256(inPEM[:len(inPEM)-1])),
		"the key in DER":             signed(t, map[string]any{"alg": "HS256", "typ": "JWT", "kid": "k1"}, claims("1", "a@erp.test"), hs256(der)),
		"its modulus":                signed(t, map[string]any{"alg": "HS256", "typ": "JWT", "kid": "k1"}, claims("1", "a@erp.test"), hs256(key.N.Bytes())),
		"another key of that name":   asymmetric(t, jose.RS256, other, "k1", claims("1", "a@erp.test")),
	} {
		wants(t, name, d.withAssertion(t, token), http.StatusUnauthorized, "login_refused")
	}
	wants(t, "the key itself", d.withAssertion(t, asymmetric(t, jose.RS256, key, "k1", claims("1", "a@erp.test"))), http.StatusOK, "")
	wants(t, "the secret", d.enter(claims("2", "b@erp.test")), http.StatusOK, "")
}

// TestAnIssuerThatMisbehavesSpendsNothing: down, slow, redirecting, endless, no
// JSON. Who could not be verified may come back with the same assertion.
func TestAnIssuerThatMisbehavesSpendsNothing(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := publishes(t, keySetOf(key.Public(), "k1"))
	for name, answer := range map[string]http.HandlerFunc{
		"down":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"hanging up":  reset,
		"redirecting": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"endless":     func(w http.ResponseWriter, _ *http.Request) { flood(w) },
		"a bomb":      bombed,
		"a page":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"no keys":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) },
		"a secret": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"keys":[{"kty":"oct","kid":"k1","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := publishes(t, answer)
			d := doorOf(t, "JWT_SECRET", "", "JWT_JWKS_URL", p.URL)
			token := asymmetric(t, jose.ES256, key, "k1", claims("4711", "nora@erp.test"))
			start := time.Now()
			got := d.withAssertion(t, token)
			wants(t, "while it does", got, http.StatusServiceUnavailable, "keys_unavailable")
			if strings.Contains(got.body, `"spent":true`) || got.Header.Get("Retry-After") == "" || time.Since(start) > 6*time.Second {
				t.Errorf("after %s: %s", time.Since(start), got.body)
			}
			wants(t, "a password meanwhile", d.post("/api/mattermost/login", rightPassword), http.StatusOK, "")
		})
	}
	if n := elsewhere.asked.Load(); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

func bombed(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = w.Write(gzipped(strings.Repeat(" ", 8<<20)))
}
