package limit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// Key names a bucket or a count without saying whose it is.
type Key [16]byte

// maxKept bounds the memory that one long part leaves in the pool, in bytes.
const maxKept = 1 << 10

// Hasher makes keys: HMAC-SHA256 (RFC 2104), cut to 16 bytes. Without the
// secret nobody can tell whose key it is or find two inputs that meet in one.
// It is safe for concurrent use and may be copied.
type Hasher struct{ states *sync.Pool }

type hashState struct {
	mac hash.Hash
	in  []byte
	sum [sha256.Size]byte
}

// NewHasher returns a hasher that keeps its own copy of secret.
func NewHasher(secret []byte) Hasher {
	own := append([]byte(nil), secret...)
	return Hasher{states: &sync.Pool{New: func() any {
		return &hashState{mac: hmac.New(sha256.New, own)}
	}}}
}

// Key is the key of parts in the domain that label names. Every part goes in
// with its length, so that ("a", "bc") and ("ab", "c") never meet.
func (h Hasher) Key(label string, parts ...string) Key {
	st := h.states.Get().(*hashState)
	defer h.states.Put(st)
	st.in = appendPart(st.in[:0], label)
	for _, part := range parts {
		st.in = appendPart(st.in, part)
	}
	st.mac.Reset()
	st.mac.Write(st.in)
	key := Key(st.mac.Sum(st.sum[:0])[:len(Key{})])
	if cap(st.in) > maxKept {
		st.in = nil
	}
	return key
}

func appendPart(b []byte, part string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}
