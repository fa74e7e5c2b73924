// Package limit answers one question: may this key do this once more?
//
// [Limiter] keeps one token bucket of golang.org/x/time/rate for each key, in
// bounded memory. It rests on one observation: a full bucket says nothing that
// a new one would not say, so forgetting it loses nothing, while a bucket in
// debt is the limit itself. Full buckets are therefore the only ones that ever
// make room. When every bucket is in debt, new keys share one bucket for each
// client network: no lockdown for everybody, and no free pass either.
//
// [Failures] counts what time must not forgive: failed tries since the last
// success.
//
// The package knows neither HTTP nor what a key stands for: [Hasher] makes keys
// out of anything, and no original ever enters a table.
package limit

import (
	"encoding/binary"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	defaultTokens   = 5
	defaultPer      = time.Minute
	defaultCapacity = 200_000
	overflowBuckets = 4096 // ≤ 500 kB in the worst case
)

// Options of [New]. The zero value is 5 tokens a minute for 200 000 keys.
type Options struct {
	Tokens   int              // granted per Per; the burst equals it; default 5
	Per      time.Duration    // default one minute
	Capacity int              // buckets kept at most; default 200 000 (about 25 MB when all are used)
	Now      func() time.Time // default time.Now, whose monotonic reading no clock step disturbs
}

// Decision is the answer to one try and what an honest client needs to know
// about the next one.
type Decision struct {
	OK         bool
	Limit      int           // tokens of a full bucket
	Remaining  int           // whole tokens left after this try
	RetryAfter time.Duration // until the next token; above zero exactly when refused
	Reset      time.Duration // until the bucket is full again
	Per        time.Duration // the window that Limit belongs to
}

// Limiter holds the buckets. It is safe for concurrent use, starts no
// goroutine and grows with its keys up to its capacity.
type Limiter struct {
	rule       rule
	now        func() time.Time
	shards     []shard // a power of two
	overflow   [overflowBuckets]atomic.Pointer[rate.Limiter]
	overflowed atomic.Uint64
}

// New returns a limiter without keys.
func New(o Options) *Limiter {
	if o.Tokens <= 0 {
		o.Tokens = defaultTokens
	}
	if o.Per <= 0 {
		o.Per = defaultPer
	}
	if o.Capacity <= 0 {
		o.Capacity = defaultCapacity
	}
	if o.Now == nil {
		o.Now = monotonic()
	}
	l := &Limiter{rule: newRule(o.Tokens, o.Per, o.Now()), now: o.Now}
	l.shards = make([]shard, shardCount(o.Capacity))
	for i := range l.shards {
		l.shards[i].capacity = o.Capacity / len(l.shards)
	}
	return l
}

// monotonic is time.Now at half its price: it reads one clock of two.
func monotonic() func() time.Time {
	start := time.Now()
	return func() time.Time { return start.Add(time.Since(start)) }
}

// shardCount is the smallest power of two that keeps every shard indexable. A
// shard is then large enough for chance to spread keys evenly, small enough to
// walk, and there are many where locks could be contended.
func shardCount(capacity int) int {
	n := 1
	for capacity/n > maxShard {
		n *= 2
	}
	return n
}

// Allow takes one token from the bucket of key. Where key is new and every
// bucket is in debt, it takes the token from the bucket that all new keys of
// network share.
func (l *Limiter) Allow(key, network Key) Decision {
	now := l.now()
	shared := &l.overflow[binary.LittleEndian.Uint64(network[:])%overflowBuckets]
	if d, ok := l.shard(key).allow(&l.rule, key, now, shared); ok {
		return d
	}
	l.overflowed.Add(1)
	if shared.Load() == nil {
		shared.CompareAndSwap(nil, rate.NewLimiter(l.rule.rate, l.rule.tokens))
	}
	return l.rule.take(shared.Load(), now)
}

// Forget fills the bucket of key again: what it remembered no longer counts.
func (l *Limiter) Forget(key Key) { l.shard(key).forget(&l.rule, key, l.now()) }

// Len is the number of buckets in use; it never exceeds the capacity.
func (l *Limiter) Len() int {
	n := 0
	for i := range l.shards {
		n += l.shards[i].len()
	}
	return n
}

// Overflowed counts the decisions taken on a shared bucket because every
// bucket was in debt. Above zero, the limiter is under attack or too small.
func (l *Limiter) Overflowed() uint64 { return l.overflowed.Load() }

// shard relies on keys being uniformly distributed and not of the client's
// choosing, which holds for those of a [Hasher].
func (l *Limiter) shard(key Key) *shard {
	return &l.shards[binary.LittleEndian.Uint64(key[:])&uint64(len(l.shards)-1)]
}

// rule is what every bucket of one limiter has in common.
type rule struct {
	tokens int
	per    time.Duration
	rate   rate.Limit // tokens a second
	start  time.Time  // instants kept for long are counted from here
}

func newRule(tokens int, per time.Duration, start time.Time) rule {
	return rule{tokens: tokens, per: per, rate: rate.Limit(float64(tokens) / per.Seconds()), start: start}
}

// take tries to spend one token and describes what is left.
func (r *rule) take(b *rate.Limiter, now time.Time) Decision {
	ok := b.AllowN(now, 1)
	tokens := b.TokensAt(now)
	d := Decision{OK: ok, Limit: r.tokens, Per: r.per, Remaining: max(0, int(tokens))}
	d.Reset = r.until(float64(r.tokens) - tokens)
	if !ok {
		d.RetryAfter = r.until(1 - tokens)
	}
	return d
}

func (r *rule) untilFull(b *rate.Limiter, now time.Time) time.Duration {
	return r.until(float64(r.tokens) - b.TokensAt(now))
}

// until is how long it takes for missing tokens to come in. Less than half a
// nanosecond may be left then, which rate.Limiter overlooks as well: a client
// that waits exactly so long is not refused again.
func (r *rule) until(missing float64) time.Duration {
	if missing <= 0 {
		return 0
	}
	return time.Duration(math.Round(missing / float64(r.rate) * float64(time.Second)))
}

// fill makes b a full bucket of this rule. A rate.Limiter by value starts
// empty and its tokens cannot be set: so it starts long enough ago.
func (r *rule) fill(b *rate.Limiter, now time.Time) {
	*b = rate.Limiter{}
	longAgo := now.Add(-2 * r.per)
	b.SetBurstAt(longAgo, r.tokens)
	b.SetLimitAt(longAgo, r.rate)
}
