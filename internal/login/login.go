// Package login decides who may have a Mattermost session and how it is come
// by. It holds the limits on guessing, the pacing towards Mattermost, and the
// rule that refusals of every kind look and take alike.
//
// It knows neither HTTP nor cookies nor Mattermost's API: what it needs of them
// it declares as ports, and cmd wires them.
package login

import (
	"context"
	"net/netip"
	"time"

	"matterpass/internal/email"
)

// User is a Mattermost account as far as a signed-in browser may know it.
type User struct {
	ID       string // 26 characters of [a-z0-9]
	Username string
	Email    email.Address
}

// Session is a session that Mattermost holds for a user.
type Session struct {
	User      User
	ID        string    // Mattermost's own id of it; empty where it is not known
	Token     string    // the value of MMAUTHTOKEN, 26 characters of [a-z0-9]
	CSRF      string    // the session's real CSRF value, the same shape
	ExpiresAt time.Time // the zero time where Mattermost does not say
	// Profile is the account as Mattermost's API renders it (JSON), for its own
	// web app; nil where nobody needs it.
	Profile []byte
	// Device is the new value of the browser's device cookie; empty for none.
	Device string
	// Switched: somebody else used this browser before.
	Switched bool
}

// Client is where a request came from.
type Client struct {
	Addr      netip.Addr // the person's address, not a proxy's
	UserAgent string     // shown in Mattermost's list of sessions
}

// Decision is the answer of a limiter.
type Decision struct {
	OK         bool
	Limit      int           // tokens of a full bucket
	Remaining  int           // tokens left
	RetryAfter time.Duration // when the next token comes; > 0 if not OK
	Reset      time.Duration // when the bucket is full again
	Per        time.Duration // time in which an empty bucket fills
}

// Outcome is how a sign-in ended, for metrics, log and audit trail.
type Outcome struct {
	Way     string // a word of Ways
	Result  string // a word of Results
	Reason  string // Mattermost's error id behind a refusal; for the log alone
	Account string // as named by the client; not canonical for the unknown
	Issuer  string // of the proof; empty for a password
	UserID  string // empty unless signed in
	Client  Client
	Took    time.Duration // without the time that a refusal is held back
}

// Results lists every word that Outcome.Result can be.
func Results() []string {
	return []string{"signed_in", "refused", "mfa_required", "limited", "guarded", "busy", "throttled", "spent", "conflict", "not_provisioned", "seat_limit", "mint_refused", "mint_unavailable", "keys_unavailable", "store_unavailable", "unavailable", "timeout", "invalid", "gone", "failed"}
}

// Passwords exchanges a password for a session of Mattermost's own.
type Passwords interface {
	// SignIn answers a *Refusal when Mattermost said no, and an error of package
	// upstream when it said nothing of use. The session is the named account's.
	// It ends by itself: ctx is never cancelled.
	SignIn(ctx context.Context, account email.Address, password, code string, from Client) (Session, error)
}

// Sessions looks after sessions that exist.
type Sessions interface {
	// Find answers ErrSignedOut for a token that Mattermost does not know.
	// Session.ExpiresAt is known where csrf is the session's own.
	Find(ctx context.Context, token, csrf string) (Session, error)
	// End ends one session, EndAll every session of the token's user. A token
	// that is no longer known is not an error.
	End(ctx context.Context, token string) error
	EndAll(ctx context.Context, token string) error
}

// Accounts finds the address of an account that is named in another way.
type Accounts interface {
	// AddressOf answers ErrUnknown where there is no such account.
	AddressOf(ctx context.Context, name Name) (email.Address, error)
}

// Unlocker lifts Mattermost's own lock on an account (docs/mattermost.md A8, E9),
// which some other way in may have brought about.
type Unlocker interface {
	// Unlock answers ErrUnknown where there is no such account.
	Unlock(ctx context.Context, account email.Address) error
}

// Limiter says whether an account may be tried once more. device is empty for a
// browser that never signed in to this account.
type Limiter interface {
	Allow(account, device string, from netip.Addr) Decision
}

// Failures counts failed tries of an account since its last success. The count
// is never refilled by time, because Mattermost's own lock is not either.
type Failures interface {
	// Begin takes one of ceiling tries, or reports that there is none left. end
	// must be called once, with what became of the try.
	Begin(ctx context.Context, account string, ceiling int) (end func(Verdict), ok bool)
	// Any reports whether the account has failures, or that nobody knows.
	Any(ctx context.Context, account string) bool
	// Clear forgets the account's failures.
	Clear(ctx context.Context, account string)
}

// Verdict is what became of a try.
type Verdict int

// Counted is the zero value: what Mattermost may have counted stays counted.
const (
	Counted Verdict = iota
	NotCounted
	Succeeded
)
