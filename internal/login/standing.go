package login

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// What is known of a session is looked up again after standingFresh: so long can
// it take until the end of a session on another instance is noticed here. Its use
// is written down after touchEvery, beside the requests.
const (
	standingFresh = 10 * time.Second
	touchEvery    = time.Minute
	standingsMost = 100_000
	lookingMost   = 4
)

// standing is a session as this process knows it.
type standing struct {
	created, seen, written time.Time
	looked                 time.Time
	over                   string // who ended it; empty while it lives
}

// standings holds those that were used of late, in two halves, of which the
// older is forgotten when the younger is full. The tokens themselves are the keys:
// they pass through this process anyway.
type standings struct {
	mu         sync.Mutex
	young, old map[string]*standing
}

func newStandings() *standings {
	return &standings{young: map[string]*standing{}, old: map[string]*standing{}}
}

// of returns a copy of what is known.
func (s *standings) of(token string) (standing, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.find(token); known != nil {
		return *known, true
	}
	return standing{}, false
}

func (s *standings) find(token string) *standing {
	if known := s.young[token]; known != nil {
		return known
	}
	known := s.old[token]
	if known != nil {
		delete(s.old, token)
		s.put(token, known)
	}
	return known
}

func (s *standings) put(token string, known *standing) {
	if len(s.young) >= standingsMost/2 {
		s.young, s.old = map[string]*standing{}, s.young
	}
	s.young[strings.Clone(token)] = known // a part of a header would keep the whole
}

// change lets f see and change what is known, which may be nothing so far.
func (s *standings) change(token string, f func(*standing)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.find(token)
	if known == nil {
		known = &standing{}
		s.put(token, known)
	}
	f(known)
}

// unwritten returns the sessions whose use is not written down yet.
func (s *standings) unwritten() map[string]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := map[string]time.Time{}
	for _, half := range []map[string]*standing{s.young, s.old} {
		for token, known := range half {
			if known.over == "" && known.seen.Sub(known.written) >= touchEvery {
				used[token] = known.seen
			}
		}
	}
	return used
}

// Standing says who ended a browser's session; empty while it may go on. active
// says that the person did something: what a page asks for by itself keeps no
// session alive. Where the memory is away Mattermost decides alone.
func (s *Service) Standing(ctx context.Context, token string, active bool) string {
	if s.Records == nil || !isID(token) {
		return ""
	}
	now := time.Now()
	known, err := s.recall(ctx, token, now)
	if errors.Is(err, ErrUnknown) {
		s.observe(observation{token: token})
	}
	if known.over != "" {
		return known.over
	}
	if by := s.overdue(known, now); by != "" {
		_ = s.end(context.WithoutCancel(ctx), token, by) // it is refused here either way
		return by
	}
	if active {
		s.standings.change(token, func(k *standing) { k.seen = now })
	}
	return ""
}

// Ended says who ended a session by whose token a program asks, empty for nobody.
// Programs have tokens of their own as well, which are nobody's session here: they are
// not remembered, and the bounds of sessions are not theirs.
func (s *Service) Ended(ctx context.Context, token string) string {
	if s.Records == nil || !isID(token) {
		return ""
	}
	known, _ := s.recall(ctx, token, time.Now())
	return known.over
}

// Remembers reports that the session of a token, of which somebody was just told how
// it stands, is on record and goes on.
func (s *Service) Remembers(token string) bool {
	known, _ := s.standings.of(token)
	return !known.created.IsZero() && known.over == ""
}

// recall asks the memory where this process does not know, or no longer.
func (s *Service) recall(ctx context.Context, token string, now time.Time) (standing, error) {
	known, fresh := s.standings.of(token)
	if fresh && (known.over != "" || now.Sub(known.looked) <= standingFresh) {
		return known, nil
	}
	return s.look(ctx, token, now)
}

// look asks the memory, and keeps what this process alone knows: the last use, and an
// end that came meanwhile. A flood of made-up tokens must not keep sign-ins from the
// memory, so few look at a time; for the others Mattermost decides.
func (s *Service) look(ctx context.Context, token string, now time.Time) (known standing, err error) {
	select {
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	default:
		return standing{}, nil
	}
	record, err := s.Records.Find(ctx, token)
	s.standings.change(token, func(k *standing) {
		k.looked = now
		if err == nil {
			k.created, k.over = record.Created, cmp.Or(k.over, record.EndedBy)
			k.seen, k.written = later(k.seen, record.LastSeen), later(k.written, record.LastSeen)
		}
		known = *k
	})
	return known, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (s *Service) overdue(known standing, now time.Time) string {
	switch {
	case s.MaxAge > 0 && !known.created.IsZero() && now.Sub(known.created) > s.MaxAge:
		return EndedByAge
	case s.Idle > 0 && !known.seen.IsZero() && now.Sub(known.seen) > s.Idle:
		return EndedByIdle
	}
	return ""
}
