// Package email holds the one rule for e-mail addresses in this program.
//
// An address names an account, is the key of a limiter and becomes part of a
// URL towards Mattermost. It is therefore accepted only in a form that has one
// spelling: ASCII, no quoting, no comments, no routing. What Mattermost or a
// mail server would also accept, but in two spellings, is refused.
package email

import (
	"errors"
	"strings"
)

// The limits of Mattermost's user table (docs/mattermost.md E2) and of RFC 5321
// section 4.5.3.1.1.
const (
	maxLength = 128
	maxLocal  = 64
	maxLabel  = 63
)

// Errors of Parse, in the order in which they are found.
var (
	ErrEmpty    = errors.New("is empty")
	ErrTooLong  = errors.New("is longer than 128 characters")
	ErrNotASCII = errors.New("has characters other than plain ASCII")
	ErrMalform  = errors.New("is not of the form name@example.com")
)

// Address is a canonical e-mail address: lower case, one spelling per mailbox.
// The zero value names nobody.
type Address string

// Parse returns the canonical form of s, which differs from s at most in case.
// Nothing is trimmed or repaired.
func Parse(s string) (Address, error) {
	switch {
	case s == "":
		return "", ErrEmpty
	case len(s) > maxLength:
		return "", ErrTooLong
	case !isPrintableASCII(s):
		return "", ErrNotASCII
	}
	local, domain, found := strings.Cut(s, "@")
	if !found || !isLocalPart(local) || !isDomain(domain) {
		return "", ErrMalform
	}
	return Address(strings.ToLower(s)), nil
}

// Local is the part before the @.
func (a Address) Local() string {
	local, _, _ := strings.Cut(string(a), "@")
	return local
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isLocalPart accepts a dot-atom of RFC 5322 section 3.2.3 without the
// characters that mean something in a URL path. Two dots in a row are refused
// here for a second reason: Mattermost's client deletes them from an address in
// a URL, which then names another account.
func isLocalPart(s string) bool {
	if len(s) > maxLocal {
		return false
	}
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, isNotAtom) {
			return false
		}
	}
	return true
}

func isNotAtom(r rune) bool {
	return !isAlphanumeric(r) && !strings.ContainsRune("!#$&'*+-=^_{|}~", r)
}

// isDomain accepts two or more host name labels of which the last is not a
// number; so neither "localhost" nor an IP address.
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(labels) > 1 && strings.ContainsFunc(last, isLetter)
}

func isLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '-' && !isAlphanumeric(r) })
}

func isLetter(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func isAlphanumeric(r rune) bool {
	return isLetter(r) || '0' <= r && r <= '9'
}
