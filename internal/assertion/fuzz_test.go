package assertion_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"matterpass/internal/assertion"
	"matterpass/internal/login"
)

// FuzzVerifyHeader signs whatever header arrives: the policy alone must refuse
// what is not plain.
func FuzzVerifyHeader(f *testing.F) {
	v := newVerifier(f)
	f.Add(plainHeader().json(f))
	f.Add(`{"alg":"none","typ":"JWT"}`)
	f.Add(`{"alg":"HS256","alg":"none","typ":"JWT"}`)
	f.Add(`{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":""}}`)
	payload := plainClaims().json(f)
	f.Fuzz(func(t *testing.T, header string) {
		_, err := v.Verify(t.Context(), hs256(header, payload), login.ForSignIn)
		mustBePolicy(t, err)
		if err == nil && (strings.Count(header, `"alg"`) > 1 || strings.Contains(header, `"crit"`)) {
			t.Errorf("accepted: %q", header)
		}
	})
}

// FuzzVerifyPayload signs whatever payload arrives: an accepted one must say who,
// in one spelling.
func FuzzVerifyPayload(f *testing.F) {
	v := newVerifier(f)
	header := plainHeader().json(f)
	f.Add(plainClaims().json(f))
	f.Add(strings.Replace(plainClaims().json(f), `"sub":"4711"`, `"sub":"4711","sub":"1"`, 1))
	f.Add(`{"exp":1e400}`)
	f.Fuzz(func(t *testing.T, payload string) {
		proof, err := v.Verify(t.Context(), hs256(header, payload), login.ForSignIn)
		mustBePolicy(t, err)
		if err == nil && (proof.Check() != nil || proof.ID == "" || proof.Issuer != issuer || !proof.ExpiresAt.After(now)) {
			t.Errorf("%q is accepted as %+v", payload, proof)
		}
	})
}

// FuzzVerifyToken sends text that nobody signed.
func FuzzVerifyToken(f *testing.F) {
	v := newVerifier(f)
	genuine := hs256(plainHeader().json(f), plainClaims().json(f))
	f.Add(genuine)
	f.Add(genuine + "=")
	f.Add("..")
	f.Add(`{"payload":"","signatures":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := v.Verify(t.Context(), text, login.ForSignIn)
		mustBePolicy(t, err)
		if err == nil && text != genuine {
			t.Errorf("forged: %q", text)
		}
	})
}

// FuzzVerifyKeys lets the issuer publish anything: a token of another key is
// never accepted, and a secret never becomes a key.
func FuzzVerifyKeys(f *testing.F) {
	private := ecKey(f)
	f.Add(object{"keys": []any{public(f, ecKey(f), object{"kid": "a"})}}.json(f))
	f.Add(`{"keys":[{"kty":"oct","k":"AAAA","kid":"a"}]}`)
	f.Add(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`)
	text := signed(f, jose.ES256, private, object{"kid": "a"}, plainClaims())
	f.Fuzz(func(t *testing.T, body string) {
		keys, err := assertion.NewKeySet(assertion.KeySetOptions{
			URL: "https://erp.example.com/keys", Client: &http.Client{Transport: &provider{answer: answering(http.StatusOK, body)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.Verify(t.Context(), text); err == nil {
			t.Errorf("accepted with %q", body)
		}
	})
}

func mustBePolicy(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, login.ErrRefused) {
		t.Errorf("got %v, want a refusal", err)
	}
}
