package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"matterpass/internal/email"
	"matterpass/internal/upstream"
)

// Visit is the browser's side of a sign-in, in whichever way.
type Visit struct {
	Code     string // one-time code of digits, spaces among them do not count; empty for none
	Device   string // the browser's device value; empty for none
	Previous string // the browser's session token so far; ended after a success
	Client   Client
}

// Attempt is one try at a password.
type Attempt struct {
	Name     Name
	Password string // byte-exact, 1 to 72 bytes
	Visit
}

// Mattermost's bounds: its longest password (docs/mattermost.md I4) and the
// failures after which it locks an account for good (A8), where nobody tells us
// its live setting.
const (
	passwordMost       = 72
	codeMost           = 16
	mattermostAttempts = 10
	// reserveForDevices is what strangers may not use up of the tries before the
	// lock; one of it is never used at all.
	reserveForDevices = 4
)

// errGuarded is a refusal that Mattermost was not asked for.
var errGuarded = fmt.Errorf("%w: too many failures since the last success", ErrRefused)

// WithPassword signs in with a password. Errors: *Invalid, *Limited, *Busy,
// *Denied (ErrRefused or ErrMFARequired), or one of package upstream. A refusal
// takes as long as the service's floor, whatever its reason.
func (s *Service) WithPassword(ctx context.Context, a Attempt) (Session, error) {
	start := time.Now()
	// Mattermost counts a code that is none as a failure, and answers as if there
	// had been no code (docs/mattermost.md A6).
	a.Code = withoutSpaces(a.Code)
	if err := a.validate(); err != nil {
		return Session{}, err
	}
	session, err := s.withPassword(ctx, a)
	s.decide(ctx, Outcome{Way: ByPassword, Account: a.Name.Value, Client: a.Client, Took: time.Since(start)}, session, err)
	if errors.Is(err, ErrRefused) {
		s.floor.wait(ctx, start)
	}
	return session, err
}

func (a Attempt) validate() error {
	switch {
	case a.Name.Value == "":
		return &Invalid{"email", "is required"}
	case a.Password == "":
		return &Invalid{"password", "is required"}
	case len(a.Password) > passwordMost:
		return &Invalid{"password", "is longer than 72 bytes, the most that Mattermost takes"}
	case !utf8.ValidString(a.Password) || strings.ContainsRune(a.Password, 0):
		return &Invalid{"password", "has bytes that are not text"}
	}
	return validateCode(a.Code)
}

func withoutSpaces(code string) string { return strings.ReplaceAll(code, " ", "") }

func validateCode(code string) error {
	if len(code) > codeMost || strings.ContainsFunc(code, isNotDigit) {
		return &Invalid{"mfa_code", "is not a one-time code of digits"}
	}
	return nil
}

func isNotDigit(r rune) bool { return r < '0' || r > '9' }

func (s *Service) withPassword(ctx context.Context, a Attempt) (Session, error) {
	account, err := s.account(ctx, a.Name)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return Session{}, err
	}
	device := s.Devices.open(a.Device)
	known := device.knows(account)
	if s.gate.full() {
		return Session{}, newBusy() // before a try is spent
	}
	decision := s.Limiter.Allow(account, bucketOf(device, known), a.Client.Addr)
	if !decision.OK {
		return Session{}, &Limited{decision}
	}
	if err != nil {
		return Session{}, &Denied{AttemptsLeft: decision.Remaining, cause: fmt.Errorf("%w: no such account", ErrRefused)}
	}
	end, ok := s.Failures.Begin(ctx, account, s.ceiling(known))
	if !ok {
		return Session{}, &Denied{AttemptsLeft: decision.Remaining, cause: errGuarded}
	}
	session, err := s.ask(ctx, email.Address(account), a)
	end(verdictOn(err))
	if err != nil {
		return Session{}, denied(err, decision.Remaining)
	}
	if err := s.deliverable(ctx, session, a.Previous); err != nil {
		return Session{}, err
	}
	device = s.Devices.renewed(device)
	session.Device = s.Devices.remember(device, account)
	session = s.bounded(session, time.Now())
	session.Switched = s.isSwitch(ctx, a.Device, session.User.ID)
	s.note(ctx, session, device)
	return session, nil
}

// account is the key under which tries of the account are counted: its address,
// however it was named, so that a second name is not a second budget.
func (s *Service) account(ctx context.Context, name Name) (string, error) {
	if name.Kind == ByEmail {
		return name.Value, nil
	}
	if s.Accounts == nil {
		return name.key(), ErrUnknown
	}
	address, err := s.Accounts.AddressOf(ctx, name)
	if err != nil {
		return name.key(), err
	}
	return string(address), nil
}

// note remembers the session of a password. Where it cannot be remembered the
// person is signed in all the same: Mattermost knows the session.
func (s *Service) note(ctx context.Context, session Session, device device) {
	if s.Records == nil {
		return
	}
	_ = s.Records.Begin(context.WithoutCancel(ctx), session.Token, recordOf(session, Proof{Way: ByPassword}, device))
	s.observe(observation{session.Token, session.CSRF, true})
}

func bucketOf(d device, known bool) string {
	if !known {
		return ""
	}
	return d.id
}

// ceiling is how many failures may stand before Mattermost is not asked any
// more. Strangers stop well before the lock; a browser that signed in before
// stops one short of it.
func (s *Service) ceiling(known bool) int {
	most := cmp.Or(s.MaxAttempts(), mattermostAttempts)
	if known {
		return max(1, most-1)
	}
	return max(1, most-reserveForDevices)
}

// ask puts the question to Mattermost when it is its turn. The question outlives
// a client that leaves: Mattermost goes on with it, so its place is not free yet,
// and the session that may come of it must be known to be ended.
func (s *Service) ask(ctx context.Context, account email.Address, a Attempt) (Session, error) {
	leave, err := s.gate.enter(ctx)
	if err != nil {
		return Session{}, err
	}
	defer leave()
	asked := time.Now()
	session, err := s.Passwords.SignIn(context.WithoutCancel(ctx), account, a.Password, a.Code, a.Client)
	if refused := errors.Is(err, ErrRefused); err == nil || refused {
		s.floor.saw(time.Since(asked), refused)
	}
	return session, err
}

// verdictOn says whether a try counts towards the lock. What Mattermost may have
// counted does: a wrong guess at its count would lead to its lock.
func verdictOn(err error) Verdict {
	var (
		refusal *Refusal
		busy    *Busy
	)
	switch {
	case err == nil:
		return Succeeded
	case errors.As(err, &refusal) && !refusal.Counted, errors.As(err, &busy),
		errors.Is(err, errLeftQueue), errors.Is(err, ErrSpent), errors.Is(err, ErrStoreUnavailable), upstream.NotAsked(err):
		return NotCounted
	default:
		return Counted
	}
}

func denied(err error, left int) error {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	return &Denied{AttemptsLeft: left, CodeWasWrong: refusal.NeedsCode && refusal.Counted, cause: refusal}
}

// deliverable revokes a session whose answer nobody waits for any more, and
// otherwise ends the one that the browser had before: its cookie is about to be
// replaced, so nobody could end it later.
func (s *Service) deliverable(ctx context.Context, session Session, previous string) error {
	background := context.WithoutCancel(ctx)
	if ctx.Err() != nil {
		_ = s.end(background, session.Token, EndedByLoss) // the client is gone; nobody to tell
		return context.Cause(ctx)
	}
	if previous != session.Token && isID(previous) {
		_ = s.end(background, previous, EndedBySwitch) // the new session stands either way
	}
	return nil
}
