package login

import (
	"context"
	"errors"
	"time"
)

const (
	keepEvery    = 15 * time.Second
	keepPatience = 10 * time.Second // for one round
	deliverMost  = 32               // revocations in one round
	observeMost  = 1024             // sessions that wait to be looked at
)

// observation is a session of which Mattermost is asked whose it is.
type observation struct {
	token, csrf string
	ours        bool // its record is there, and lacks Mattermost's own id of it
}

// observe puts a session on the list. Where the list is full, the next look at it
// does so again.
func (s *Service) observe(seen observation) {
	select {
	case s.observed <- seen:
	default:
	}
}

// Keep does what sessions need beside the requests, at once and until ctx ends: it writes down
// their use, ends those that are too old, tells Mattermost of ends that it could
// not be told of before, and asks whose the sessions are that were only seen.
func (s *Service) Keep(ctx context.Context) {
	if s.Records == nil {
		return
	}
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	s.round(ctx, time.Now()) // what was left undone before a restart
	for {
		select {
		case <-ctx.Done():
			_ = s.flush(context.WithoutCancel(ctx))
			return
		case seen := <-s.observed:
			s.identify(ctx, seen)
		case now := <-ticker.C:
			s.round(ctx, now)
		}
	}
}

// round is one look at everything. What fails is tried in the next one.
func (s *Service) round(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, keepPatience)
	defer cancel()
	if s.flush(ctx) != nil {
		s.behind.Store(now.UnixNano())
	}
	if s.MaxAge > 0 || s.Idle > 0 {
		if s.Records.Overdue(ctx, now, s.MaxAge, s.unusedFor(now)) != nil {
			s.behind.Store(now.UnixNano())
		}
	}
	due, err := s.Records.Undelivered(ctx, deliverMost)
	if err != nil {
		return
	}
	for _, r := range due {
		if s.deliver(ctx, r) == nil {
			_ = s.Records.Delivered(ctx, r.ID)
		}
	}
}

// unusedFor is how long a session may be unused by what is written down, which lags
// behind its use; 0, no bound, just after the memory was away: every instance has to
// write down first what was used meanwhile.
func (s *Service) unusedFor(now time.Time) time.Duration {
	const lag = touchEvery + 2*keepEvery
	if s.Idle <= 0 || now.Sub(time.Unix(0, s.behind.Load())) < lag {
		return 0
	}
	return s.Idle + lag
}

// deliver tells Mattermost that a session is over. Where neither its token nor its
// id is known nobody can, and the gateway refuses it all the same.
func (s *Service) deliver(ctx context.Context, r Revocation) error {
	switch {
	case r.Token != "" && r.By == EndedEverywhere:
		return s.Sessions.EndAll(ctx, r.Token)
	case r.Token != "":
		return s.Sessions.End(ctx, r.Token)
	case r.SessionID != "" && s.Revoker != nil:
		return s.Revoker.RevokeSession(ctx, r.UserID, r.SessionID)
	}
	return nil
}

func (s *Service) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, keepPatience)
	defer cancel()
	for token, at := range s.standings.unwritten() {
		if err := s.Records.Touch(ctx, token, at); err != nil {
			return err // the database is away; the last use is in the next round's
		}
		s.standings.change(token, func(k *standing) { k.written = later(k.written, at) })
	}
	return nil
}

// identify completes the record of a session: Mattermost knows whose it is, and by
// its CSRF value which one.
func (s *Service) identify(ctx context.Context, seen observation) {
	ctx, cancel := context.WithTimeout(ctx, keepPatience)
	defer cancel()
	session, err := s.Sessions.Find(ctx, seen.token, seen.csrf)
	if err != nil {
		return // it is no session, or there is no asking now
	}
	if !seen.ours {
		now := time.Now()
		_ = s.Records.Begin(ctx, seen.token, Record{UserID: session.User.ID, Created: now, LastSeen: now, Expires: session.ExpiresAt})
		return
	}
	if session.ID != "" {
		_ = s.Records.Identify(ctx, seen.token, session.User.ID, session.ID)
	}
}

// end ends a session here and at Mattermost. Where Mattermost cannot be told now
// it is told later, and the gateway refuses the session meanwhile; the error says
// so.
func (s *Service) end(ctx context.Context, token, by string) error {
	return s.endWith(ctx, token, by, s.Sessions.End)
}

func (s *Service) endWith(ctx context.Context, token, by string, at func(context.Context, string) error) error {
	err := at(ctx, token)
	if s.Records == nil {
		return err
	}
	s.standings.change(token, func(k *standing) { k.over, k.looked = by, time.Now() })
	return errors.Join(err, s.Records.End(ctx, token, by, err == nil))
}

// EndIdentity ends the sessions of a person, or the one that belongs to a session
// of the issuer's, because the issuer said so.
func (s *Service) EndIdentity(ctx context.Context, who Identity) error {
	return s.endMany(ctx, s.Records.EndOf(ctx, who, EndedByIssuer))
}

// EndAccount ends every session of an account that is known here.
func (s *Service) EndAccount(ctx context.Context, userID string) error {
	return s.endMany(ctx, s.Records.EndUser(ctx, userID, EndedByAdmin))
}

// endMany forgets what this process knew, and tells Mattermost at once.
func (s *Service) endMany(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	s.standings.expire()
	s.round(ctx, time.Now())
	return nil
}

// expire has everything looked up anew.
func (s *standings) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, half := range []map[string]*standing{s.young, s.old} {
		for _, known := range half {
			known.looked = time.Time{}
		}
	}
}
