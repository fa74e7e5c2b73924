package assertion_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"matterpass/internal/assertion"
	"matterpass/internal/login"
)

func ecKey(t testing.TB) *ecdsa.PrivateKey { return ecKeyOn(t, elliptic.P256()) }

func ecKeyOn(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// public is the JWK of a key, with members of our choice.
func public(t testing.TB, private crypto.Signer, members object) object {
	t.Helper()
	return jwk(t, private.Public(), members)
}

func jwk(t testing.TB, key any, members object) object {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	var made object
	if err := json.Unmarshal(text, &made); err != nil {
		t.Fatal(err)
	}
	maps.Copy(made, members)
	return made
}

func TestEveryKindOfKeySignsWithItsOwnAlgorithms(t *testing.T) {
	rsa2048, p256, p384, p521, ed := rsaKey(t, 2048), ecKey(t), ecKeyOn(t, elliptic.P384()), ecKeyOn(t, elliptic.P521()), edKey(t)
	cases := map[string]struct {
		algorithm jose.SignatureAlgorithm
		private   crypto.Signer
		members   object
		accepted  bool
	}{
		"RS256":                      {jose.RS256, rsa2048, nil, true},
		"RS384":                      {jose.RS384, rsa2048, nil, true},
		"RS512":                      {jose.RS512, rsa2048, nil, true},
		"PS256":                      {jose.PS256, rsa2048, nil, true},
		"PS384":                      {jose.PS384, rsa2048, nil, true},
		"PS512":                      {jose.PS512, rsa2048, nil, true},
		"ES256":                      {jose.ES256, p256, nil, true},
		"ES384":                      {jose.ES384, p384, nil, true},
		"ES512":                      {jose.ES512, p521, nil, true},
		"EdDSA":                      {jose.EdDSA, ed, nil, true},
		"for signatures":             {jose.ES256, p256, object{"use": "sig", "key_ops": []string{"verify"}, "alg": "ES256"}, true},
		"for encryption":             {jose.RS256, rsa2048, object{"use": "enc"}, false},
		"for another operation":      {jose.RS256, rsa2048, object{"key_ops": []string{"wrapKey"}}, false},
		"for no operation":           {jose.RS256, rsa2048, object{"key_ops": []string{}}, false},
		"fixed to another of its":    {jose.RS256, rsa2048, object{"alg": "PS256"}, false},
		"fixed to one of no kind":    {jose.RS256, rsa2048, object{"alg": "ES256"}, false},
		"fixed to a shared secret's": {jose.RS256, rsa2048, object{"alg": "HS256"}, false},
		"fixed to encryption":        {jose.RS256, rsa2048, object{"alg": "RSA-OAEP"}, false},
		"of another id":              {jose.ES256, p256, object{"kid": "b"}, false},
		"without an id":              {jose.ES256, p256, object{"kid": ""}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, members := &provider{}, object{"kid": "a"}
			maps.Copy(members, c.members)
			p.publishes(t, public(t, c.private, members), public(t, ecKey(t), object{"kid": "other"}))
			_, err := newKeySet(t, p).Verify(t.Context(), signed(t, c.algorithm, c.private, object{"kid": "a"}, plainClaims()))
			if c.accepted != (err == nil) || err != nil && !errors.Is(err, login.ErrRefused) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestATokenWithoutAKeyIDIsTriedWithTheKeysOfItsKind(t *testing.T) {
	p, private := &provider{}, ecKey(t)
	p.publishes(t, public(t, edKey(t), nil), public(t, ecKey(t), object{"kid": "x"}), public(t, private, object{"kid": "y"}))
	if _, err := newKeySet(t, p).Verify(t.Context(), signed(t, jose.ES256, private, nil, plainClaims())); err != nil {
		t.Error(err)
	}
}

func TestKeysThatCannotProveAnythingAreLeftOut(t *testing.T) {
	private := ecKey(t)
	cases := map[string]any{
		"RSA of 1024 bits":        public(t, parseRSA1024(t), object{"kid": "a"}),
		"a shared secret":         object{"kty": "oct", "k": encode(secret), "kid": "a", "alg": "HS256"},
		"a private key":           jwk(t, private, object{"kid": "a"}),
		"an unknown kind":         object{"kty": "XYZ", "kid": "a"},
		"a point off the curve":   object{"kty": "EC", "crv": "P-256", "x": encode("1234567890123456789012345678901x"), "y": encode("1234567890123456789012345678901y"), "kid": "a"},
		"X25519, which signs not": object{"kty": "OKP", "crv": "X25519", "x": encode("12345678901234567890123456789012"), "kid": "a"},
		"a number":                1,
	}
	for name, bad := range cases {
		t.Run(name, func(t *testing.T) {
			p, good := &provider{}, ecKey(t)
			p.publishes(t, bad)
			if err := newKeySet(t, p).Ready(t.Context()); !errors.Is(err, login.ErrKeysUnavailable) {
				t.Errorf("alone: got %v", err)
			}
			p.publishes(t, bad, public(t, good, object{"kid": "b"}))
			if _, err := newKeySet(t, p).Verify(t.Context(), es256(t, good, "b")); err != nil {
				t.Errorf("it spoils the others: %v", err)
			}
		})
	}
}

// parseRSA1024 reads a key that Go no longer makes.
func parseRSA1024(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	return rsaKey(t, 1024)
}

func TestAPublicKeyIsNeverTakenForASecret(t *testing.T) {
	private := rsaKey(t, 2048)
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{}
	p.publishes(t, public(t, private, object{"kid": "a"}))
	keys := newKeySet(t, p)
	both := newVerifier(t, func(o *assertion.Options) { o.Keys = keys })
	alone := newVerifier(t, func(o *assertion.Options) { o.Keys, o.Secrets = keys, nil })
	forms := map[string][]byte{
		"PEM":     pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"DER":     der,
		"JWK":     []byte(public(t, private, object{"kid": "a"}).json(t)),
		"modulus": private.N.Bytes(),
	}
	for name, form := range forms {
		text := hs256With(form, plainHeader().with(object{"kid": "a"}).json(t), plainClaims().json(t))
		t.Run(name+", both families", func(t *testing.T) { mustRefuse(t, both, text) })
		t.Run(name+", public keys only", func(t *testing.T) { mustRefuse(t, alone, text) })
	}
	genuine := signed(t, jose.RS256, private, object{"typ": "JWT", "kid": "a"}, plainClaims())
	for name, v := range map[string]*assertion.Verifier{"both": both, "alone": alone} {
		if _, err := v.Verify(t.Context(), genuine, login.ForSignIn); err != nil {
			t.Errorf("%s: a genuine one: %v", name, err)
		}
	}
	mustRefuse(t, newVerifier(t), genuine)
}

func TestKeysThatCannotBeHadAreNoRefusal(t *testing.T) {
	v := newVerifier(t, func(o *assertion.Options) { o.Keys = newKeySet(t, &provider{answer: down}) })
	_, err := v.Verify(t.Context(), signed(t, jose.ES256, ecKey(t), object{"typ": "JWT"}, plainClaims()), login.ForSignIn)
	if !errors.Is(err, login.ErrKeysUnavailable) || errors.Is(err, login.ErrRefused) {
		t.Errorf("got %v", err)
	}
	if _, err := v.Verify(t.Context(), hs256(plainHeader().json(t), plainClaims().json(t)), login.ForSignIn); err != nil {
		t.Errorf("the other family suffers: %v", err)
	}
}
