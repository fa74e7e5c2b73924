package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net/http"
	"slices"
	"strings"

	"matterpass/internal/middleware"
	"matterpass/internal/signature"
)

// Key is one API key of the ERP's back end. The same ID twice is rotation.
type Key struct {
	ID     string
	Secret string
	Issuer string // of the subjects that it names; empty: its ID
	Scopes []string
}

// keyRing keeps digests only: comparing digests of one length takes the same
// time whatever was sent.
type keyRing []hashedKey

type hashedKey struct {
	id     string
	issuer string
	digest [sha256.Size]byte
	scopes []string
}

type callerKey struct{}

// callerOf is the key of a call that requireKey let through.
func callerOf(ctx context.Context) hashedKey {
	key, _ := ctx.Value(callerKey{}).(hashedKey)
	return key
}

func newKeyRing(keys []Key) keyRing {
	ring := make(keyRing, len(keys))
	for i, k := range keys {
		ring[i] = hashedKey{k.ID, cmp.Or(k.Issuer, k.ID), sha256.Sum256([]byte(k.Secret)), k.Scopes}
	}
	return ring
}

// find looks at every key, also after a match.
func (ring keyRing) find(secret string) (hashedKey, bool) {
	digest := sha256.Sum256([]byte(secret))
	found := -1
	for i, k := range ring {
		if subtle.ConstantTimeCompare(digest[:], k.digest[:]) == 1 {
			found = i
		}
	}
	if found < 0 || secret == "" {
		return hashedKey{}, false
	}
	return ring[found], true
}

// scopeOf names the scope that an address needs.
func scopeOf(pattern string) string {
	return strings.TrimPrefix(pattern, "/api/mattermost/")
}

// Signatures checks signed requests; *signature.Verifier does. Its errors are
// signature.ErrRefused, or what keeps a nonce from being remembered.
type Signatures interface {
	Verify(ctx context.Context, r *http.Request, body []byte) (keyID string, err error)
}

// requireKey lets only API keys with the route's scope through, each within its
// own limit. A signature stands in for sending the key.
func (a *API) requireKey(pattern string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return a.serve(func(w http.ResponseWriter, r *http.Request) error {
			key, err := a.caller(r)
			if err != nil {
				w.Header().Set("WWW-Authenticate", `Bearer realm="matterpass"`)
				return err
			}
			if !slices.Contains(key.scopes, scopeOf(pattern)) {
				return errKeyScope
			}
			middleware.RecordOf(r.Context()).Key = key.id
			if a.limitedKey(w, key.id) {
				return errClientLimited
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, key)))
			return nil
		})
	}
}

// caller finds the key that a request carries or is signed with. Two proofs are
// one too many: nobody knows which of them is meant.
func (a *API) caller(r *http.Request) (hashedKey, error) {
	if signature.IsSigned(r) && len(r.Header.Values("Authorization")) == 0 && a.Signatures != nil {
		return a.signer(r)
	}
	key, ok := a.keys.find(bearerOf(r.Header))
	if !ok || signature.IsSigned(r) {
		return hashedKey{}, errNoKey
	}
	return key, nil
}

// signer reads the whole body, which the signature is about, and leaves it for
// whoever comes next.
func (a *API) signer(r *http.Request) (hashedKey, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return hashedKey{}, bodyError(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	id, err := a.Signatures.Verify(r.Context(), r, body)
	if err != nil {
		return hashedKey{}, err
	}
	return a.signers.named(id)
}

// named finds a key by its id, which a signature has proved. While it rotates, one id
// is two secrets, and which of them signed is not known: what only one of them
// allows, neither does.
func (ring keyRing) named(id string) (hashedKey, error) {
	var found hashedKey
	for _, k := range ring {
		switch {
		case k.id != id:
		case found.id == "":
			found = k
			found.scopes = slices.Clone(k.scopes)
		default:
			found.scopes = slices.DeleteFunc(found.scopes, func(scope string) bool { return !slices.Contains(k.scopes, scope) })
		}
	}
	if found.id == "" {
		return hashedKey{}, errNoKey
	}
	return found, nil
}

func (a *API) limitedKey(w http.ResponseWriter, id string) bool {
	if a.ProvisionLimit == nil {
		return false
	}
	decision := a.ProvisionLimit(id)
	middleware.SetRateLimit(w.Header(), "key", decision)
	return !decision.OK
}

// bearerOf returns the one bearer token of a request, RFC 6750 section 2.1.
func bearerOf(h http.Header) string {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}
