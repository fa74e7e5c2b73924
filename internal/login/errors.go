package login

import (
	"errors"
	"fmt"
	"time"
)

// What a person can be told.
var (
	// ErrRefused: these credentials do not open a session. Whether the account is
	// unknown, deactivated, locked or unverified is not said.
	ErrRefused = errors.New("the credentials were refused")
	// ErrMFARequired: the password is right and a one-time code is needed.
	ErrMFARequired = errors.New("a one-time code is required")
	// ErrSignedOut: there is no such session.
	ErrSignedOut = errors.New("not signed in")
	// ErrUnknown: there is no such account; never shown to a browser.
	ErrUnknown = errors.New("no such account")
	// ErrSpent: this proof was used before.
	ErrSpent = errors.New("it was used before")
	// ErrConflict: the account, or the identity, belongs to somebody else, or to
	// nobody who may sign in this way.
	ErrConflict = errors.New("conflicts with an account or link that exists")
	// ErrNotProvisioned: Mattermost does not know the person, and nobody may be
	// made known by signing in.
	ErrNotProvisioned = errors.New("there is no account for this person yet")
	// ErrMintRefused: this account cannot be signed in without its password.
	ErrMintRefused = errors.New("no session can be made for this account")
	// ErrMintUnavailable: the way of making sessions does not answer.
	ErrMintUnavailable = errors.New("sessions cannot be made at the moment")
	// ErrKeysUnavailable: the issuer's keys cannot be had.
	ErrKeysUnavailable = errors.New("the issuer's keys cannot be had at the moment")
	// ErrStoreUnavailable: what must be remembered cannot be.
	ErrStoreUnavailable = errors.New("the database is not available")
	// ErrSeatLimit: Mattermost takes no more people.
	ErrSeatLimit = errors.New("no seat is left")
)

// Refusal is Mattermost's no to a password. errors.Is finds ErrRefused or
// ErrMFARequired in it.
type Refusal struct {
	// Reason is Mattermost's error id; for logs, never for browsers.
	Reason string
	// Counted says that Mattermost counted a failure towards its own lock.
	Counted bool
	// NeedsCode: the password was right; a code is missing, or the one sent was
	// wrong (then Counted too).
	NeedsCode bool
	// Locked: Mattermost answers so without looking at the password, until the
	// account's failures are reset.
	Locked bool
}

func (e *Refusal) Error() string {
	return fmt.Sprintf("%s (%s)", e.Unwrap(), e.Reason)
}

// Unwrap tells the two sentinels apart.
func (e *Refusal) Unwrap() error {
	if e.NeedsCode {
		return ErrMFARequired
	}
	return ErrRefused
}

// Denied is a refusal as the client may know it: which of the two sentinels,
// and how many tries the account's bucket still has. Its cause is for the log.
type Denied struct {
	AttemptsLeft int
	CodeWasWrong bool
	cause        error
}

func (e *Denied) Error() string { return e.cause.Error() }
func (e *Denied) Unwrap() error { return e.cause }

// Limited says that the account's bucket is empty.
type Limited struct{ Decision Decision }

func (e *Limited) Error() string {
	return fmt.Sprintf("too many tries; the next one in %s", e.Decision.RetryAfter)
}

// Busy says that too many sign-ins wait for Mattermost already.
type Busy struct{ RetryAfter time.Duration }

func (e *Busy) Error() string {
	return fmt.Sprintf("too many sign-ins are waiting; try again in %s", e.RetryAfter)
}

// Invalid says which field of a request is wrong and what was expected of it.
type Invalid struct{ Field, Want string }

func (e *Invalid) Error() string { return e.Field + ": " + e.Want }
