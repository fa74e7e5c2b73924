package login

import (
	"regexp"
	"strings"

	"matterpass/internal/email"
)

// Kind is the way in which an account is named.
type Kind int

// The three ways that Mattermost accepts at sign-in (docs/mattermost.md A2).
const (
	ByEmail Kind = iota
	ByUsername
	ByID
)

// Name names an account at sign-in, in its one canonical spelling.
type Name struct {
	Kind  Kind
	Value string
}

var usernameForm = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)

// isID reports whether s has the form of Mattermost's ids and tokens. The gateway
// asks of every request.
func isID(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(s) == 26
}

// EmailName names an account by its address.
func EmailName(s string) (Name, error) {
	address, err := email.Parse(s)
	if err != nil {
		return Name{}, &Invalid{Field: "email", Want: err.Error()}
	}
	return Name{ByEmail, string(address)}, nil
}

// LoginName reads Mattermost's login_id: an address or a username, in any case.
// A username with two dots in a row is refused although Mattermost knows such:
// its client would ask for another account (docs/dependencies.md).
func LoginName(s string) (Name, error) {
	if strings.Contains(s, "@") {
		return EmailName(s)
	}
	lower := strings.ToLower(s)
	if len(lower) != len(s) || !usernameForm.MatchString(lower) || strings.Contains(lower, "..") || strings.Trim(lower, ".") == "" {
		return Name{}, &Invalid{Field: "login_id", Want: "is neither an e-mail address nor a username"}
	}
	return Name{ByUsername, lower}, nil
}

// IDName names an account by Mattermost's user id.
func IDName(s string) (Name, error) {
	if !isID(s) {
		return Name{}, &Invalid{Field: "id", Want: "is not a user id"}
	}
	return Name{ByID, s}, nil
}

// key keeps an unknown username apart from an address in the limiter.
func (n Name) key() string {
	switch n.Kind {
	case ByUsername:
		return "username:" + n.Value
	case ByID:
		return "id:" + n.Value
	default:
		return n.Value
	}
}
