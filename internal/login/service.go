package login

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"matterpass/internal/email"
)

// Options wires a Service. Accounts may be nil: then only addresses name
// accounts. Where Minter is nil, nobody signs in without a password, and the ports
// of Proofs are not asked. The durations and counts that are zero get the stated
// default.
type Options struct {
	Proofs

	Passwords Passwords
	Sessions  Sessions
	Accounts  Accounts
	Unlocker  Unlocker // nil: Mattermost's own lock is left alone
	Limiter   Limiter
	Failures  Failures
	Devices   *Devices
	Records   Records // nil: sessions are not remembered, and Minter must be nil
	Revoker   Revoker // nil: none is ended without its token

	MaxAge time.Duration // longest life of a session; 0: Mattermost's own
	Idle   time.Duration // how long one may go unused; 0: Mattermost's own

	Concurrency int           // sign-ins in flight towards Mattermost; 4
	Queue       int           // sign-ins waiting; 64
	Patience    time.Duration // longest wait in the queue; 5 s
	Mints       int           // sessions being made at the same time without a password check; 16
	MintQueue   int           // proofs waiting for a session; 512
	// MintPatience is the longest that a proof waits. Whoever shows one is a known
	// person whom nobody keeps from typing, so that a whole office may stand in line:
	// at six sign-ins a second (docs/mattermost.md I2) 200 people take 34 s. 1 min.
	MintPatience time.Duration
	Floor        time.Duration // least time that a refusal takes; 250 ms

	// MaxAttempts is Mattermost's MaximumLoginAttempts at this moment; 0 where it
	// is not known, which is taken for its default of 10.
	MaxAttempts func() int
	// Decided is told of every sign-in that was decided.
	Decided func(context.Context, Outcome)
	// Linked is told of every link that is made or taken away.
	Linked func(ctx context.Context, link Link, made bool)
}

// Proofs are the ports of signing in without a password.
type Proofs struct {
	Verifier   Verifier // nil: no assertions
	Once       Once
	Links      Links
	Origins    Origins
	People     People
	Newcomers  Newcomers // nil: signing in makes no accounts
	Cutter     Cutter
	Minter     Minter
	Identities Limiter // of people; passwords have Options.Limiter

	// MintHashes reports that making a session costs Mattermost a password check,
	// so that it has to wait for its turn among the passwords.
	MintHashes func() bool
	AskMFA     bool // an account's second factor is asked for
	TrustMFA   bool // unless the issuer asked for one
}

// Service signs people in and out. It is safe for concurrent use.
type Service struct {
	Options
	gate    *gate // passwords
	checked *gate // proofs of which each costs a password check as well
	mints   *gate // proofs that cost none
	floor   *floor
	lookups singleflight.Group

	standings *standings
	observed  chan observation
	looking   chan struct{}
	behind    atomic.Int64 // when use could last not be written down, in Unix nanoseconds
}

// New returns a Service.
func New(o Options) *Service {
	setDefault(&o.Concurrency, 4)
	setDefault(&o.Queue, 64)
	setDefault(&o.Mints, 16)
	setDefault(&o.MintQueue, 512)
	setDefault(&o.Patience, 5*time.Second)
	setDefault(&o.MintPatience, time.Minute)
	setDefault(&o.Floor, 250*time.Millisecond)
	if o.MaxAttempts == nil {
		o.MaxAttempts = func() int { return 0 }
	}
	if o.Decided == nil {
		o.Decided = func(context.Context, Outcome) {}
	}
	if o.Linked == nil {
		o.Linked = func(context.Context, Link, bool) {}
	}
	if o.MintHashes == nil {
		o.MintHashes = func() bool { return false }
	}
	s := &Service{Options: o, floor: &floor{least: o.Floor}, standings: newStandings(), observed: make(chan observation, observeMost), looking: make(chan struct{}, lookingMost)}
	s.openGates()
	return s
}

// openGates has typed passwords and proofs wait in lines of their own for the same
// password checks: neither a flood of guesses nor nine o'clock in the morning keeps
// the others out.
func (s *Service) openGates() {
	s.gate = newGate(s.Concurrency, s.Queue, s.Patience)
	s.checked = newGate(max(1, s.Concurrency-1), s.MintQueue, s.MintPatience)
	s.mints = newGate(s.Mints, s.MintQueue, s.MintPatience)
	s.gate.common = make(chan struct{}, s.Concurrency)
	s.checked.common = s.gate.common
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Waiting is the number of sign-ins in the queues.
func (s *Service) Waiting() int {
	return int(s.gate.waiting.Load() + s.checked.waiting.Load() + s.mints.waiting.Load())
}

// Current answers whose session token is. csrf, if it is the session's own,
// makes its end known. It answers ErrSignedOut where there is none.
func (s *Service) Current(ctx context.Context, token, csrf string) (Session, error) {
	if !isID(token) || s.Standing(ctx, token, false) != "" {
		return Session{}, ErrSignedOut
	}
	session, err := s.Sessions.Find(ctx, token, csrf)
	known, _ := s.standings.of(token)
	return s.bounded(session, known.created), err
}

// bounded is a session that ends no later than we let it.
func (s *Service) bounded(session Session, created time.Time) Session {
	if s.MaxAge <= 0 || created.IsZero() {
		return session
	}
	if end := created.Add(s.MaxAge); session.ExpiresAt.IsZero() || end.Before(session.ExpiresAt) {
		session.ExpiresAt = end
	}
	return session
}

// SignOut ends the session of token, or every session of its user where by is
// EndedEverywhere. A page that is left at the same moment takes nothing of that back.
func (s *Service) SignOut(ctx context.Context, token, by string) error {
	ctx = context.WithoutCancel(ctx)
	switch {
	case !isID(token):
		return nil
	case by == EndedEverywhere:
		return s.endEverywhere(ctx, token)
	default:
		return s.end(ctx, token, by)
	}
}

// SignedOut remembers that a person signed out at Mattermost itself: they are not
// to be signed in silently after that.
func (s *Service) SignedOut(ctx context.Context, token string) {
	if s.Records == nil || !isID(token) {
		return
	}
	s.standings.change(token, func(k *standing) { k.over, k.looked = EndedByUser, time.Now() })
	_ = s.Records.End(context.WithoutCancel(ctx), token, EndedByUser, true) // Mattermost knows already
}

// endEverywhere ends what is known here of the person as well: a session that
// Mattermost could not be told of must not go on until it can.
func (s *Service) endEverywhere(ctx context.Context, token string) error {
	err := s.endWith(ctx, token, EndedEverywhere, s.Sessions.EndAll)
	if s.Records == nil {
		return err
	}
	record, unknown := s.Records.Find(ctx, token)
	if unknown != nil || record.UserID == "" {
		return err
	}
	defer s.standings.expire()
	return errors.Join(err, s.Records.EndUser(ctx, record.UserID, EndedByUser))
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
