package signature

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
)

// checkDigest holds the body against Content-Digest (RFC 9530). Every digest of
// an algorithm that is known here must fit, and there must be one; the others of
// its registry are broken or reserved.
func checkDigest(h http.Header, body []byte) error {
	text, err := line(h, "Content-Digest")
	if err != nil {
		return err
	}
	digests, isSound := readDigests(text)
	if !isSound {
		return refuse("Content-Digest is not in the canonical form of RFC 9530, or has an algorithm twice")
	}
	checked := 0
	for algorithm, digest := range digests {
		want := digestOf(algorithm, body)
		if want == nil {
			continue
		}
		if subtle.ConstantTimeCompare(digest, want) != 1 {
			return refuse("Content-Digest is not the body's")
		}
		checked++
	}
	if checked == 0 {
		return refuse("Content-Digest has neither sha-256 nor sha-512")
	}
	return nil
}

// readDigests reads a dictionary of byte sequences.
func readDigests(text string) (map[string][]byte, bool) {
	s, digests := scanner{text}, map[string][]byte{}
	for {
		algorithm, isKey := s.key()
		if !isKey || !s.skip("=") {
			return nil, false
		}
		digest, isBytes := s.bytes()
		if _, twice := digests[algorithm]; !isBytes || twice {
			return nil, false
		}
		digests[algorithm] = digest
		if s.atEnd() {
			return digests, true
		}
		if !s.skip(", ") {
			return nil, false
		}
	}
}

func digestOf(algorithm string, body []byte) []byte {
	switch algorithm {
	case "sha-256":
		digest := sha256.Sum256(body)
		return digest[:]
	case "sha-512":
		digest := sha512.Sum512(body)
		return digest[:]
	default:
		return nil
	}
}

// byteSequence writes bytes as scanner reads them.
func byteSequence(b []byte) string { return ":" + base64.StdEncoding.EncodeToString(b) + ":" }
