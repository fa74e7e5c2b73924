package assertion

import (
	"encoding/base64"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxToken is the longest token that is looked at, in bytes: what fits a request
// header of most servers.
const maxToken = 8 << 10

// token is a JWS in compact form whose header was found to be plain.
type token struct {
	text      string
	algorithm jose.SignatureAlgorithm
	keyID     string
	kind      string // typ without application/, in lower case
}

// header is the whole of what we read of a JOSE header. What would name a key, a
// place to fetch one from, an extension or an encryption is only looked for: a
// header is written by whoever sends it.
type header struct {
	Algorithm string         `json:"alg"`
	KeyID     string         `json:"kid"`
	Type      string         `json:"typ"`
	Content   jsontext.Value `json:"cty"`
	Critical  jsontext.Value `json:"crit"`
	Key       jsontext.Value `json:"jwk"`
	KeyURL    jsontext.Value `json:"jku"`
	CertURL   jsontext.Value `json:"x5u"`
	Certs     jsontext.Value `json:"x5c"`
	Encrypted jsontext.Value `json:"enc"`
	Zipped    jsontext.Value `json:"zip"`
	Encoded   jsontext.Value `json:"b64"`
}

// parse reads a compact JWS without checking its signature. The JSON forms of
// RFC 7515 section 7.2, JWE, white space and non-canonical base64url are refused.
func parse(text string) (token, error) {
	if len(text) > maxToken {
		return token{}, refuse("it is longer than 8 KiB")
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return token{}, refuse("it is not a JWS in compact form")
	}
	var first []byte
	for i, part := range parts {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
		// The decoder skips line breaks.
		if err != nil || len(decoded) == 0 || strings.ContainsAny(part, "\r\n") {
			return token{}, refuse("it is not a signed JWS in compact form")
		}
		if i == 0 {
			first = decoded
		}
	}
	return parseHeader(text, first)
}

func parseHeader(text string, encoded []byte) (token, error) {
	if jsontext.Value(encoded).Kind() != '{' {
		return token{}, refuse("its header is not a JSON object")
	}
	var h header
	if err := json.Unmarshal(encoded, &h); err != nil {
		return token{}, refuse("its header is not sound JSON, or has a key twice")
	}
	if h.isElaborate() {
		return token{}, refuse("its header asks for more than a plain signature: crit, cty, jwk, jku, x5u, x5c, enc, zip or b64")
	}
	return token{
		text:      text,
		algorithm: jose.SignatureAlgorithm(h.Algorithm),
		keyID:     h.KeyID,
		kind:      strings.TrimPrefix(strings.ToLower(h.Type), "application/"),
	}, nil
}

func (h header) isElaborate() bool {
	for _, member := range []jsontext.Value{
		h.Content, h.Critical, h.Key, h.KeyURL, h.CertURL, h.Certs, h.Encrypted, h.Zipped, h.Encoded,
	} {
		if len(member) > 0 {
			return true
		}
	}
	return false
}

// isOfType compares media types as RFC 7515 section 4.1.9 has it: without regard
// to case, with or without application/.
func (t token) isOfType(types ...string) bool {
	for _, want := range types {
		if t.kind == want {
			return true
		}
	}
	return false
}

// verify checks the signature with one key, whose kind the caller has matched
// to the algorithm.
func (t token) verify(key any) (payload []byte, ok bool) {
	signed, err := jose.ParseSignedCompact(t.text, []jose.SignatureAlgorithm{t.algorithm})
	if err != nil {
		return nil, false
	}
	payload, err = signed.Verify(key)
	return payload, err == nil
}
