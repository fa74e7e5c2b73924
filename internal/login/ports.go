package login

import (
	"context"
	"time"

	"matterpass/internal/email"
)

// Use is what an assertion is presented for; each has a type (JWT header typ) of
// its own, so that none can stand in for another.
type Use int

// Uses of assertions.
const (
	ForSignIn     Use = iota // POST /api/mattermost/login
	ForNavigation            // a cookie that is sent with every page
)

// Verifier checks the ERP's assertions.
type Verifier interface {
	// Verify answers an error that is ErrRefused and says why for the log, or
	// ErrKeysUnavailable where the issuer's keys cannot be had.
	Verify(ctx context.Context, assertion string, use Use) (Proof, error)
}

// Once sees to it that a proof is used once, over every instance and restart.
type Once interface {
	// Spend answers ErrSpent where the key was spent before, or was issued before
	// the memory of what is spent begins. Any other error means that nobody knows:
	// the proof must be refused.
	Spend(ctx context.Context, s Spending) error
}

// Spending is one use of something that can be used once.
type Spending struct {
	Key string // who issued it and its id, of any length
	// Owner may spend the same key again; empty: nobody may.
	Owner    string
	IssuedAt time.Time
	Until    time.Time // when it would be refused anyway, with leeway
}

// People finds accounts. Both answer ErrUnknown where there is none.
type People interface {
	AccountByID(ctx context.Context, userID string) (Account, error)
	AccountByEmail(ctx context.Context, address email.Address) (Account, error)
}

// Newcomers makes the account of somebody whom Mattermost does not know, with
// the default team and channels. created is false where another was faster.
type Newcomers interface {
	Create(ctx context.Context, who Identity) (userID string, created bool, err error)
}

// Link says that an issuer's subject is a Mattermost account.
type Link struct {
	Issuer, Subject string
	UserID          string
	By              string // LinkedBySignIn, LinkedByProvision or LinkedByAdmin
	Created         time.Time
}

// How a link came about.
const (
	LinkedBySignIn    = "sign_in"
	LinkedByProvision = "provision"
	LinkedByAdmin     = "admin"
)

// Links remembers who is who.
type Links interface {
	// FindLink answers ErrUnknown where the identity has no account.
	FindLink(ctx context.Context, issuer, subject string) (Link, error)
	// LinksOf lists the links of an account.
	LinksOf(ctx context.Context, userID string) ([]Link, error)
	// AddLink answers ErrConflict where the identity has another account, and where
	// the account has a link already, unless an administrator adds one. To add the
	// same once more is no error.
	AddLink(ctx context.Context, link Link) error
	// RemoveLink answers ErrUnknown where there is none.
	RemoveLink(ctx context.Context, issuer, subject string) error
}

// Origins remembers which accounts Matterpass made itself, and with which
// address: one that was changed since says nothing about its owner.
type Origins interface {
	// Creating notes that an account is about to be made, in case that nothing can
	// be noted afterwards.
	Creating(ctx context.Context, address email.Address) error
	MarkCreated(ctx context.Context, userID string, address email.Address) error
	// IsCreated also answers for an account that came into being within two
	// minutes after Creating.
	IsCreated(ctx context.Context, account Account) (bool, error)
}

// Minter makes a session for an account without its password.
type Minter interface {
	// Mint answers a *Refusal where a second factor is needed or wrong,
	// ErrMintRefused where the account cannot be minted for, ErrMintUnavailable
	// where the way of minting does not answer, or an error of package upstream.
	Mint(ctx context.Context, m Minting) (Session, error)
}

// Minting is one session to be made.
type Minting struct {
	Account     Account
	MultiFactor bool   // the issuer asked for more than one factor
	Code        string // one-time code; empty for none
	Client      Client
}

// Cutter ends what an account had before it was linked: its sessions, and the
// access tokens that would make them anew.
type Cutter interface {
	CutOff(ctx context.Context, userID string) error
}

// Record is what is remembered of a session that was made or seen here.
type Record struct {
	UserID               string
	SessionID            string // Mattermost's own id of it; empty where it is not known
	Issuer, Subject, SID string // empty for a password
	Way                  string // one of Ways; empty for one that was only seen
	Device               string // id of the browser's device value; empty for none
	Created, LastSeen    time.Time
	Expires              time.Time // the zero time where Mattermost does not say
	Ended                time.Time // the zero time while it lives
	EndedBy              string    // EndedByUser and so on; empty while it lives
}

// Who ended a session.
const (
	EndedByUser     = "user"       // signed out on purpose
	EndedEverywhere = "everywhere" // the same, with every other session of the person
	EndedBySwitch   = "switch"     // another one took its place in the browser
	EndedByAge      = "age"        // SESSION_MAX_AGE
	EndedByIdle     = "idle"       // SESSION_IDLE
	EndedByIssuer   = "issuer"     // back-channel logout
	EndedByAdmin    = "admin"      // deactivated, unlinked
	EndedByLoss     = "loss"       // its answer could not be delivered
)

// Records is the memory of sessions. Tokens are stored as a MAC only.
type Records interface {
	// Begin remembers a session; a token that is known already keeps its record.
	Begin(ctx context.Context, token string, r Record) error
	// Find answers ErrUnknown.
	Find(ctx context.Context, token string) (Record, error)
	// Touch notes that the session is in use.
	Touch(ctx context.Context, token string, at time.Time) error
	// Identify adds Mattermost's id of a session, and the person it turned out to be
	// of.
	Identify(ctx context.Context, token, userID, sessionID string) error
	// End notes that a session is over; delivered where Mattermost has confirmed it.
	// Otherwise, known before or not, it is among those that Undelivered returns,
	// until Delivered is called for it.
	End(ctx context.Context, token, by string, delivered bool) error
	// EndOf does so for the live sessions of an identity: of one of the issuer's
	// sessions where sid is not empty, else of the subject's.
	EndOf(ctx context.Context, who Identity, by string) error
	// EndUser does so for the live sessions of an account.
	EndUser(ctx context.Context, userID, by string) error
	// Overdue ends those that are older than maxAge or unused for longer than idle;
	// zero is no bound.
	Overdue(ctx context.Context, now time.Time, maxAge, idle time.Duration) error
	// LastOn is the youngest record in a browser, or ErrUnknown; of the identity,
	// where one is given.
	LastOn(ctx context.Context, device string, who Identity) (Record, error)

	// Undelivered leases at most n revocations that Mattermost has not confirmed,
	// to nobody else for a while. It leaves out the record's identity.
	Undelivered(ctx context.Context, n int) ([]Revocation, error)
	// Delivered forgets the sealed token.
	Delivered(ctx context.Context, id string) error
}

// Revocation is a session that is over here and perhaps not yet at Mattermost.
type Revocation struct {
	ID        string // of the record
	Token     string // empty where it was ended without being at hand
	UserID    string
	SessionID string // empty where it is not known
	By        string
	Tries     int
}

// Revoker ends a session without its token.
type Revoker interface {
	// RevokeSession answers nil also where the session is gone already.
	RevokeSession(ctx context.Context, userID, sessionID string) error
}
