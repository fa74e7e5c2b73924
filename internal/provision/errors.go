package provision

import (
	"errors"
	"fmt"

	"matterpass/internal/upstream"
)

// What the ERP can be told.
var (
	// ErrConflict: the account, or the username, is not this request's to have.
	// Nothing was changed.
	ErrConflict = errors.New("conflicts with an account that exists")
	// ErrSeatLimit: Mattermost, or one of its teams, takes no more people.
	ErrSeatLimit = errors.New("no seat is left")
)

// What a Directory answers.
var (
	ErrUnknown       = errors.New("there is no such account, team or channel")
	ErrEmailTaken    = errors.New("the address has an account")
	ErrUsernameTaken = errors.New("the username has an account")
)

// Invalid says which field of a request is wrong and what was expected of it.
type Invalid struct{ Field, Want string }

func (e *Invalid) Error() string { return e.Field + ": " + e.Want }

// Incomplete says that the account is there and something after it failed: a
// repeat of the request completes it, without the password if one was given. Its
// cause tells whether a repeat can help.
type Incomplete struct {
	Result Result // Teams are those that were joined
	cause  error
}

func (e *Incomplete) Error() string {
	if e.Result.Created {
		return fmt.Sprintf("the account was created and has its password, but: %s", e.cause)
	}
	return fmt.Sprintf("the account exists, but: %s", e.cause)
}

// Unwrap is the cause.
func (e *Incomplete) Unwrap() error { return e.cause }

// word names how a request ended.
func word(r Result, err error) string {
	var (
		invalid    *Invalid
		incomplete *Incomplete
		throttled  *upstream.Throttled
	)
	switch {
	case err == nil && r.Created:
		return "created"
	case err == nil && len(r.Changed) > 0:
		return "updated"
	case err == nil:
		return "unchanged"
	case errors.As(err, &incomplete):
		return "incomplete"
	case errors.As(err, &invalid):
		return "invalid"
	case errors.Is(err, ErrConflict):
		return "conflict"
	case errors.Is(err, ErrSeatLimit):
		return "seat_limit"
	case errors.As(err, &throttled):
		return "throttled"
	case errors.Is(err, upstream.ErrAdminToken):
		return "admin_token"
	case errors.Is(err, upstream.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, upstream.ErrTimeout):
		return "timeout"
	default:
		return "failed"
	}
}
