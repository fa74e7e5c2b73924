package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
)

// ring is Options.Keys, made ready: a key each for MACs and for sealing.
type ring []ringKey

type ringKey struct {
	id   string
	mac  []byte
	aead cipher.AEAD
}

func newRing(keys []Key) ring {
	r := make(ring, len(keys))
	for i, k := range keys {
		r[i] = ringKey{id: k.ID, mac: sum(k.Secret, "mac"), aead: newAEAD(sum(k.Secret, "seal"))}
	}
	return r
}

// newAEAD picks a random nonce for each message: with AES-256-GCM good for 2³²
// messages of one key (NIST SP 800-38D, 8.3).
func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for a key of another length
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only for a block cipher that is not AES
	}
	return aead
}

// sum is HMAC-SHA256 of parts, each with its length, so that no two lists meet.
func sum(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// mac is what is written for a value; what says which kind of value it is.
func (r ring) mac(what, value string) []byte { return sum(r[0].mac, what, value) }

// macs are all that may have been written for a value, the present one first.
func (r ring) macs(what, value string) [][]byte {
	list := make([][]byte, len(r))
	for i, k := range r {
		list[i] = sum(k.mac, what, value)
	}
	return list
}

// anyOf are macs as arguments of a statement.
func (r ring) anyOf(what, value string) []any {
	list := make([]any, len(r))
	for i, m := range r.macs(what, value) {
		list[i] = m
	}
	return list
}

// isMac tells whether written is a MAC of value under any key.
func (r ring) isMac(written []byte, what, value string) bool {
	return slices.ContainsFunc(r.macs(what, value), func(m []byte) bool { return hmac.Equal(m, written) })
}

// seal encrypts text for the row that is known by at, and names the key.
func (r ring) seal(text, at []byte) (sealed []byte, by string) {
	return r[0].aead.Seal(nil, nil, text, at), r[0].id //nolint:gosec // no nonce is given: the AEAD makes one
}

var errSealed = errors.New("sealed with a key that is gone, or not by us")

// open is the way back from seal.
func (r ring) open(sealed, at []byte, by string) ([]byte, error) {
	for _, k := range r {
		if k.id == by {
			text, err := k.aead.Open(nil, nil, sealed, at)
			if err != nil {
				return nil, errSealed
			}
			return text, nil
		}
	}
	return nil, errSealed
}

// inOrder sorts MACs, so that two that write the same ones never wait for each other.
func inOrder(macs [][]byte) [][]byte {
	slices.SortFunc(macs, bytes.Compare)
	return macs
}
