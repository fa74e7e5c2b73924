package limit

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const chunkSize = 64

// entry is one bucket in place: buckets hold a mutex and are never copied.
type entry struct {
	key    Key
	bucket rate.Limiter
}

// shard is a part of the keys under one lock.
//
// Room is found by walking notFull, eight bytes a bucket in one row, instead
// of keeping a list by last use: any full bucket is as good as any other, the
// one used least recently need not be full, and a list would cost three cache
// misses on every decision.
type shard struct {
	mu       sync.Mutex
	capacity int
	slots    []slot              // the index, a power of two
	linked   int                 // slots in use
	chunks   []*[chunkSize]entry // allocated as keys come
	notFull  []time.Duration     // by bucket: not full before this instant; it may be later
	hand     int                 // where the last walk stopped
	noneFull time.Duration       // no bucket is full before this instant

	_ [16]byte // keeps the locks of neighbours off one cache line
}

func (s *shard) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.notFull)
}

func (s *shard) entry(i uint32) *entry { return &s.chunks[i/chunkSize][i%chunkSize] }

// allow decides on the bucket of key, which it makes if there is room; false
// means that there is none. shared holds the overflow bucket of the key's
// network, if that was ever needed.
func (s *shard) allow(r *rule, key Key, now time.Time, shared *atomic.Pointer[rate.Limiter]) (Decision, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.find(key)
	if !ok {
		if i, ok = s.add(r, key, now); !ok {
			return Decision{}, false
		}
		inherit(r, &s.entry(i).bucket, shared.Load(), now)
	}
	return r.take(&s.entry(i).bucket, now), true
}

// add gives key a bucket that is new or full, if there is one.
func (s *shard) add(r *rule, key Key, now time.Time) (uint32, bool) {
	i, ok := s.grow(r, now)
	if !ok {
		i, ok = s.reclaim(r, now)
	}
	if ok {
		s.entry(i).key = key
		s.link(i)
	}
	return i, ok
}

func (s *shard) grow(r *rule, now time.Time) (uint32, bool) {
	n := len(s.notFull)
	if n >= s.capacity {
		return 0, false
	}
	if n%chunkSize == 0 {
		s.chunks = append(s.chunks, new([chunkSize]entry))
	}
	s.notFull = append(s.notFull, 0)
	r.fill(&s.entry(uint32(n)).bucket, now)
	return uint32(n), true
}

// reclaim takes a full bucket from its key. It walks at most once around; a
// walk in vain finds the instant before which the next would be in vain too,
// so that a flood of new keys does not walk each time.
func (s *shard) reclaim(r *rule, now time.Time) (uint32, bool) {
	at := now.Sub(r.start)
	if at < s.noneFull {
		return 0, false
	}
	soonest := time.Duration(math.MaxInt64)
	for range s.notFull {
		if s.hand++; s.hand >= len(s.notFull) {
			s.hand = 0
		}
		i := uint32(s.hand)
		if s.notFull[i] <= at {
			s.notFull[i] = at + r.untilFull(&s.entry(i).bucket, now)
		}
		if s.notFull[i] <= at {
			s.unlink(i)
			return i, true
		}
		soonest = min(soonest, s.notFull[i])
	}
	s.noneFull = soonest
	return 0, false
}

// inherit lowers a new bucket to the level of the shared one that its key may
// have spent until now; otherwise the key would be paid twice.
func inherit(r *rule, b, shared *rate.Limiter, now time.Time) {
	if shared == nil {
		return
	}
	spent := float64(r.tokens) - shared.TokensAt(now)
	b.AllowN(now, min(r.tokens, int(math.Ceil(spent))))
}

// forget fills the bucket of key, which makes it as good as a new one.
func (s *shard) forget(r *rule, key Key, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.find(key); ok {
		r.fill(&s.entry(i).bucket, now)
		s.notFull[i], s.noneFull = 0, 0
	}
}
