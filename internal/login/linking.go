package login

import (
	"context"
	"errors"
	"fmt"
)

// Link makes an account an identity's, because an administrator says so. What the
// account had before ends, unless it was made here; a link that is there already
// stays as it is, and nothing ends. It answers *Invalid,
// ErrUnknown where there is no such account, ErrConflict where the identity has
// another one, or the account is no person's.
func (s *Service) Link(ctx context.Context, who Identity, name Name) (Link, error) {
	for field, value := range map[string]string{"issuer": who.Issuer, "subject": who.Subject} {
		if !IsIdentifier(value) {
			return Link{}, &Invalid{field, "is not 1 to 255 visible characters"}
		}
	}
	account, err := s.accountNamed(ctx, name)
	if err != nil {
		return Link{}, err
	}
	if account.Bot || account.Remote {
		return Link{}, fmt.Errorf("%w: the account is %s", ErrConflict, account.obstacle())
	}
	kept, err := s.Links.FindLink(ctx, who.Issuer, who.Subject)
	switch {
	case errors.Is(err, ErrUnknown):
		return s.linkByHand(ctx, who, account)
	case err != nil:
		return Link{}, err
	case kept.UserID != account.ID:
		return Link{}, fmt.Errorf("%w: the identity has another account", ErrConflict)
	}
	return kept, nil
}

func (s *Service) linkByHand(ctx context.Context, who Identity, account Account) (Link, error) {
	ours, err := s.Origins.IsCreated(ctx, account)
	if err == nil && !ours {
		err = s.Cutter.CutOff(ctx, account.ID)
	}
	if err != nil {
		return Link{}, err
	}
	link := Link{Issuer: who.Issuer, Subject: who.Subject, UserID: account.ID, By: LinkedByAdmin}
	if err := s.Links.AddLink(ctx, link); err != nil {
		return Link{}, err
	}
	s.Linked(ctx, link, true)
	return link, nil
}

// accountNamed finds an account by any of its names.
func (s *Service) accountNamed(ctx context.Context, name Name) (Account, error) {
	if name.Kind == ByID {
		return s.People.AccountByID(ctx, name.Value)
	}
	address, err := s.Accounts.AddressOf(ctx, name)
	if err != nil {
		return Account{}, err
	}
	return s.People.AccountByEmail(ctx, address)
}

// Unlink takes an account from an identity and ends the sessions that it opened.
// It answers ErrUnknown where there is no such link.
func (s *Service) Unlink(ctx context.Context, issuer, subject string) error {
	link, err := s.Links.FindLink(ctx, issuer, subject)
	if err != nil {
		return err
	}
	if err := s.Links.RemoveLink(ctx, issuer, subject); err != nil {
		return err
	}
	s.Linked(ctx, link, false)
	who := Identity{Issuer: issuer, Subject: subject}
	if err := s.endMany(ctx, s.Records.EndOf(ctx, who, EndedByAdmin)); err != nil {
		return errors.Join(errors.New("the link is gone, and its sessions go on"), err)
	}
	return nil
}
