package mint

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
)

// Secret is one of MINT_SECRET.
type Secret struct {
	Kid    string // its name, which is stored
	Secret []byte // at least 32 bytes
}

const (
	secretLeast    = 32
	passwordBytes  = 32 // 43 characters of base64url; Mattermost takes 72
	derivationInfo = "matterpass managed password v1"
)

// keyring knows the secrets; the first of kids is the current one.
type keyring struct {
	kids    []string
	secrets map[string][]byte
}

func newKeyring(secrets []Secret) (keyring, error) {
	if len(secrets) == 0 {
		return keyring{}, errors.New("MINT_SECRET is needed for managed passwords")
	}
	k := keyring{secrets: map[string][]byte{}}
	for _, s := range secrets {
		switch _, twice := k.secrets[s.Kid]; {
		case s.Kid == "":
			return keyring{}, errors.New("MINT_SECRET has a secret without a name")
		case twice:
			return keyring{}, fmt.Errorf("MINT_SECRET has two secrets named %q", s.Kid)
		case len(s.Secret) < secretLeast:
			return keyring{}, fmt.Errorf("MINT_SECRET %q is shorter than %d bytes", s.Kid, secretLeast)
		}
		k.kids = append(k.kids, s.Kid)
		k.secrets[s.Kid] = append([]byte(nil), s.Secret...)
	}
	return k, nil
}

func (k keyring) current() string { return k.kids[0] }

func (k keyring) knows(kid string) bool { return k.secrets[kid] != nil }

// derive is the password that p describes, by HKDF (RFC 5869) with the server's
// id as the salt. User ids all have one length, so no two accounts and
// generations share an info. The text cannot be wiped, since the ports take
// strings; what it was made of is.
func (k keyring) derive(server string, p Password) (string, error) {
	info := derivationInfo + p.UserID + strconv.Itoa(p.Generation)
	key, err := hkdf.Key(sha256.New, k.secrets[p.Kid], []byte(server), info, passwordBytes)
	if err != nil {
		return "", fmt.Errorf("derive a password: %w", err)
	}
	defer clear(key)
	return base64.RawURLEncoding.EncodeToString(key), nil
}
