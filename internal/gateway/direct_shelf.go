package gateway

import (
	"slices"
	"sync"
	"time"
)

// shelf keeps connections that wait for the next request, for a while and not more
// than a number.
type shelf struct {
	most int
	age  time.Duration

	mu    sync.Mutex
	wires []*wire     // the longest idle first
	sweep *time.Timer // nil while there is nothing to sweep
	ended bool
}

// wireLife is how long a connection is used at most.
const wireLife = 5 * time.Minute

func newShelf(most int, age time.Duration) *shelf { return &shelf{most: most, age: age} }

// take returns the one that was used last, nil for none. One on which something
// came while nobody asked is closed: its end, or bytes that would be taken for an
// answer to somebody else.
func (s *shelf) take(now time.Time) *wire {
	for {
		c := s.pop()
		if c == nil || now.Sub(c.since) < s.age && c.quiet() {
			return c
		}
		_ = c.Close()
	}
}

func (s *shelf) pop() *wire {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.wires) - 1
	if last < 0 {
		return nil
	}
	c := s.wires[last]
	s.wires[last] = nil
	s.wires = s.wires[:last]
	return c
}

// put keeps a connection, or closes it.
func (s *shelf) put(c *wire) {
	c.since = time.Now()
	// A busy connection would never be given up, and a change of the upstream's address
	// never be noticed.
	if c.since.Sub(c.made) > wireLife || !s.push(c) {
		_ = c.Close()
	}
}

func (s *shelf) push(c *wire) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || len(s.wires) >= s.most {
		return false
	}
	s.wires = append(s.wires, c)
	if s.sweep == nil {
		s.sweep = time.AfterFunc(s.age, s.expire)
	}
	return true
}

// expire closes what nobody used.
func (s *shelf) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	young := slices.IndexFunc(s.wires, func(c *wire) bool { return now.Sub(c.since) < s.age })
	if young < 0 {
		young = len(s.wires)
	}
	for _, c := range s.wires[:young] {
		_ = c.Close()
	}
	s.wires = slices.Delete(s.wires, 0, young)
	if len(s.wires) == 0 {
		s.sweep = nil
		return
	}
	s.sweep.Reset(s.age - now.Sub(s.wires[0].since))
}

// close closes all, and what comes back later.
func (s *shelf) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.sweep != nil {
		s.sweep.Stop()
	}
	for _, c := range s.wires {
		_ = c.Close()
	}
	s.wires = nil
}
