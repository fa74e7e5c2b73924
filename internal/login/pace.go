package login

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// gate bounds how many sign-ins Mattermost works on and how many wait: it
// checks passwords one at a time behind one lock (docs/mattermost.md I2), so
// more in flight only makes every one of them late.
type gate struct {
	slots    chan struct{}
	queue    int64
	patience time.Duration // longest wait
	waiting  atomic.Int64
	// common are slots that this line shares with another one, nil for none. Each
	// line has few in them, so that neither holds up the other for longer than it
	// would hold up itself.
	common chan struct{}
}

func newGate(concurrency, queue int, patience time.Duration) *gate {
	return &gate{slots: make(chan struct{}, concurrency), queue: int64(queue), patience: patience}
}

// enter waits for a slot. It answers *Busy at once where the queue is full, and
// when patience runs out; the context's error when the client left.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	over := time.NewTimer(g.patience)
	defer over.Stop()
	if err := g.queueUp(ctx, over.C); err != nil {
		return nil, err
	}
	if g.common == nil {
		return func() { <-g.slots }, nil
	}
	if err := take(ctx, g.common, over.C); err != nil {
		<-g.slots
		return nil, err
	}
	return func() { <-g.common; <-g.slots }, nil
}

func (g *gate) queueUp(ctx context.Context, over <-chan time.Time) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	if g.waiting.Add(1) > g.queue {
		g.waiting.Add(-1)
		return newBusy()
	}
	defer g.waiting.Add(-1)
	return take(ctx, g.slots, over)
}

func take(ctx context.Context, slots chan struct{}, over <-chan time.Time) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-over:
		return newBusy()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errLeftQueue, context.Cause(ctx))
	}
}

// full reports that whoever comes now is turned away.
func (g *gate) full() bool {
	return len(g.slots) == cap(g.slots) && g.waiting.Load() >= g.queue
}

// errLeftQueue: the client left before Mattermost was asked.
var errLeftQueue = errors.New("left while waiting")

// newBusy spreads the retries of those who were turned away together.
func newBusy() *Busy {
	return &Busy{RetryAfter: time.Second + rand.N(4*time.Second)}
}

// The shape of the time floor. Mattermost answers for an account it does not
// know a hundred times faster than for one whose password it hashes
// (docs/mattermost.md I1), so refusals wait until a hashed answer would have
// come on this server, today.
const (
	floorJitter  = 85 * time.Millisecond
	floorMost    = 3 * time.Second
	floorRecalls = 16
)

// floor is the least time that a refusal takes.
type floor struct {
	least  time.Duration
	mu     sync.Mutex
	recent [floorRecalls]time.Duration
	next   int
}

// saw takes note of how long Mattermost took. For a session it did hash the
// password. A refusal may have cost it nothing, so it can only raise the floor:
// otherwise a row of made-up accounts would lower it.
func (f *floor) saw(took time.Duration, refused bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if refused && took <= slices.Max(f.recent[:]) {
		return
	}
	f.recent[f.next%floorRecalls] = took
	f.next++
}

// current is the slowest of the recent answers, between least and floorMost.
func (f *floor) current() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.least, min(slices.Max(f.recent[:]), floorMost))
}

// wait holds a refusal back that began at start, or until the client left.
func (f *floor) wait(ctx context.Context, start time.Time) {
	timer := time.NewTimer(time.Until(start.Add(f.current() + rand.N(floorJitter))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
