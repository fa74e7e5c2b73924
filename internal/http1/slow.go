package http1

import (
	"sync"
	"time"
)

// Patience is how long something may take before it is [Slow].
const Patience = 50 * time.Millisecond

// Slow tells of something that takes long, once it does: the most is over in a
// few milliseconds, and to prepare for a client that leaves costs more than to answer it.
// One serves many beginnings and ends, one after another.
type Slow struct {
	// Late is called once after [Patience], and again as long as it returns false. It does not
	// call Begin or End.
	Late func() (done bool)

	mu      sync.Mutex
	timer   *time.Timer
	ticking bool
	since   time.Time // zero: nothing is under way
}

// Begin is told the time. The timer is left as it is at the end: under load it goes
// off once for many beginnings.
func (s *Slow) Begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = now
	switch {
	case s.ticking:
		return
	case s.timer == nil:
		s.timer = time.AfterFunc(Patience, s.look)
	default:
		s.timer.Reset(Patience)
	}
	s.ticking = true
}

func (s *Slow) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.ticking = false
		return
	}
	if age := time.Since(s.since); age < Patience {
		s.timer.Reset(Patience - age)
		return
	}
	if s.ticking = !s.Late(); s.ticking {
		s.timer.Reset(Patience)
	}
}

// End returns when Late is not running and will not be called.
func (s *Slow) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Time{}
}

// Stop gives the timer back after the last end.
func (s *Slow) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}
