package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"matterpass/internal/upstream"
)

// Spent wraps whatever went wrong after a proof was used up: a retry needs a
// fresh one.
type Spent struct{ cause error }

func (e *Spent) Error() string { return "the proof is spent, and then: " + e.cause.Error() }

// Unwrap is the cause.
func (e *Spent) Unwrap() error { return e.cause }

// WithAssertion signs in with an assertion of the ERP. Errors: those of
// Verifier.Verify and of WithProof.
func (s *Service) WithAssertion(ctx context.Context, assertion string, v Visit) (Session, error) {
	proof, err := s.verify(ctx, assertion, ForSignIn)
	if err != nil {
		s.decide(ctx, Outcome{Way: ByAssertion, Client: v.Client}, Session{}, err)
		return Session{}, err
	}
	proof.Way = ByAssertion
	return s.WithProof(ctx, proof, v)
}

func (s *Service) verify(ctx context.Context, assertion string, use Use) (Proof, error) {
	if s.Verifier == nil {
		return Proof{}, fmt.Errorf("%w: assertions are not accepted here", ErrRefused)
	}
	return s.Verifier.Verify(ctx, assertion, use)
}

// WithProof signs in the person of a verified proof, and links or makes their
// account where that is allowed. Errors: *Invalid, *Limited, *Busy, ErrRefused,
// ErrMFARequired, ErrSpent, ErrConflict, ErrNotProvisioned, ErrSeatLimit,
// ErrMintRefused, ErrMintUnavailable, ErrStoreUnavailable, or one of package
// upstream. Of these, what comes after the proof was used up is in a *Spent.
func (s *Service) WithProof(ctx context.Context, p Proof, v Visit) (Session, error) {
	start := time.Now()
	session, err := s.withProof(ctx, p, v)
	s.decide(ctx, Outcome{
		Way: p.Way, Issuer: p.Issuer, Account: string(p.Email), Client: v.Client, Took: time.Since(start),
	}, session, err)
	return session, err
}

// Unproven tells of a sign-in that failed before there was a proof.
func (s *Service) Unproven(ctx context.Context, way string, from Client, err error) {
	if result(err) == "failed" {
		err = fmt.Errorf("%w: %w", ErrRefused, err) // in the words of the package that found out
	}
	s.decide(ctx, Outcome{Way: way, Client: from}, Session{}, err)
}

// decide completes an Outcome and tells it.
func (s *Service) decide(ctx context.Context, o Outcome, session Session, err error) {
	o.Result, o.UserID, o.Reason = result(err), session.User.ID, reason(err)
	s.Decided(ctx, o)
}

func (s *Service) withProof(ctx context.Context, p Proof, v Visit) (Session, error) {
	v.Code = withoutSpaces(v.Code)
	if err := validateCode(v.Code); err != nil {
		return Session{}, err
	}
	if s.Minter == nil {
		return Session{}, fmt.Errorf("%w: there is no way to make sessions", ErrMintUnavailable)
	}
	if decision := s.Identities.Allow(p.person(), "", v.Client.Addr); !decision.OK {
		return Session{}, &Limited{decision}
	}
	leave, err := s.mintGate().enter(ctx)
	if err != nil {
		return Session{}, err
	}
	defer leave()
	// Up to here nothing was written; the account is looked at first, because
	// asking for a code must not cost the proof.
	found, err := s.resolve(ctx, p.Identity)
	if err != nil {
		return Session{}, err
	}
	if s.needsCode(found.account, p, v) {
		return Session{}, fmt.Errorf("%w: by the account's own settings", ErrMFARequired)
	}
	end, err := s.tryCode(ctx, found.account, v.Code)
	if err != nil {
		return Session{}, err
	}
	session, err := s.spendAndRedeem(ctx, p, v, found)
	end(verdictOn(err))
	return session, err
}

func (s *Service) spendAndRedeem(ctx context.Context, p Proof, v Visit, found resolution) (Session, error) {
	device := s.Devices.renewed(s.Devices.open(v.Device))
	if err := s.spend(ctx, p, device.id); err != nil {
		return Session{}, err
	}
	session, err := s.redeemed(ctx, p, v, found, device)
	if err != nil {
		return Session{}, &Spent{err}
	}
	return session, nil
}

// tryCode counts a one-time code that Mattermost would count: a wrong one brings
// its lock nearer, whoever proved what (docs/mattermost.md A8). Whoever comes with a
// proof has the tries that strangers leave.
func (s *Service) tryCode(ctx context.Context, account Account, code string) (end func(Verdict), err error) {
	if code == "" || !account.MFA || !s.MintHashes() {
		return func(Verdict) {}, nil
	}
	end, ok := s.Failures.Begin(ctx, string(account.Email), s.ceiling(true))
	if !ok {
		return nil, errGuarded
	}
	return end, nil
}

// person is the limiter's name of an identity.
func (i Identity) person() string { return i.Issuer + "\x00" + i.Subject }

// mintGate is the line for password checks where making a session costs one.
func (s *Service) mintGate() *gate {
	if s.MintHashes() {
		return s.checked
	}
	return s.mints
}

func (s *Service) needsCode(account Account, p Proof, v Visit) bool {
	return account.MFA && s.AskMFA && v.Code == "" && !(s.TrustMFA && p.MultiFactor)
}

// leeway is how much longer than a proof itself its use is remembered: verifiers
// of several instances have clocks of their own.
const leeway = 2 * time.Minute

// Spend uses a proof up without signing in, for whoever makes another proof of it.
func (s *Service) Spend(ctx context.Context, p Proof) error { return s.spend(ctx, p, "") }

// spend uses the proof up. A navigation's is presented with every page, so the
// browser that spent it may come back with it.
func (s *Service) spend(ctx context.Context, p Proof, device string) error {
	if p.Spend != nil {
		return p.Spend(ctx)
	}
	what := Spending{
		Key: p.Way + "\x00" + p.Issuer + "\x00" + p.ID, IssuedAt: p.IssuedAt, Until: p.ExpiresAt.Add(leeway),
	}
	if p.Way == ByNavigation {
		what.Owner = device
	}
	return s.Once.Spend(ctx, what)
}

// redeemed makes the session of a spent proof. It goes on when the client leaves:
// what it would leave half-made nobody could end.
func (s *Service) redeemed(ctx context.Context, p Proof, v Visit, found resolution, device device) (Session, error) {
	background := context.WithoutCancel(ctx)
	account, err := s.linked(background, p.Identity, found)
	if err != nil {
		return Session{}, err
	}
	session, err := s.Minter.Mint(background, Minting{
		Account: account, MultiFactor: p.MultiFactor, Code: v.Code, Client: v.Client,
	})
	if err != nil {
		return Session{}, err
	}
	if session.User.ID != account.ID {
		_ = s.Sessions.End(background, session.Token) // it is nobody's who is here
		return Session{}, fmt.Errorf("%w: the session of another account", upstream.ErrInvalid)
	}
	s.forgive(background, account)
	session = s.bounded(session, time.Now())
	session.Switched = s.isSwitch(background, v.Device, account.ID)
	if err := s.Records.Begin(background, session.Token, recordOf(session, p, device)); err != nil {
		_ = s.Sessions.End(background, session.Token) // nobody could end it later
		return Session{}, err
	}
	if session.ID == "" { // a password's: without the id nobody could end it without its token
		s.observe(observation{session.Token, session.CSRF, true})
	}
	if err := s.deliverable(ctx, session, v.Previous); err != nil {
		return Session{}, err
	}
	session.Device = s.Devices.remember(device, string(account.Email))
	return session, nil
}

// forgive gives tries again to whoever proved who they are. Mattermost has done so
// itself where it checked a password; otherwise its own count goes on from where it
// was, and so ours must, unless both begin anew.
func (s *Service) forgive(ctx context.Context, account Account) {
	if !s.Failures.Any(ctx, string(account.Email)) {
		return
	}
	if !s.MintHashes() && (s.Unlocker == nil || s.Unlocker.Unlock(ctx, account.Email) != nil) {
		return
	}
	s.Failures.Clear(ctx, string(account.Email))
}

func recordOf(session Session, p Proof, device device) Record {
	now := time.Now()
	return Record{
		UserID: session.User.ID, SessionID: session.ID,
		Issuer: p.Issuer, Subject: p.Subject, SID: p.SID, Way: p.Way, Device: device.id,
		Created: now, LastSeen: now, Expires: session.ExpiresAt,
	}
}

// isSwitch reports that somebody else used this browser before: what they typed
// and did not send is still in it.
// value is the device value as it came: its id may be about to change with the key.
func (s *Service) isSwitch(ctx context.Context, value, userID string) bool {
	id := s.Devices.open(value).id
	if id == "" || s.Records == nil {
		return false
	}
	last, err := s.Records.LastOn(ctx, id, Identity{})
	return err == nil && last.UserID != userID
}

// reason is for the log alone.
func reason(err error) string {
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal.Reason
	case errors.Is(err, ErrRefused), errors.Is(err, ErrConflict), errors.Is(err, ErrMintRefused):
		return err.Error()
	}
	return ""
}
