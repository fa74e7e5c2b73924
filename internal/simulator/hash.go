package simulator

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
)

// hash is a password that was handed over as Mattermost stores it, in the PHC string format (F3, I4). One that
// cannot be read matches nothing.
type hash struct {
	work, length int
	salt, key    []byte
}

// mostWork is Mattermost's own number of rounds; nobody needs more of the simulator.
const mostWork = 600_000

func readHash(text string) *hash {
	parts := strings.Split(text, "$")
	if len(parts) != 5 || parts[0] != "" || parts[1] != "pbkdf2" {
		return &hash{}
	}
	h := &hash{}
	if _, err := fmt.Sscanf(parts[2], "f=SHA256,w=%d,l=%d", &h.work, &h.length); err != nil {
		return &hash{}
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[3])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[4])
	if err1 != nil || err2 != nil || len(key) != h.length || h.work < 1 || h.work > mostWork {
		return &hash{}
	}
	h.salt, h.key = salt, key
	return h
}

func (h *hash) matches(password string) bool {
	if len(h.key) == 0 {
		return false
	}
	key, err := pbkdf2.Key(sha256.New, password, h.salt, h.work, h.length)
	return err == nil && subtle.ConstantTimeCompare(key, h.key) == 1
}
