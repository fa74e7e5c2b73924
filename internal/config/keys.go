package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const (
	shortestSecret = 32
	longestSecret  = 1024
)

var (
	keyID     = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	keySecret = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)
)

// Key is a secret and the name under which what it made refers to it.
type Key struct {
	ID     string
	Secret Secret
}

// KeyRing is "kid:secret,…": the first key signs, all of them verify.
type KeyRing []Key

// Decode reads the ring. Its errors name entries by position: whatever is in
// one may be part of a secret.
func (r *KeyRing) Decode(text string) error {
	var ring KeyRing
	var errs []error
	seen := make(map[string]bool)
	for i, entry := range entries(text) {
		id, secret, found := strings.Cut(entry, ":")
		switch {
		case !found || !keyID.MatchString(id):
			errs = append(errs, fault{nth(i) + " does not begin with a key id", "write kid:secret with an id of 1 to 32 of a-z, 0-9 and -"})
			continue
		case seen[id]:
			errs = append(errs, fault{nth(i) + " has the id of an earlier one", "give every key an id of its own: what was signed names it"})
		case !isToken(secret):
			errs = append(errs, fault{nth(i) + " has a secret with spaces or special characters", "use visible ASCII, for example the output of: openssl rand -hex 32"})
		}
		errs = append(errs, checkLength(i, secret))
		seen[id] = true
		ring = append(ring, Key{id, NewSecret(secret)})
	}
	*r = ring
	return errors.Join(errs...)
}

// String lists the ids.
func (r KeyRing) String() string {
	return join(r, func(k Key) string { return k.ID + ":" + hidden })
}

// Rotation is a KeyRing in which the ids may be left out: then a digest names the
// secret.
type Rotation struct{ KeyRing }

// Decode reads "secret,…" or "kid:secret,…".
func (r *Rotation) Decode(text string) error {
	list := entries(text)
	for i, entry := range list {
		if !strings.Contains(entry, ":") {
			sum := sha256.Sum256([]byte(entry))
			list[i] = hex.EncodeToString(sum[:4]) + ":" + entry
		}
	}
	return r.KeyRing.Decode(strings.Join(list, ","))
}

// Scope is something an API key allows.
type Scope string

// The scopes of API keys.
const (
	ScopeLaunch     Scope = "launch"     // make launch tickets
	ScopeProvision  Scope = "provision"  // create and update accounts
	ScopeDeactivate Scope = "deactivate" // end accounts and sessions
	ScopeSCIM       Scope = "scim"       // the SCIM endpoints
	ScopeAdmin      Scope = "admin"      // the admin listener beyond loopback
)

// APIKey is one credential of an ERP back end.
type APIKey struct {
	ID     string
	Secret Secret
	Scopes []Scope
}

// Allows reports whether the key has the scope.
func (k APIKey) Allows(s Scope) bool { return slices.Contains(k.Scopes, s) }

// APIKeys is "id:secret[:scope+scope],…". The same id may come twice, with
// another secret: that is a rotation, both are valid.
type APIKeys []APIKey

// Decode reads the keys. Its errors name entries by position: whatever is in one
// may be part of a secret.
func (k *APIKeys) Decode(text string) error {
	var keys APIKeys
	var errs []error
	seen := make(map[string]bool)
	for i, entry := range entries(text) {
		key, err := parseAPIKey(i, entry)
		if secret := key.Secret.Reveal(); err == nil && seen[secret] {
			err = fault{nth(i) + " has the secret of an earlier one", "give every key a secret of its own, during rotation too"}
		} else {
			seen[secret] = true
		}
		errs = append(errs, err)
		keys = append(keys, key)
	}
	*k = keys
	return errors.Join(errs...)
}

// Any reports whether one of the keys has the scope.
func (k APIKeys) Any(s Scope) bool {
	return slices.ContainsFunc(k, func(one APIKey) bool { return one.Allows(s) })
}

// String lists ids and scopes.
func (k APIKeys) String() string {
	return join(k, func(one APIKey) string {
		return one.ID + ":" + hidden + ":" + strings.Join(stringsOf(one.Scopes), "+")
	})
}

func parseAPIKey(i int, entry string) (APIKey, error) {
	id, rest, found := strings.Cut(entry, ":")
	secret, list, scoped := strings.Cut(rest, ":")
	key := APIKey{ID: id, Secret: NewSecret(secret), Scopes: []Scope{ScopeLaunch, ScopeProvision}}
	if !found || !keyID.MatchString(id) {
		return APIKey{}, fault{nth(i) + " does not begin with a key id", "write id:secret with an id of 1 to 32 of a-z, 0-9 and -"}
	}
	if !keySecret.MatchString(secret) {
		return key, fault{nth(i) + " has a secret with other characters than A-Z, a-z, 0-9, _ and -", "use for example the output of: openssl rand -hex 32"}
	}
	if err := checkLength(i, secret); err != nil {
		return key, err
	}
	if scoped {
		var known bool
		if key.Scopes, known = parseScopes(list); !known {
			return key, fault{nth(i) + " has an unknown scope", "use launch, provision, deactivate, scim and admin, joined by +"}
		}
	}
	return key, nil
}

func parseScopes(list string) ([]Scope, bool) {
	var scopes []Scope
	for name := range strings.SplitSeq(list, "+") {
		switch s := Scope(name); s {
		case ScopeLaunch, ScopeProvision, ScopeDeactivate, ScopeSCIM, ScopeAdmin:
			scopes = append(scopes, s)
		default:
			return nil, false
		}
	}
	return scopes, true
}

func checkLength(i int, secret string) error {
	switch n := len(secret); {
	case n < shortestSecret:
		return fault{fmt.Sprintf("%s has a secret that is too short (%d characters)", nth(i), n), "use at least 32, for example the output of: openssl rand -hex 32"}
	case n > longestSecret:
		return fault{fmt.Sprintf("%s has a secret that is too long (%d characters)", nth(i), n), "use 32 to 1024, for example the output of: openssl rand -hex 32"}
	}
	return nil
}

func nth(i int) string { return fmt.Sprintf("entry %d", i+1) }

// entries splits a comma-separated list; "" has none.
func entries(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	list := strings.Split(text, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

func join[T any](list []T, text func(T) string) string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = text(one)
	}
	return strings.Join(texts, ",")
}

func stringsOf[T ~string](list []T) []string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = string(one)
	}
	return texts
}
