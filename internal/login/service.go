package login

import (
	"context"
	"errors"
	"time"

	"matterpass/internal/email"
	"matterpass/internal/upstream"
)

// Options wires a Service. Accounts may be nil: then only addresses name
// accounts. The durations and counts that are zero get the stated default.
type Options struct {
	Passwords Passwords
	Sessions  Sessions
	Accounts  Accounts
	Unlocker  Unlocker // nil: Mattermost's own lock is left alone
	Limiter   Limiter
	Failures  Failures
	Devices   *Devices

	Concurrency int           // sign-ins in flight towards Mattermost; 4
	Queue       int           // sign-ins waiting; 64
	Patience    time.Duration // longest wait in the queue; 5 s
	Floor       time.Duration // least time that a refusal takes; 250 ms

	// MaxAttempts is Mattermost's MaximumLoginAttempts at this moment; 0 where it
	// is not known, which is taken for its default of 10.
	MaxAttempts func() int
	// Decided is told of every sign-in that was decided.
	Decided func(context.Context, Outcome)
}

// Service signs people in and out. It is safe for concurrent use.
type Service struct {
	Options
	gate  *gate
	floor *floor
}

// New returns a Service.
func New(o Options) *Service {
	setDefault(&o.Concurrency, 4)
	setDefault(&o.Queue, 64)
	setDefault(&o.Patience, 5*time.Second)
	setDefault(&o.Floor, 250*time.Millisecond)
	if o.MaxAttempts == nil {
		o.MaxAttempts = func() int { return 0 }
	}
	if o.Decided == nil {
		o.Decided = func(context.Context, Outcome) {}
	}
	return &Service{Options: o, gate: newGate(o.Concurrency, o.Queue), floor: &floor{least: o.Floor}}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Waiting is the number of sign-ins in the queue.
func (s *Service) Waiting() int { return int(s.gate.waiting.Load()) }

// Current answers whose session token is. csrf, if it is the session's own,
// makes its end known. It answers ErrSignedOut where there is none.
func (s *Service) Current(ctx context.Context, token, csrf string) (Session, error) {
	if !idForm.MatchString(token) {
		return Session{}, ErrSignedOut
	}
	return s.Sessions.Find(ctx, token, csrf)
}

// SignOut ends the session of token, or every session of its user.
func (s *Service) SignOut(ctx context.Context, token string, everywhere bool) error {
	switch {
	case !idForm.MatchString(token):
		return nil
	case everywhere:
		return s.Sessions.EndAll(ctx, token)
	default:
		return s.Sessions.End(ctx, token)
	}
}

// Unlock forgets an account's failed tries, here and at Mattermost, after an
// administrator looked at it.
func (s *Service) Unlock(ctx context.Context, name Name) error {
	account, err := s.account(ctx, name)
	if err != nil {
		return err
	}
	if s.Unlocker != nil {
		if err := s.Unlocker.Unlock(ctx, email.Address(account)); err != nil {
			return err
		}
	}
	s.Failures.Clear(ctx, account)
	return nil
}

// result names how a sign-in ended.
func result(err error) string {
	var (
		limited   *Limited
		busy      *Busy
		throttled *upstream.Throttled
	)
	switch {
	case err == nil:
		return "signed_in"
	case errors.Is(err, errGuarded):
		return "guarded"
	case errors.Is(err, ErrRefused):
		return "refused"
	case errors.Is(err, ErrMFARequired):
		return "mfa_required"
	case errors.As(err, &limited):
		return "limited"
	case errors.As(err, &busy):
		return "busy"
	case errors.As(err, &throttled):
		return "throttled"
	case errors.Is(err, upstream.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, upstream.ErrTimeout):
		return "timeout"
	case errors.Is(err, upstream.ErrInvalid):
		return "invalid"
	case errors.Is(err, context.Canceled):
		return "gone"
	default:
		return "failed"
	}
}
