package login

import (
	"context"
	"errors"
)

// ErrNotNeeded says that this browser has a session, or that its person signed out on
// purpose.
var ErrNotNeeded = errors.New("nobody is to be signed in silently here")

// WithNavigation signs in on the way to a page, with an assertion that comes with
// every request of the browser. It never takes the place of a live session, and
// never undoes a sign-out: then it answers ErrNotNeeded. Other errors are those of
// WithProof.
func (s *Service) WithNavigation(ctx context.Context, assertion string, v Visit) (Session, error) {
	if v.Previous != "" {
		_, err := s.Current(ctx, v.Previous, "")
		if err == nil {
			return Session{}, ErrNotNeeded
		}
		if !errors.Is(err, ErrSignedOut) {
			return Session{}, err
		}
	}
	proof, err := s.verify(ctx, assertion, ForNavigation)
	if err != nil {
		s.decide(ctx, Outcome{Way: ByNavigation, Client: v.Client}, Session{}, err)
		return Session{}, err
	}
	if s.leftOnPurpose(ctx, s.Devices.open(v.Device).id, proof.Identity) {
		return Session{}, ErrNotNeeded
	}
	proof.Way = ByNavigation
	return s.WithProof(ctx, proof, v)
}

// leftOnPurpose: the last thing that the person did in this browser was to sign
// out. Where nobody remembers, they are not signed in silently either.
func (s *Service) leftOnPurpose(ctx context.Context, device string, who Identity) bool {
	if device == "" || s.Records == nil {
		return false
	}
	last, err := s.lastOf(ctx, device, who)
	if errors.Is(err, ErrUnknown) {
		return false
	}
	return err != nil || last.EndedBy == EndedByUser || last.EndedBy == EndedEverywhere
}

// lastOf is the person's last session in a browser, also one that they opened with
// a password, of which the record names no issuer.
func (s *Service) lastOf(ctx context.Context, device string, who Identity) (Record, error) {
	proven, err := s.Records.LastOn(ctx, device, who)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return Record{}, err
	}
	latest, unknown := s.Records.LastOn(ctx, device, Identity{})
	if unknown != nil || latest.Subject != "" || !latest.Created.After(proven.Created) {
		return proven, err
	}
	found, unresolved := s.resolve(ctx, who)
	if unresolved != nil || found.account.ID != latest.UserID {
		return proven, err
	}
	return latest, nil
}
