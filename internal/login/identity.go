package login

import (
	"context"
	"slices"
	"time"

	"matterpass/internal/email"
)

// Identity is the person of whom an assertion, a ticket or an ID token speaks, as
// its issuer knows them.
type Identity struct {
	Issuer, Subject string // together they name the person for good
	Email           email.Address
	EmailVerified   bool   // the issuer vouches for the address
	Name            string // for display; may be empty
	SID             string // the issuer's own session (OpenID Connect's sid); may be empty
	MultiFactor     bool   // the issuer asked for more than one factor (amr, RFC 8176)
}

// Ways of signing in, the words of Outcome.Way.
const (
	ByPassword   = "password"
	ByAssertion  = "assertion"  // a JWT of the ERP
	ByNavigation = "navigation" // the same in a cookie, on the way to a page
	ByTicket     = "ticket"     // a launch ticket
	ByOIDC       = "oidc"       // an ID token of an identity provider
)

// Ways lists every word that Outcome.Way can be.
func Ways() []string {
	return []string{ByPassword, ByAssertion, ByNavigation, ByTicket, ByOIDC}
}

// Proof is a verified statement of an issuer about an identity. It is good for
// one sign-in.
type Proof struct {
	Identity
	Way       string // one of Ways
	ID        string // of the statement, unique for its issuer: jti
	IssuedAt  time.Time
	ExpiresAt time.Time
	// Spend uses the proof up where its issuer keeps count itself, as Once.Spend
	// does; nil for one that is spent by its id.
	Spend func(context.Context) error
}

// Account is what a sign-in without a password has to know of an account.
type Account struct {
	User
	EmailVerified bool // Mattermost counts the address as verified
	Deactivated   bool
	Bot           bool
	Remote        bool   // of another server, through a shared channel
	AuthService   string // empty where Mattermost checks the password itself
	Roles         []string
	MFA           bool // a second factor is active
	Created       time.Time
}

// obstacle names what keeps an account from being signed in without its
// password, "" for nothing: sign-in never reactivates, and never makes a session
// with more rights than an ordinary user's or guest's.
func (a Account) obstacle() string {
	switch {
	case a.Deactivated:
		return "deactivated"
	case a.Bot:
		return "a bot's"
	case a.Remote:
		return "another server's"
	case slices.ContainsFunc(a.Roles, isPrivileged):
		return "privileged"
	}
	return ""
}

func isPrivileged(role string) bool { return role != "system_user" && role != "system_guest" }
