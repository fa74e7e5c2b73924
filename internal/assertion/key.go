package assertion

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxKeys bounds what a token can make us try; issuers publish two to five.
	maxKeys = 64
	// An RSA key below 2048 bits is too weak (RFC 7518 section 3.3); one beyond
	// 8192 costs more to use than a signature is worth.
	minRSA, maxRSA = 2048, 8192
)

// key is a public key and the algorithms that it may be used with.
type key struct {
	id         string
	public     any
	algorithms []jose.SignatureAlgorithm
}

// fits compares by the key's own algorithm: the token's only says which it wants.
func (k key) fits(t token) bool {
	return slices.Contains(k.algorithms, t.algorithm) && (t.keyID == "" || t.keyID == k.id)
}

// usage is what a JWK says of itself (RFC 7517 section 4).
type usage struct {
	ID         string   `json:"kid"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
}

// parseKeys reads a JWK Set. A key that cannot be used for verifying is left out,
// as RFC 7517 section 5 asks; a set without any other is an error.
func parseKeys(body []byte) ([]key, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("the key set is not sound JSON")
	}
	if len(set.Keys) > maxKeys {
		return nil, errors.New("the key set has more than 64 keys")
	}
	var keys []key
	for _, text := range set.Keys {
		if k, ok := parseKey(text); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key that verifies signatures")
	}
	return keys, nil
}

func parseKey(text jsontext.Value) (key, bool) {
	var u usage
	if err := json.Unmarshal(text, &u); err != nil || !u.verifies() {
		return key{}, false
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(text); err != nil || !jwk.Valid() {
		return key{}, false
	}
	k := key{id: u.ID, public: jwk.Key, algorithms: algorithmsOf(jwk.Key)}
	if u.Algorithm != "" {
		k.algorithms = only(k.algorithms, jose.SignatureAlgorithm(u.Algorithm))
	}
	return k, len(k.algorithms) > 0
}

func (u usage) verifies() bool {
	return (u.Use == "" || u.Use == "sig") && (u.Operations == nil || slices.Contains(u.Operations, "verify"))
}

// algorithmsOf fixes the algorithms by the kind of key (RFC 8725 section 3.1).
// Shared secrets have none, nor have private keys: whoever publishes one has
// nothing left to prove with it.
func algorithmsOf(public any) []jose.SignatureAlgorithm {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if size := public.N.BitLen(); size >= minRSA && size <= maxRSA {
			return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}
		}
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return []jose.SignatureAlgorithm{jose.ES256}
		case elliptic.P384():
			return []jose.SignatureAlgorithm{jose.ES384}
		case elliptic.P521():
			return []jose.SignatureAlgorithm{jose.ES512}
		}
	case ed25519.PublicKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}
	}
	return nil
}

func only(all []jose.SignatureAlgorithm, one jose.SignatureAlgorithm) []jose.SignatureAlgorithm {
	if slices.Contains(all, one) {
		return []jose.SignatureAlgorithm{one}
	}
	return nil
}

// isAsymmetric knows every algorithm that a key of a set can have.
func isAsymmetric(algorithm jose.SignatureAlgorithm) bool {
	switch algorithm {
	case jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA:
		return true
	default:
		return false
	}
}

// isAllowed takes no list for every asymmetric algorithm.
func isAllowed(algorithm jose.SignatureAlgorithm, list []jose.SignatureAlgorithm) bool {
	return isAsymmetric(algorithm) && (len(list) == 0 || slices.Contains(list, algorithm))
}
