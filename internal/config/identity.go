package config

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
)

// IssuerName is what a token's iss claim must be, exactly.
type IssuerName string

// Decode accepts visible ASCII.
func (n *IssuerName) Decode(text string) error {
	if len(text) > 255 || strings.ContainsFunc(text, isNotVisible) {
		return fault{"is not a name of up to 255 visible ASCII characters", "write exactly what the tokens say in iss, for example https://erp.example.com"}
	}
	*n = IssuerName(text)
	return nil
}

func isNotVisible(r rune) bool { return r <= ' ' || r > unicode.MaxASCII || r == 0x7f }

// Names is a list of names, in the order of another list; repetition is fine.
type Names []string

// Decode reads a comma-separated list.
func (n *Names) Decode(text string) error {
	var errs []error
	list := entries(text)
	for i, entry := range list {
		if entry == "" || len(entry) > 255 || strings.ContainsFunc(entry, isNotVisible) {
			errs = append(errs, fault{nth(i) + " is not a name of 1 to 255 visible ASCII characters", "write the client id as the provider shows it"})
		}
	}
	*n = list
	return errors.Join(errs...)
}

// String is what Decode reads.
func (n Names) String() string { return strings.Join(n, ",") }

// Secrets is a list of secrets, in the order of another list.
type Secrets []Secret

// Decode reads a comma-separated list.
func (s *Secrets) Decode(text string) error {
	var list Secrets
	for _, entry := range entries(text) {
		list = append(list, NewSecret(entry))
	}
	*s = list
	return nil
}

// String masks each.
func (s Secrets) String() string { return join(s, Secret.String) }

// CookieName is the name of a cookie, a token of RFC 9110 section 5.6.2.
type CookieName string

var cookieName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")

// Decode refuses the names of the session's own cookies.
func (n *CookieName) Decode(text string) error {
	switch upper := strings.ToUpper(text); {
	case text == "":
		return nil
	case !cookieName.MatchString(text):
		return fault{shown(text) + " is not a cookie name", "use letters, digits, - and _"}
	case strings.HasPrefix(upper, "MM") || strings.Contains(upper, "MATTERPASS"):
		return fault{shown(text) + " is a name of Mattermost's or ours", "use a name of the ERP's, for example erp_chat"}
	}
	*n = CookieName(text)
	return nil
}

// Mint is the way in which sessions are made without a password.
type Mint string

// The ways.
const (
	MintAuto    Mint = "auto"
	MintPlugin  Mint = "plugin"
	MintManaged Mint = "managed"
)

// Decode takes one of the three.
func (m *Mint) Decode(text string) error { return choose(m, text, MintAuto, MintPlugin, MintManaged) }

// MintMFA says what holds for accounts with a second factor.
type MintMFA string

// The policies.
const (
	MFAAsk      MintMFA = "ask"
	MFATrustIDP MintMFA = "trust-idp"
	MFARefuse   MintMFA = "refuse"
)

// Decode takes one of the three.
func (m *MintMFA) Decode(text string) error { return choose(m, text, MFAAsk, MFATrustIDP, MFARefuse) }

// KeyIssuer says under which issuer the subjects of API keys count.
type KeyIssuer string

// The issuers.
const (
	IssuerOwn KeyIssuer = "own" // the key's id
	IssuerJWT KeyIssuer = "jwt" // JWT_ISSUER
)

// Decode takes one of the two.
func (k *KeyIssuer) Decode(text string) error { return choose(k, text, IssuerOwn, IssuerJWT) }
