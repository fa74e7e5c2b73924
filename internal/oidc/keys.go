package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// How long keys are believed.
const (
	keysFresh    = time.Hour        // then they are asked for again
	keysLast     = 24 * time.Hour   // then they are no keys any more
	keysCooldown = 30 * time.Second // between two questions, whatever tokens say
)

// keySet holds a provider's keys. It is a go-oidc KeySet that does not ask again
// for every token with a key id that nobody knows: anybody can send those.
type keySet struct {
	fetch func(context.Context) ([]jose.JSONWebKey, error)
	now   func() time.Time

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time // when keys were new
	tried   time.Time
	why     error
	flight  singleflight.Group
}

func newKeySet(now func() time.Time, fetch func(context.Context) ([]jose.JSONWebKey, error)) *keySet {
	return &keySet{fetch: fetch, now: now}
}

// verify answers the payload of a token that one of the keys signed. Which
// algorithms may be used the caller has checked already.
func (k *keySet) verify(ctx context.Context, token *jose.JSONWebSignature) ([]byte, error) {
	keys, stale := k.current()
	if !stale {
		if payload, ok := verifyWith(keys, token); ok {
			return payload, nil
		}
	}
	keys, err := k.refresh(ctx)
	if err != nil {
		return nil, err
	}
	if payload, ok := verifyWith(keys, token); ok {
		return payload, nil
	}
	return nil, errors.New("no key of the issuer made this signature")
}

func verifyWith(keys []jose.JSONWebKey, token *jose.JSONWebSignature) ([]byte, bool) {
	header := token.Signatures[0].Header
	for _, key := range keys {
		fits := header.KeyID == "" || key.KeyID == header.KeyID
		if !fits || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := token.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

func (k *keySet) current() (keys []jose.JSONWebKey, stale bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys, k.now().Sub(k.fetched) > keysFresh
}

// refresh asks for the keys, unless somebody did a moment ago, and answers the
// newest that are not too old.
func (k *keySet) refresh(ctx context.Context) ([]jose.JSONWebKey, error) {
	asked := k.flight.DoChan("", func() (any, error) { return nil, k.ask(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-asked:
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil || k.now().Sub(k.fetched) > keysLast {
		return nil, fmt.Errorf("%w: keys: %w", ErrUnavailable, k.why)
	}
	return k.keys, nil
}

func (k *keySet) ask(ctx context.Context) error {
	if !k.due() {
		return nil
	}
	keys, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.why = err
	if err == nil {
		k.keys, k.fetched = keys, k.now()
	}
	return err
}

// due begins a cooldown, unless one is under way.
func (k *keySet) due() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now().Sub(k.tried) < keysCooldown {
		return false
	}
	k.tried = k.now()
	return true
}

func (p *provider) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	body, err := p.fetch.get(ctx, m.KeysURL, "")
	if err != nil {
		return nil, err
	}
	return readKeys(body)
}

// readKeys leaves out what is no public key for signatures, RFC 7517 section 5:
// a set may hold kinds that nobody here knows.
func readKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(body, &set) != nil {
		return nil, errors.New("the key set is not JSON of the right form")
	}
	var keys []jose.JSONWebKey
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil && key.IsPublic() && key.Valid() && (key.Use == "" || key.Use == "sig") {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key for signatures")
	}
	return keys, nil
}
