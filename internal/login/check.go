package login

import (
	"unicode"
	"unicode/utf8"

	"matterpass/internal/email"
)

// The longest names of an identity: OpenID Connect Core section 2 bounds sub, and
// a display name has to fit Mattermost's two name fields (docs/mattermost.md E2).
const (
	maxIdentifier = 255 // bytes
	maxName       = 128 // characters
)

// Check answers an *Invalid where an identity could not name one person in one
// spelling. It says nothing about who the issuer is.
func (who Identity) Check() error {
	address, err := email.Parse(string(who.Email))
	switch {
	case !IsIdentifier(who.Issuer):
		return &Invalid{Field: "issuer", Want: identifierForm}
	case !IsIdentifier(who.Subject):
		return &Invalid{Field: "subject", Want: identifierForm}
	case err != nil:
		return &Invalid{Field: "email", Want: err.Error()}
	case address != who.Email:
		return &Invalid{Field: "email", Want: "is not in lower case"}
	case !isDisplayName(who.Name):
		return &Invalid{Field: "name", Want: "is not at most 128 printable characters"}
	case who.SID != "" && !IsIdentifier(who.SID):
		return &Invalid{Field: "sid", Want: identifierForm}
	}
	return nil
}

const identifierForm = "is not 1 to 255 visible ASCII characters"

// IsIdentifier says whether s can be an issuer, a subject, a session or a
// statement of an issuer: 1 to 255 visible ASCII characters, which every
// database compares alike.
func IsIdentifier(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxIdentifier
}

func isDisplayName(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxName
}
