package provision

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"
)

// Options wires a Service. Directory is required.
type Options struct {
	Directory Directory
	Memory    Memory // nil: nothing is remembered, and nobody linked
	// Teams are joined where a request names none.
	Teams    []Team
	Password Policy
	// Deadline bounds one request as a whole; 30 s.
	Deadline time.Duration
	// Decided is told of every request that was decided.
	Decided func(context.Context, Outcome)
}

// Service provisions accounts. It is safe for concurrent use.
type Service struct {
	Options
	flights singleflight.Group
}

// New returns a Service.
func New(o Options) *Service {
	o.Deadline = cmp.Or(o.Deadline, 30*time.Second)
	if o.Decided == nil {
		o.Decided = func(context.Context, Outcome) {}
	}
	return &Service{Options: o}
}

// Provision brings the account of in.Email in line with in. Errors: *Invalid,
// ErrConflict, ErrSeatLimit, *Incomplete, or one of package upstream.
//
// Identical requests at the same time are carried out once and get one answer.
// What has begun is finished even if the caller leaves, so that a time-out in the
// ERP does not leave half an account.
func (s *Service) Provision(ctx context.Context, in Request) (Result, error) {
	w, err := s.read(in)
	if err != nil {
		s.decided(ctx, in, Result{}, err, time.Now())
		return Result{}, err
	}
	answer, err, _ := s.flights.Do(w.digest(), func() (any, error) {
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Deadline)
		defer cancel()
		result, err := s.provision(ctx, w)
		s.decided(ctx, in, result, err, start)
		return result, err
	})
	result, _ := answer.(Result)
	return Result{result.UserID, result.Username, result.Created, slices.Clone(result.Changed), slices.Clone(result.Teams)}, err
}

// Check answers what Provision would refuse before it asks anybody: *Invalid, or nil.
func (s *Service) Check(in Request) error {
	_, err := s.read(in)
	return err
}

// digest is the same for requests that want the same.
func (w wanted) digest() string {
	text, _ := json.Marshal(w) // strings and slices of them always can be
	sum := sha256.Sum256(text)
	return string(sum[:])
}

func (s *Service) decided(ctx context.Context, in Request, r Result, err error, start time.Time) {
	var incomplete *Incomplete
	if errors.As(err, &incomplete) {
		r = incomplete.Result
	}
	s.Decided(ctx, Outcome{
		Result: word(r, err), Email: in.Email, Subject: in.Subject,
		UserID: r.UserID, Created: r.Created, Changed: r.Changed, Took: time.Since(start),
	})
}

// provision looks everything up before it changes anything.
func (s *Service) provision(ctx context.Context, w wanted) (Result, error) {
	places, err := s.find(ctx, w)
	if err != nil {
		return Result{}, err
	}
	account, created, err := s.account(ctx, w)
	if err != nil {
		return Result{}, err
	}
	if err := s.link(ctx, w, account); err != nil {
		return Result{}, err
	}
	result := Result{UserID: account.ID, Username: account.Username, Created: created, Changed: []string{}, Teams: []string{}}
	if changes := w.changes(account.Profile); !created && len(changes) > 0 {
		if account, err = s.update(ctx, account, changes); err != nil {
			return Result{}, err
		}
		result.Username = account.Username
		for _, change := range changes {
			result.Changed = append(result.Changed, change.Field)
		}
	}
	for _, place := range places {
		if err := s.join(ctx, place, account.ID); err != nil {
			return Result{}, &Incomplete{result, err}
		}
		result.Teams = append(result.Teams, place.name)
	}
	return result, nil
}

// account finds the person's account or makes it.
func (s *Service) account(ctx context.Context, w wanted) (account Account, created bool, err error) {
	account, err = s.Directory.ByEmail(ctx, w.Email)
	if errors.Is(err, ErrUnknown) {
		return s.create(ctx, w)
	}
	if err == nil {
		err = refuse(account)
	}
	if err == nil && w.Password != "" {
		err = &Invalid{"password", "the account exists; a password can be given only when it is created"}
	}
	return account, false, err
}

// create makes the account under the first username that is free. Whoever is
// faster wins: an account that has the address by now is the person's, and keeps
// the password that it got.
func (s *Service) create(ctx context.Context, w wanted) (account Account, created bool, err error) {
	if s.Memory != nil {
		if err := s.unlinked(ctx, w); err != nil {
			return Account{}, false, err
		}
		if err := s.Memory.Creating(ctx, w.Email); err != nil {
			return Account{}, false, err
		}
	}
	for _, username := range w.usernames() {
		account, err = s.Directory.Create(ctx, w.newAccount(username))
		if err == nil {
			return account, true, s.created(ctx, account)
		}
		if !errors.Is(err, ErrEmailTaken) && !errors.Is(err, ErrUsernameTaken) {
			return Account{}, false, err
		}
		// Mattermost names the username where both are taken (docs/mattermost.md E1).
		account, err = s.Directory.ByEmail(ctx, w.Email)
		if !errors.Is(err, ErrUnknown) {
			return existing(account, err)
		}
	}
	return Account{}, false, fmt.Errorf("%w: the username is taken", ErrConflict)
}

// unlinked refuses a person who has an account, of another address, before a second
// one is made for them.
func (s *Service) unlinked(ctx context.Context, w wanted) error {
	if w.Subject == "" {
		return nil
	}
	linked, err := s.Memory.IsLinked(ctx, w.Issuer, w.Subject)
	if err == nil && linked {
		err = conflict("the subject's already, under another address")
	}
	return err
}

func (s *Service) created(ctx context.Context, account Account) error {
	if s.Memory == nil {
		return nil
	}
	return s.Memory.Created(ctx, account.ID, account.Email)
}

func (s *Service) link(ctx context.Context, w wanted, account Account) error {
	if s.Memory == nil || w.Subject == "" {
		return nil
	}
	return s.Memory.Link(ctx, w.Issuer, w.Subject, account)
}

func existing(account Account, err error) (Account, bool, error) {
	if err == nil {
		err = refuse(account)
	}
	return account, false, err
}

// refuse keeps away from accounts that the ERP has no say in.
func refuse(a Account) error {
	switch {
	case a.Deactivated:
		return conflict("deactivated")
	case a.Bot:
		return conflict("a bot's")
	case a.Remote:
		return conflict("another server's")
	case a.AuthService != "":
		return conflict("signed in to through another service")
	case slices.ContainsFunc(a.Roles, isPrivileged):
		return conflict("privileged")
	}
	return nil
}

func conflict(what string) error {
	return fmt.Errorf("%w: the account is %s", ErrConflict, what)
}

func isPrivileged(role string) bool { return role != "system_user" && role != "system_guest" }

func (s *Service) update(ctx context.Context, a Account, changes []Change) (Account, error) {
	updated, err := s.Directory.Update(ctx, a.ID, changes)
	if errors.Is(err, ErrUsernameTaken) {
		return Account{}, fmt.Errorf("%w: the username is taken", ErrConflict)
	}
	return updated, err
}
