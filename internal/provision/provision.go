// Package provision brings one Mattermost account in line with what the ERP says
// about its person: the account exists, its names are these, it is a member of
// these teams and channels. Doing so twice changes nothing, and doing so from
// several places at once ends with one account.
//
// It never touches an account that is not plainly such a person's: deactivated,
// privileged, a bot, remote, or signed in to elsewhere. It knows neither HTTP nor
// Mattermost's API; what it needs of them it declares as ports.
package provision

import (
	"context"
	"time"

	"matterpass/internal/email"
)

// Request is what the ERP says about one person. A nil field stays as it is; an
// empty one is emptied.
type Request struct {
	Email string
	// EmailVerified vouches for the address of a new account. The API does not: an
	// address that counts as verified links identities. Where Mattermost requires
	// verified addresses (docs/mattermost.md A9), an account without goes by nobody's
	// password until its person has followed a link in a mail.
	EmailVerified bool
	Issuer        string // in whose words Subject is; the caller's own
	Subject       string // the ERP's own id for the person; empty: they are not linked
	Username      *string
	FirstName     *string
	LastName      *string
	Nickname      *string
	Locale        *string
	// Password is for an account that does not exist yet; empty: a random one
	// that nobody learns.
	Password string
	// Teams to be a member of; nil: the configured ones. Nobody is removed.
	Teams []Team
}

// Team is a team by the name in its URL, and channels of it likewise.
type Team struct {
	Name     string
	Channels []string
}

// Result is the account as it is now.
type Result struct {
	UserID   string
	Username string
	Created  bool
	Changed  []string // names of fields, in the order of Request; never nil
	Teams    []string // names of the teams asked for; never nil
}

// Outcome is how a request ended, for metrics, log and audit trail. Identical
// requests that run at the same time are one.
type Outcome struct {
	Result  string // a word of Results
	Email   string // as named by the ERP; not canonical where it is invalid
	Subject string
	UserID  string // empty where no account was found or made
	Created bool
	Changed []string
	Took    time.Duration
}

// Results lists every word that Outcome.Result can be.
func Results() []string {
	return []string{"created", "updated", "unchanged", "incomplete", "invalid", "conflict", "seat_limit", "throttled", "admin_token", "unavailable", "timeout", "failed"}
}

// Profile is the part of an account that the ERP may decide.
type Profile struct {
	Username, FirstName, LastName, Nickname, Locale string
}

// Account is an account as the directory has it.
type Account struct {
	ID    string
	Email email.Address
	Profile
	Deactivated bool
	Bot         bool
	Remote      bool // of another server, through a shared channel
	Made        time.Time
	AuthService string // empty where Mattermost checks the password itself
	Roles       []string
}

// NewAccount is an account to be made.
type NewAccount struct {
	Email    email.Address
	Password string
	Verified bool // the address counts as verified
	Profile
}

// Change is a new value of one field of a Profile.
type Change struct{ Field, Value string }

// Accounts finds and keeps accounts. Beside the errors named here its methods
// answer those of package upstream, and *Invalid where Mattermost refuses a value.
type Accounts interface {
	// ByEmail answers the account with exactly this address, or ErrUnknown.
	ByEmail(ctx context.Context, address email.Address) (Account, error)
	// Create answers ErrEmailTaken, ErrUsernameTaken or ErrSeatLimit. Both of the
	// first may be true; either may then be answered.
	Create(ctx context.Context, account NewAccount) (Account, error)
	// Update changes these fields and no others; it answers ErrUsernameTaken.
	Update(ctx context.Context, id string, changes []Change) (Account, error)
}

// Places finds teams and channels by the name in their URL. It answers ErrUnknown
// for what does not exist or is archived.
type Places interface {
	TeamID(ctx context.Context, name string) (string, error)
	ChannelID(ctx context.Context, teamID, name string) (string, error)
}

// Memberships makes members; it is no error to be one already.
type Memberships interface {
	// JoinTeam answers ErrSeatLimit where the team is full.
	JoinTeam(ctx context.Context, teamID, userID string) error
	JoinChannel(ctx context.Context, channelID, userID string) error
}

// Memory remembers which accounts were made here, and whose they are.
type Memory interface {
	// Creating notes that an account is about to be made, Created that it was.
	Creating(ctx context.Context, address email.Address) error
	Created(ctx context.Context, userID string, address email.Address) error
	// Link says whose an account is, if it was made here: any other becomes
	// somebody's when they sign in. It answers ErrConflict where the person has
	// another account, or the account another person.
	Link(ctx context.Context, issuer, subject string, account Account) error
	// IsLinked reports that the person has an account.
	IsLinked(ctx context.Context, issuer, subject string) (bool, error)
}

// Directory is Mattermost as this package needs it.
type Directory interface {
	Accounts
	Places
	Memberships
}
