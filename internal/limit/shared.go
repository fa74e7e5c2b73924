package limit

import (
	"encoding/base64"
	"errors"
	"math"
	"time"
)

// Runner runs a Lua script where every instance sees the same keys, soon or not
// at all.
type Runner interface {
	Run(script, key string, args ...int64) ([]int64, error)
}

// Shared is a [Limiter] whose buckets are common to all instances. Where the
// others cannot be asked it goes on alone, with a bucket that has seen whatever
// this instance let through: never without a limit.
type Shared struct {
	local  *Limiter
	name   string
	runner Runner
}

// NewShared makes a limiter by local's rule; name tells its buckets from those of
// other limiters.
func NewShared(local *Limiter, name string, r Runner) *Shared {
	return &Shared{local: local, name: name, runner: r}
}

var errNoAnswer = errors.New("the others cannot be asked")

// skew is by how much two clocks and a slow answer may disagree about the instant
// at which a token is due.
const skew = 250 * time.Millisecond

// Allow takes one token from the common bucket of key; see [Limiter.Allow] for
// what network is. A common bucket that has forgotten what this instance
// remembers, because Redis was emptied, does not give more than this one.
func (s *Shared) Allow(key, network Key) Decision {
	d, err := s.ask(key)
	if err == nil && !d.OK {
		return d
	}
	own := s.local.Allow(key, network)
	if err != nil || !own.OK && own.RetryAfter > skew {
		return own
	}
	return d
}

// bucket is a token bucket as one number, the instant at which it is full again
// (the theoretical arrival time of the generic cell rate algorithm, ITU-T I.371),
// in microseconds of Redis's clock. A full bucket is no key at all. A clock that
// was set back makes nobody wait longer than for a whole bucket.
//
// ARGV: microseconds until an empty bucket is full, tokens. It returns whether a
// token was taken and in how many microseconds the bucket is full.
const bucket = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local per, tokens = tonumber(ARGV[1]), tonumber(ARGV[2])
local missing = (tonumber(redis.call('GET', KEYS[1])) or 0) - now
missing = math.min(math.max(missing, 0), per)
local after = missing + per / tokens
if after > per + 2 then
  return {0, math.ceil(missing)}
end
redis.call('SET', KEYS[1], string.format('%.17g', now + after), 'PX', math.ceil(after / 1000))
return {1, math.ceil(after)}`

func (s *Shared) ask(key Key) (Decision, error) {
	rule := &s.local.rule
	name := "limit:" + s.name + ":" + base64.RawURLEncoding.EncodeToString(key[:])
	answer, err := s.runner.Run(bucket, name, rule.per.Microseconds(), int64(rule.tokens))
	if err != nil || len(answer) != 2 {
		return Decision{}, errNoAnswer
	}
	return rule.decision(answer[0] == 1, time.Duration(answer[1])*time.Microsecond), nil
}

// decision describes a bucket that is full again after reset.
func (r *rule) decision(ok bool, reset time.Duration) Decision {
	tokens := float64(r.tokens) - reset.Seconds()*float64(r.rate)
	const rounding = 1e-4 // of a token: the script counts in microseconds
	d := Decision{OK: ok, Limit: r.tokens, Per: r.per, Reset: reset, Remaining: int(math.Max(0, tokens+rounding))}
	if !ok {
		d.RetryAfter = max(r.until(1-tokens), time.Microsecond)
	}
	return d
}
