package httpapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"matterpass/internal/middleware"
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

// requireKey lets only API keys with the route's scope through, each within its
// own limit.
func (a *API) requireKey(pattern string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key, ok := a.keys.find(bearerOf(r.Header))
			switch {
			case !ok:
				w.Header().Set("WWW-Authenticate", `Bearer realm="matterpass"`)
				a.Fail(w, r, errNoKey)
			case !slices.Contains(key.scopes, scopeOf(pattern)):
				a.Fail(w, r, errKeyScope)
			default:
				middleware.RecordOf(r.Context()).Key = key.id
				if a.limitedKey(w, r, key.id) {
					return
				}
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, key)))
			}
		})
	}
}

func (a *API) limitedKey(w http.ResponseWriter, r *http.Request, id string) bool {
	if a.ProvisionLimit == nil {
		return false
	}
	decision := a.ProvisionLimit(id)
	middleware.SetRateLimit(w.Header(), "key", decision)
	if !decision.OK {
		a.Fail(w, r, errClientLimited)
	}
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
