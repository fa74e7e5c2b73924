package login

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// resolution is the account of an identity, as far as it can be known without
// writing anything.
type resolution struct {
	account  Account
	linked   bool
	newcomer bool // Mattermost does not know the person; account is empty
	stranger bool // the account was not made by us
}

// resolve looks an identity up. Look-ups of one identity at the same time are
// one: an ERP's page with several frames asks for each of them.
func (s *Service) resolve(ctx context.Context, who Identity) (resolution, error) {
	key := who.person() + "\x00" + string(who.Email)
	if who.EmailVerified {
		key += "\x00verified"
	}
	found, err, _ := s.lookups.Do(key, func() (any, error) {
		return s.lookUp(context.WithoutCancel(ctx), who)
	})
	if err != nil {
		return resolution{}, err
	}
	return found.(resolution), nil
}

func (s *Service) lookUp(ctx context.Context, who Identity) (resolution, error) {
	link, err := s.Links.FindLink(ctx, who.Issuer, who.Subject)
	if err == nil {
		return s.lookUpLinked(ctx, link)
	}
	if !errors.Is(err, ErrUnknown) {
		return resolution{}, err
	}
	account, err := s.People.AccountByEmail(ctx, who.Email)
	switch {
	case errors.Is(err, ErrUnknown) && s.Newcomers == nil:
		return resolution{}, ErrNotProvisioned
	case errors.Is(err, ErrUnknown):
		return resolution{newcomer: true}, nil
	case err != nil:
		return resolution{}, err
	}
	return s.mayLink(ctx, who, account)
}

// lookUpLinked checks the account at every sign-in: it may have become another
// kind since it was linked.
func (s *Service) lookUpLinked(ctx context.Context, link Link) (resolution, error) {
	account, err := s.People.AccountByID(ctx, link.UserID)
	if errors.Is(err, ErrUnknown) {
		return resolution{}, fmt.Errorf("%w: the linked account is gone", ErrConflict)
	}
	if err != nil {
		return resolution{}, err
	}
	if obstacle := account.obstacle(); obstacle != "" {
		return resolution{}, fmt.Errorf("%w: the linked account is %s", ErrRefused, obstacle)
	}
	return resolution{account: account, linked: true}, nil
}

// mayLink answers ErrConflict unless an account that exists may become this
// identity's by itself. An address alone proves nothing: at Mattermost anybody
// can have given it, and at the issuer anybody can have changed it. What we made
// ourselves has the address that the ERP said.
func (s *Service) mayLink(ctx context.Context, who Identity, account Account) (resolution, error) {
	if obstacle := account.obstacle(); obstacle != "" {
		return resolution{}, fmt.Errorf("%w: the account of this address is %s", ErrConflict, obstacle)
	}
	if account.AuthService != "" {
		return resolution{}, fmt.Errorf("%w: the account of this address signs in through another service", ErrConflict)
	}
	links, err := s.Links.LinksOf(ctx, account.ID)
	if err != nil {
		return resolution{}, err
	}
	if slices.ContainsFunc(links, who.is) { // by another sign-in, since the link was looked for
		return resolution{account: account, linked: true}, nil
	}
	if len(links) > 0 {
		return resolution{}, fmt.Errorf("%w: the account of this address is linked to another identity", ErrConflict)
	}
	ours, err := s.Origins.IsCreated(ctx, account)
	if err != nil {
		return resolution{}, err
	}
	if !ours && !(who.EmailVerified && account.EmailVerified) {
		return resolution{}, fmt.Errorf("%w: the account of this address is to be linked by an administrator", ErrConflict)
	}
	return resolution{account: account, stranger: !ours}, nil
}

// LinksOf lists by whom and by which name the person of an account can be vouched for;
// nobody where no links are kept.
func (s *Service) LinksOf(ctx context.Context, userID string) ([]Link, error) {
	if s.Links == nil {
		return nil, nil
	}
	return s.Links.LinksOf(ctx, userID)
}

// is reports whose link it is.
func (i Identity) is(link Link) bool { return i.Issuer == link.Issuer && i.Subject == link.Subject }

// linked makes sure that an identity has its account. Whoever links an account
// that was somebody's before ends what they had: a session or an access token
// would outlive the change of owner.
func (s *Service) linked(ctx context.Context, who Identity, found resolution) (Account, error) {
	if found.linked {
		return found.account, nil
	}
	if found.newcomer {
		return s.welcome(ctx, who)
	}
	if err := s.prepare(ctx, who, found); err != nil {
		return Account{}, err
	}
	return found.account, s.link(ctx, who, found.account.ID)
}

// prepare ends what a stranger's account had. One of ours may lack its teams: its
// making was perhaps cut short, and doing it again does no harm.
func (s *Service) prepare(ctx context.Context, who Identity, found resolution) error {
	if found.stranger {
		return s.Cutter.CutOff(ctx, found.account.ID)
	}
	if s.Newcomers == nil {
		return nil
	}
	who.Name = "" // the account has the names that the ERP, or its owner, gave it
	_, _, err := s.Newcomers.Create(ctx, who)
	return err
}

func (s *Service) link(ctx context.Context, who Identity, userID string) error {
	link := Link{Issuer: who.Issuer, Subject: who.Subject, UserID: userID, By: LinkedBySignIn}
	err := s.Links.AddLink(ctx, link)
	if err == nil {
		s.Linked(ctx, link, true)
	}
	return err
}

// welcome makes the account of a newcomer. Where another sign-in was faster, the
// account is looked at as any that exists.
func (s *Service) welcome(ctx context.Context, who Identity) (Account, error) {
	if err := s.Origins.Creating(ctx, who.Email); err != nil {
		return Account{}, err
	}
	userID, created, err := s.Newcomers.Create(ctx, who)
	if err != nil {
		return Account{}, err
	}
	if !created {
		return s.latecomer(ctx, who)
	}
	if err := s.Origins.MarkCreated(ctx, userID, who.Email); err != nil {
		return Account{}, err
	}
	if err := s.link(ctx, who, userID); err != nil {
		return Account{}, err
	}
	return s.People.AccountByID(ctx, userID)
}

func (s *Service) latecomer(ctx context.Context, who Identity) (Account, error) {
	found, err := s.lookUp(ctx, who)
	if err != nil {
		return Account{}, err
	}
	if found.newcomer {
		return Account{}, fmt.Errorf("%w: the account came and went", ErrConflict)
	}
	return s.linked(ctx, who, found)
}
