package assertion

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"matterpass/internal/login"
)

// KeySetOptions says where an issuer publishes its keys. Only URL is required.
type KeySetOptions struct {
	URL string // of a JWK Set (RFC 7517); https, or http towards a loopback address
	// AllowHTTP accepts http towards any host: for development.
	AllowHTTP bool
	// Client sends the request; its own limits of time and redirects are replaced.
	Client *http.Client

	Fresh    time.Duration // how long a set is used without asking again; 1 h
	MaxStale time.Duration // how long the last good set is used while no newer one can be had; 24 h
	Cooldown time.Duration // least time between two requests; 1 min
	Retry    time.Duration // the same while there is no set at all; 5 s
	Timeout  time.Duration // of a request; 5 s
	Now      func() time.Time
	// Fetched is told how each request went; nil is fine.
	Fetched func(err error)
}

// KeySet is an issuer's public keys, fetched when they are first needed and
// again when they have aged or a token fits none of them, but never more often
// than the cooldown allows: whatever tokens arrive. It is safe for concurrent use.
type KeySet struct {
	o      KeySetOptions
	flight singleflight.Group

	mu      sync.Mutex
	keys    []key
	fetched time.Time // when keys were had
	asked   time.Time // when the last request was sent
}

// NewKeySet checks the options; it asks nobody yet, so that an issuer that is
// away keeps nothing from starting.
func NewKeySet(o KeySetOptions) (*KeySet, error) {
	if err := checkURL(o.URL, o.AllowHTTP); err != nil {
		return nil, err
	}
	setDefault(&o.Fresh, time.Hour)
	setDefault(&o.MaxStale, 24*time.Hour)
	setDefault(&o.Cooldown, time.Minute)
	setDefault(&o.Retry, 5*time.Second)
	setDefault(&o.Timeout, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Fetched == nil {
		o.Fetched = func(error) {}
	}
	o.Client = withoutRedirects(o.Client)
	return &KeySet{o: o}, nil
}

// checkURL never repeats the address: it may hold a password.
func checkURL(address string, allowHTTP bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("the address of the key set is not an absolute URL")
	case u.User != nil || u.Fragment != "":
		return errors.New("the address of the key set has a user or a fragment")
	case u.Scheme == "https", u.Scheme == "http" && (allowHTTP || isLoopback(u.Hostname())):
		return nil
	default:
		return errors.New("the address of the key set is not https")
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Verify returns the payload of a compact JWS that one of the keys signed with
// one of the algorithms. It answers login.ErrRefused, or
// login.ErrKeysUnavailable where no keys can be had. What the payload says, and
// the header's typ, is the caller's to check.
func (k *KeySet) Verify(ctx context.Context, compact string, algorithms ...jose.SignatureAlgorithm) ([]byte, error) {
	t, err := parse(compact)
	if err != nil {
		return nil, err
	}
	return k.verify(ctx, t, algorithms...)
}

func (k *KeySet) verify(ctx context.Context, t token, algorithms ...jose.SignatureAlgorithm) ([]byte, error) {
	if !isAllowed(t.algorithm, algorithms) {
		return nil, refuse("its alg is not one that is accepted here")
	}
	keys, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	if payload, ok := verifyWithAny(t, keys); ok {
		return payload, nil
	}
	// The issuer may have changed its keys, perhaps under the same name.
	renewed := k.refresh(ctx)
	if payload, ok := verifyWithAny(t, renewed); ok {
		return payload, nil
	}
	return nil, refuse("no key of the issuer fits its kid, alg and signature")
}

func verifyWithAny(t token, keys []key) ([]byte, bool) {
	for _, candidate := range keys {
		if !candidate.fits(t) {
			continue
		}
		if payload, ok := t.verify(candidate.public); ok {
			return payload, true
		}
	}
	return nil, false
}

// Ready answers nil while tokens can be verified; it fetches the keys where
// there are none yet.
func (k *KeySet) Ready(ctx context.Context) error {
	_, err := k.current(ctx)
	return err
}

// current returns the keys. An aged set is used on while it is renewed, so that
// nobody waits for an issuer that is slow.
func (k *KeySet) current(ctx context.Context) ([]key, error) {
	keys, age := k.held()
	switch {
	case len(keys) > 0 && age < k.o.Fresh:
		return keys, nil
	case len(keys) > 0 && age < k.o.MaxStale:
		k.start(ctx)
		return keys, nil
	}
	if keys = k.refresh(ctx); len(keys) > 0 {
		return keys, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", login.ErrKeysUnavailable, ctx.Err())
	}
	return nil, login.ErrKeysUnavailable
}

// held returns the keys that may be used, and how old they are.
func (k *KeySet) held() ([]key, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	age := k.o.Now().Sub(k.fetched)
	if age >= k.o.MaxStale {
		return nil, age
	}
	return k.keys, age
}

// refresh waits for a request that is on its way, or for one of its own where
// the cooldown allows one, and returns what may be used then.
func (k *KeySet) refresh(ctx context.Context) []key {
	select {
	case <-k.start(ctx):
	case <-ctx.Done():
	}
	keys, _ := k.held()
	return keys
}

// start lets all callers share one request, which outlives the one that began it.
func (k *KeySet) start(ctx context.Context) <-chan singleflight.Result {
	return k.flight.DoChan("", func() (any, error) {
		if !k.mayAsk() {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.o.Timeout)
		defer cancel()
		keys, err := fetch(ctx, k.o.Client, k.o.URL)
		if err == nil {
			k.mu.Lock()
			k.keys, k.fetched = keys, k.o.Now()
			k.mu.Unlock()
		}
		k.o.Fetched(err)
		return nil, nil
	})
}

// mayAsk takes the turn that the cooldown leaves.
func (k *KeySet) mayAsk() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, pause := k.o.Now(), k.o.Cooldown
	if len(k.keys) == 0 {
		pause = k.o.Retry
	}
	if !k.asked.IsZero() && now.Sub(k.asked) < pause {
		return false
	}
	k.asked = now
	return true
}
