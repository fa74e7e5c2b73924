// Package signature signs requests of an ERP's back end, and checks them: HTTP
// Message Signatures (RFC 9421) with HMAC-SHA256 over method, target and the
// digest of the body (RFC 9530), each good once and for a minute.
//
// It knows neither what a key may do nor how a nonce is remembered. A handler
// that takes signed requests reads the whole body first, under its size limit;
// calls Verify with it in place of looking up a bearer key; answers ErrRefused
// like a wrong key, and an error of Nonces by what it is; and goes on with the
// scopes of the key id that it got.
package signature

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// ErrRefused says that a request is not signed as it must be. What wraps it says
// why, for the log and for development, and repeats nothing of the request.
var ErrRefused = errors.New("the signature was refused")

// minSecret is the least length of a secret in bytes: as long as the hash
// (RFC 9421 section 7.3.3 asks for a key that cannot be guessed).
const minSecret = 32

// Use is the one use of a nonce.
type Use struct {
	Key     string // who signed, and the nonce; at most 300 bytes
	Created time.Time
	Until   time.Time // when the request would be refused anyway, on any clock
}

// Options wires a Verifier. All but MaxAge and Now are required.
type Options struct {
	// Keys returns the secrets of a key id, several during a rotation, none for an
	// id that it does not know. Those shorter than 32 bytes are never used.
	Keys func(id string) [][]byte
	// PublicURL is the origin that callers must have meant, whatever host and
	// scheme the last proxy used.
	PublicURL string
	// Nonces answers nil to the first use of a nonce only, over every instance and
	// restart. Its errors are passed on.
	Nonces func(context.Context, Use) error

	MaxAge time.Duration // how far created may be from now, either way; 60 s
	Now    func() time.Time
}

// Verifier checks signed requests. It is safe for concurrent use.
type Verifier struct {
	o      Options
	origin *url.URL
}

// New returns a Verifier, or says what is wrong with its options.
func New(o Options) (*Verifier, error) {
	if o.MaxAge == 0 {
		o.MaxAge = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	origin, err := url.Parse(o.PublicURL)
	switch {
	case err != nil || origin.Host == "":
		return nil, errors.New("signed requests need the public URL")
	case o.Keys == nil || o.Nonces == nil:
		return nil, errors.New("signed requests need keys and a memory of nonces")
	case o.MaxAge < 0:
		return nil, errors.New("the greatest age of signed requests cannot be negative")
	}
	return &Verifier{o, origin}, nil
}

// IsSigned says whether a request carries a signature, good or bad.
func IsSigned(r *http.Request) bool {
	return len(r.Header.Values("Signature")) > 0 || len(r.Header.Values("Signature-Input")) > 0
}

// Verify returns the id of the key that signed the request with this body, and
// uses up the nonce. The nonce is the last thing that is looked at, so that
// nobody without a key can use one up.
func (v *Verifier) Verify(ctx context.Context, r *http.Request, body []byte) (keyID string, err error) {
	in, err := parseInput(r.Header)
	if err != nil {
		return "", err
	}
	if err := in.checkCoverage(); err != nil {
		return "", err
	}
	if err := in.checkTimes(v.o.Now(), v.o.MaxAge); err != nil {
		return "", err
	}
	if err := checkDigest(r.Header, body); err != nil {
		return "", err
	}
	base, err := in.base(message{method: r.Method, header: r.Header, target: v.target(r)})
	if err != nil {
		return "", err
	}
	if !isSignedWithOne(v.o.Keys(in.keyID), base, in.signature) {
		return "", refuse("no key of that id made it; the other side may have signed another address or header")
	}
	return in.keyID, v.useUp(ctx, in)
}

// target is the request's own path and query at our own origin: what was signed
// must be what is routed.
func (v *Verifier) target(r *http.Request) target {
	at := *r.URL
	at.Scheme, at.Host = v.origin.Scheme, v.origin.Host
	return targetOf(&at)
}

func isSignedWithOne(secrets [][]byte, base string, signature []byte) bool {
	for _, secret := range secrets {
		if len(secret) >= minSecret && hmac.Equal(sum(secret, base), signature) {
			return true
		}
	}
	return false
}

func sum(secret []byte, base string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(base))
	return mac.Sum(nil)
}

func (v *Verifier) useUp(ctx context.Context, in input) error {
	// Instances' clocks may be apart by as much as the caller's may.
	use := Use{Key: in.keyID + ":" + in.nonce, Created: in.created, Until: in.created.Add(2 * v.o.MaxAge)}
	if err := v.o.Nonces(ctx, use); err != nil {
		return fmt.Errorf("use up a nonce: %w", err)
	}
	return nil
}

func refuse(why string) error { return fmt.Errorf("%w: %s", ErrRefused, why) }
