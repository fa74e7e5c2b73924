package assertion

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"time"

	"github.com/go-jose/go-jose/v4"

	"matterpass/internal/login"
)

// minNonce is the least length of a nonce in characters: 128 bits in base64url.
const minNonce = 22

// Binding ties an ID token to the browser and the exchange that it was asked for.
type Binding struct {
	Nonce       string // random, at least 22 characters, used for one request
	AccessToken string // that came with the ID token; empty for none
}

// idClaims are the further claims of an ID token (OpenID Connect Core section 2).
type idClaims struct {
	claims
	AuthorizedParty *string `json:"azp"`
	Nonce           string  `json:"nonce"`
	AccessHash      *string `json:"at_hash"`
}

// VerifyIDToken follows OpenID Connect Core section 3.1.3.7. The proof's ID is
// the nonce: it is ours, and good for one sign-in. Errors are those of
// Verifier.Verify.
func (p *RelyingParty) VerifyIDToken(ctx context.Context, text string, b Binding) (login.Proof, error) {
	t, err := parse(text)
	if err != nil {
		return login.Proof{}, err
	}
	// Providers may leave typ out; another type is another kind of token.
	if !t.isOfType("", "jwt") {
		return login.Proof{}, refuse("its typ is not an ID token's")
	}
	var c idClaims
	if err := p.read(ctx, t, &c); err != nil {
		return login.Proof{}, err
	}
	if err := p.check(c.claims); err != nil {
		return login.Proof{}, err
	}
	if err := c.checkBinding(p.o.ClientID, b, t.algorithm); err != nil {
		return login.Proof{}, err
	}
	who, err := c.identity()
	if err != nil {
		return login.Proof{}, err
	}
	return login.Proof{
		Identity: who, Way: login.ByOIDC, ID: b.Nonce, IssuedAt: time.Time(c.Issued), ExpiresAt: p.end(c.claims),
	}, nil
}

func (c idClaims) checkBinding(clientID string, b Binding, algorithm jose.SignatureAlgorithm) error {
	switch {
	case len(b.Nonce) < minNonce || !isSame(c.Nonce, b.Nonce):
		return refuse("its nonce is not the one of this browser")
	case c.AuthorizedParty == nil && len(c.Audience) > 1:
		return refuse("it has several audiences and no azp")
	case c.AuthorizedParty != nil && *c.AuthorizedParty != clientID:
		return refuse("its azp is another client")
	case c.AccessHash != nil && !isSame(*c.AccessHash, halfHash(algorithm, b.AccessToken)):
		return refuse("its at_hash is not the access token's")
	}
	return nil
}

func isSame(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// halfHash is at_hash (OpenID Connect Core section 3.1.3.6): the left half of the
// hash that the algorithm uses; Ed25519's is SHA-512.
func halfHash(algorithm jose.SignatureAlgorithm, text string) string {
	var hash []byte
	switch algorithm {
	case jose.RS256, jose.PS256, jose.ES256:
		sum := sha256.Sum256([]byte(text))
		hash = sum[:]
	case jose.RS384, jose.PS384, jose.ES384:
		sum := sha512.Sum384([]byte(text))
		hash = sum[:]
	default:
		sum := sha512.Sum512([]byte(text))
		hash = sum[:]
	}
	return base64.RawURLEncoding.EncodeToString(hash[:len(hash)/2])
}
