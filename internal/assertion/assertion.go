// Package assertion checks the signed statements in which an issuer says who
// somebody is: the ERP's assertions, and an identity provider's ID and logout
// tokens, all of them JSON Web Tokens (RFC 7519) in JWS compact form (RFC 7515).
//
// The cryptography is go-jose's; the policy is ours and follows RFC 8725. It
// knows neither what a statement is good for nor whether it was used before: a
// verified one is a login.Proof, and login spends it.
package assertion

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"matterpass/internal/login"
)

// minSecret is the least length of an HS256 secret in bytes (RFC 7518 section
// 3.2: as long as the hash).
const minSecret = 32

// Options says whose assertions are good. At least one of Secrets and Keys is
// needed; with both, the family of the token's algorithm chooses between them.
type Options struct {
	// Secrets are shared with the ERP, for HS256 only, each of at least 32 bytes.
	// The first one that fits wins; two are there during a rotation.
	Secrets [][]byte
	// Keys holds the ERP's public keys, for every other algorithm.
	Keys *KeySet

	Issuer   string        // what iss must be; required
	Audience string        // what aud must be or contain; "matterpass"
	Leeway   time.Duration // how far the two clocks may be apart; 30 s
	MaxAge   time.Duration // longest time from iat to exp; 5 min
	Now      func() time.Time
}

// Verifier checks the ERP's assertions. It is safe for concurrent use.
type Verifier struct{ o Options }

var _ login.Verifier = (*Verifier)(nil)

// New returns a Verifier, or says what is wrong with its options.
func New(o Options) (*Verifier, error) {
	setDefault(&o.Audience, "matterpass")
	setDefault(&o.Leeway, 30*time.Second)
	setDefault(&o.MaxAge, 5*time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, secret := range o.Secrets {
		if len(secret) < minSecret {
			return nil, fmt.Errorf("a secret for assertions has %d bytes; at least %d are needed", len(secret), minSecret)
		}
	}
	switch {
	case len(o.Secrets) == 0 && o.Keys == nil:
		return nil, errors.New("assertions need a secret or a set of keys")
	case !login.IsIdentifier(o.Issuer):
		return nil, errors.New("assertions need an issuer of 1 to 255 visible characters")
	case o.Leeway < 0 || o.MaxAge < 0:
		return nil, errors.New("the leeway and the greatest age of assertions cannot be negative")
	}
	return &Verifier{o}, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Verify returns what the assertion says if it is genuine, addressed to us,
// fresh and made for this use. The proof's ExpiresAt includes the leeway: at
// that moment the assertion is refused anyway, and its id may be forgotten.
//
// Every refusal is login.ErrRefused and says why without repeating the
// assertion; login.ErrKeysUnavailable means that nobody can tell at the moment.
func (v *Verifier) Verify(ctx context.Context, assertion string, use login.Use) (login.Proof, error) {
	token, err := parse(assertion)
	if err != nil {
		return login.Proof{}, err
	}
	if !token.isOfType(typesFor(use)...) {
		return login.Proof{}, refuse("its typ is not the one for this use")
	}
	payload, err := v.authenticate(ctx, token)
	if err != nil {
		return login.Proof{}, err
	}
	claims, err := decodeClaims(payload)
	if err != nil {
		return login.Proof{}, err
	}
	if err := v.check(claims); err != nil {
		return login.Proof{}, err
	}
	return claims.proof(wayOf(use), v.o.Leeway)
}

// authenticate lets the family of the algorithm choose the secrets or the public
// keys, so that a public key is never taken for a secret (RFC 8725 section 2.1).
func (v *Verifier) authenticate(ctx context.Context, t token) ([]byte, error) {
	switch {
	case t.algorithm == jose.HS256 && len(v.o.Secrets) > 0:
		for _, secret := range v.o.Secrets {
			if payload, ok := t.verify(secret); ok {
				return payload, nil
			}
		}
		return nil, refuse("its signature does not fit the secret")
	case isAsymmetric(t.algorithm) && v.o.Keys != nil:
		return v.o.Keys.verify(ctx, t)
	default:
		return nil, refuse("its alg is not one that is accepted here")
	}
}

func (v *Verifier) check(c claims) error {
	if c.Issuer != v.o.Issuer {
		return refuse("its iss is not the configured issuer")
	}
	if !c.Audience.has(v.o.Audience) {
		return refuse("its aud does not name this service")
	}
	if err := c.checkTimes(v.o.Now(), v.o.Leeway); err != nil {
		return err
	}
	if time.Time(c.Expires).Sub(time.Time(c.Issued)) > v.o.MaxAge {
		return refuse("it lives longer than an assertion may")
	}
	return nil
}

func typesFor(use login.Use) []string {
	if use == login.ForNavigation {
		return []string{"matterpass-nav+jwt"}
	}
	return []string{"matterpass+jwt", "jwt"}
}

func wayOf(use login.Use) string {
	if use == login.ForNavigation {
		return login.ByNavigation
	}
	return login.ByAssertion
}

// refuse says why in words, and never what the token holds.
func refuse(why string) error { return fmt.Errorf("%w: %s", login.ErrRefused, why) }
