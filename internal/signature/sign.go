package signature

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Key signs requests.
type Key struct {
	ID     string // the id of one of SIGNING_KEYS
	Secret []byte // at least 32 bytes
}

// Sign adds Content-Digest, Signature-Input and Signature to a request that is
// about to be sent with this body, now. It signs once: a request that is sent
// again needs a new nonce.
func Sign(r *http.Request, body []byte, k Key, now time.Time) error {
	if len(k.Secret) < minSecret {
		return fmt.Errorf("a signing key needs at least %d bytes", minSecret)
	}
	in, err := readInput(fmt.Sprintf(`("@method" "@target-uri" "content-digest");created=%d;keyid="%s";nonce="%s";alg="hmac-sha256"`,
		now.Unix(), k.ID, rand.Text()))
	if err != nil {
		return fmt.Errorf("sign a request: %w", err)
	}
	if in.keyID != k.ID {
		return errors.New("the id of a signing key has characters that it cannot have")
	}
	r.Header.Set("Content-Digest", "sha-256="+byteSequence(digestOf("sha-256", body)))
	base, err := in.base(message{method: r.Method, header: r.Header, target: targetOf(r.URL)})
	if err != nil {
		return fmt.Errorf("sign a request: %w", err)
	}
	r.Header.Set("Signature-Input", "sig1="+in.params)
	r.Header.Set("Signature", "sig1="+byteSequence(sum(k.Secret, base)))
	return nil
}
