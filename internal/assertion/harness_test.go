package assertion_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"matterpass/internal/assertion"
)

const (
	issuer = "https://erp.example.com"
	secret = "0123456789abcdef0123456789abcdef"
)

var now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// object is a JSON object whose members a case can change.
type object map[string]any

func plainHeader() object { return object{"alg": "HS256", "typ": "matterpass+jwt"} }

func plainClaims() object {
	return object{
		"iss": issuer, "aud": "matterpass", "sub": "4711", "jti": "j-1", "email": "dana@erp.test",
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
}

func (o object) with(changes object) object {
	changed := maps.Clone(o)
	for name, value := range changes {
		if value == nil {
			delete(changed, name)
			continue
		}
		changed[name] = value
	}
	return changed
}

func (o object) json(t testing.TB) string {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hs256 signs whatever it is given, sound or not.
func hs256(header, payload string) string {
	return hs256With([]byte(secret), header, payload)
}

func hs256With(key []byte, header, payload string) string {
	input := encode(header) + "." + encode(payload)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(input))
	return input + "." + encode(string(mac.Sum(nil)))
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// signed lets go-jose sign with a private key.
func signed(t testing.TB, algorithm jose.SignatureAlgorithm, private any, header, payload object) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	for name, value := range header {
		options.ExtraHeaders[jose.HeaderKey(name)] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: private}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(payload.json(t)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newVerifier(t testing.TB, change ...func(*assertion.Options)) *assertion.Verifier {
	t.Helper()
	o := assertion.Options{Secrets: [][]byte{[]byte(secret)}, Issuer: issuer, Now: clock}
	for _, c := range change {
		c(&o)
	}
	v, err := assertion.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// tamper changes the first character of one of the three parts.
func tamper(token string, part int) string {
	parts := strings.Split(token, ".")
	first := parts[part][0]
	replacement := byte('A')
	if first == 'A' {
		replacement = 'B'
	}
	parts[part] = string(replacement) + parts[part][1:]
	return strings.Join(parts, ".")
}

// respell sets the bits that base64url leaves over at the end of a part.
func respell(t testing.TB, token string, part int) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	parts := strings.Split(token, ".")
	text := parts[part]
	if len(text)%4 == 0 {
		t.Fatal("this part has no bits left over")
	}
	last := strings.IndexByte(alphabet, text[len(text)-1])
	parts[part] = text[:len(text)-1] + string(alphabet[last|1])
	return strings.Join(parts, ".")
}
