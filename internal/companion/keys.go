package companion

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

const (
	secretLeast = 32 // bytes
	kidBytes    = 4
)

// ErrSecret: a secret is too short, or the one needed is not there.
var ErrSecret = errors.New("want a secret of at least 32 bytes")

// Keys are what both sides derive from the secrets they share. The first one
// signs questions, each is accepted; answers are signed with the question's. The
// zero value has none. Keys never print.
type Keys struct{ list []key }

// key is derived from one secret: a name that gives nothing away, and a key for
// each direction, so that no question can be taken for an answer.
type key struct {
	kid              string
	question, answer []byte
}

// NewKeys derives Keys (RFC 5869) or answers ErrSecret. No secret is no error.
func NewKeys(secrets ...string) (Keys, error) {
	var keys Keys
	for _, secret := range secrets {
		if len(secret) < secretLeast {
			return Keys{}, ErrSecret
		}
		made, err := newKey([]byte(secret))
		if err != nil {
			return Keys{}, err
		}
		keys.list = append(keys.list, made)
	}
	return keys, nil
}

func newKey(secret []byte) (key, error) {
	derive := func(use string, length int) ([]byte, error) {
		return hkdf.Key(sha256.New, secret, nil, "matterpass/companion/v1/"+use, length)
	}
	kid, err1 := derive("kid", kidBytes)
	question, err2 := derive("question", sha256.Size)
	answer, err3 := derive("answer", sha256.Size)
	return key{hex.EncodeToString(kid), question, answer}, errors.Join(err1, err2, err3)
}

// Empty reports that there are none.
func (k Keys) Empty() bool { return len(k.list) == 0 }

// Format implements fmt.Formatter: how many there are, for every verb.
func (k Keys) Format(w fmt.State, _ rune) { _, _ = fmt.Fprintf(w, "[%d keys]", len(k.list)) }

// find returns the key of that name. Names are no secret, so time does not matter.
func (k Keys) find(kid string) (key, bool) {
	for _, known := range k.list {
		if known.kid == kid {
			return known, true
		}
	}
	return key{}, false
}

// mac is HMAC-SHA256 over the parts, each behind its length: no two lists of
// parts are the same bytes.
func mac(with []byte, parts ...string) string {
	h := hmac.New(sha256.New, with)
	for _, part := range parts {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		_, _ = h.Write(length[:])
		_, _ = io.WriteString(h, part)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return string(sum[:])
}
