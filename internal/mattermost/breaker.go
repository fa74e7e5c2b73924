package mattermost

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"matterpass/internal/upstream"
)

// The breaker opens after five failures in a row, or when at least half of ten
// or more calls of the last ten seconds failed. It lets one call through after
// two seconds, so that a Mattermost that is back is noticed within five.
const (
	breakerWindow = 10 * time.Second
	breakerBucket = time.Second
	breakerRest   = 2 * time.Second
	failuresInRow = 5
	leastVolume   = 10
)

// errBreakerOpen is the answer to a call that was not made.
var errBreakerOpen = fmt.Errorf("%w: the circuit breaker is open", upstream.ErrUnavailable)

// breaker guards one thing that can be away.
type breaker = gobreaker.CircuitBreaker[struct{}]

func newBreaker(isFailure func(error) bool) *breaker {
	return gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Interval:     breakerWindow,
		BucketPeriod: breakerBucket,
		Timeout:      breakerRest,
		ReadyToTrip:  tooManyFailed,
		IsSuccessful: func(err error) bool { return !isFailure(err) },
		IsExcluded:   saysNothing,
	})
}

func tooManyFailed(n gobreaker.Counts) bool {
	ended := n.TotalSuccesses + n.TotalFailures
	return n.ConsecutiveFailures >= failuresInRow || ended >= leastVolume && 2*n.TotalFailures >= ended
}

// isServersFault: no answer, one that came too late, or a 5xx. A 4xx is a server
// that works.
func isServersFault(err error) bool {
	return errors.Is(err, upstream.ErrUnavailable) || errors.Is(err, upstream.ErrTimeout)
}

// saysNothing: the caller left before the answer came, or Mattermost limits us.
func saysNothing(err error) bool {
	var throttled *upstream.Throttled
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &throttled)
}

func guarded(b *breaker, send func() error) error {
	_, err := b.Execute(func() (struct{}, error) { return struct{}{}, send() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return errBreakerOpen
	}
	return err
}

// pauses hold calls back that Mattermost would answer with 429. Its limit on
// sign-ins is one of its own (docs/mattermost.md A14), so a pause of those does
// not stop the rest; any other 429 stops both.
type pauses struct{ signIns, all pause }

func (p *pauses) check(operation string) error {
	if err := p.all.check(); err != nil {
		return err
	}
	if operation == opSignIn {
		return p.signIns.check()
	}
	return nil
}

func (p *pauses) note(operation string, err error) {
	var throttled *upstream.Throttled
	switch {
	case !errors.As(err, &throttled):
	case operation == opSignIn:
		p.signIns.until(time.Now().Add(throttled.RetryAfter))
	default:
		p.all.until(time.Now().Add(throttled.RetryAfter))
	}
}

// pause is a point in time that only moves forward.
type pause struct{ end atomic.Int64 }

func (p *pause) until(end time.Time) {
	for {
		current := p.end.Load()
		if end.UnixNano() <= current || p.end.CompareAndSwap(current, end.UnixNano()) {
			return
		}
	}
}

func (p *pause) check() error {
	left := time.Until(time.Unix(0, p.end.Load()))
	if left <= 0 {
		return nil
	}
	return &upstream.Throttled{RetryAfter: max(left, time.Second)}
}
