package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// Bounds of a sign-in under way.
const (
	flowLife    = 10 * time.Minute
	maxPending  = 5    // in one browser; each is a cookie
	maxSealed   = 3500 // bytes; browsers keep cookies of up to 4096
	secretBytes = 32   // of state and nonce
	idLength    = 10   // of the state's 43 characters; the rest stays a secret
)

// Modes of a sign-in: identity providers refuse frames, so there are two.
const (
	Popup = "popup" // opened by the shell, to which the outcome is handed back
	Top   = "top"   // the chat in a tab of its own
)

// flow is a sign-in under way. The browser keeps it, sealed: what is not in this
// browser was not begun there (RFC 9700 section 4.7), and no instance has to
// remember it.
type flow struct {
	Provider string    `json:"p"`
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // of PKCE, RFC 7636
	Return   string    `json:"r"`
	Mode     string    `json:"m"`
	Origin   string    `json:"o"`
	Handle   string    `json:"h"`
	Created  time.Time `json:"c"`
}

func (f flow) id() string { return f.State[:idLength] }

// isOver also holds for one that begins in the future: a clock went back, and
// nobody knows how old it is.
func (f flow) isOver(now time.Time) bool {
	age := now.Sub(f.Created)
	return age >= flowLife || age < -time.Minute
}

// random answers a fresh secret of 43 characters of base64url.
func random() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// sealer seals flows with AES-GCM.
type sealer struct{ ring []cipher.AEAD }

func newSealer(keys [][]byte) (*sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("there is no key to seal sign-ins with")
	}
	s := &sealer{}
	for _, key := range keys {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("key to seal sign-ins with: %w", err)
		}
		gcm, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		s.ring = append(s.ring, gcm)
	}
	return s, nil
}

// seal binds the text to its name: one cookie cannot stand in for another.
func (s *sealer) seal(f flow) (string, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	box := s.ring[0].Seal(nil, nil, text, []byte(f.id())) //nolint:gosec // it makes a random nonce of its own
	sealed := base64.RawURLEncoding.EncodeToString(box)
	if len(sealed) > maxSealed {
		return "", errors.New("the sign-in does not fit into a cookie")
	}
	return sealed, nil
}

func (s *sealer) open(id, sealed string) (flow, error) {
	if len(sealed) > maxSealed {
		return flow{}, errors.New("the cookie is too long")
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return flow{}, errors.New("the cookie is not base64url")
	}
	for _, key := range s.ring {
		text, err := key.Open(nil, nil, raw, []byte(id))
		if err != nil {
			continue
		}
		var f flow
		err = json.Unmarshal(text, &f)
		return f, err
	}
	return flow{}, errors.New("the cookie was not sealed here")
}

// surplus names the cookies that have to go before another sign-in begins: what
// cannot be opened or is over, then the oldest.
func (s *sealer) surplus(pending map[string]string, now time.Time) []string {
	var drop []string
	var live []flow
	for id, sealed := range pending {
		f, err := s.open(id, sealed)
		if err != nil || f.isOver(now) {
			drop = append(drop, id)
			continue
		}
		live = append(live, f)
	}
	slices.SortFunc(live, func(a, b flow) int { return a.Created.Compare(b.Created) })
	for len(live) >= maxPending {
		drop = append(drop, live[0].id())
		live = live[1:]
	}
	slices.Sort(drop)
	return drop
}
