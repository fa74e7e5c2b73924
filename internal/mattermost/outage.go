package mattermost

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"matterpass/internal/upstream"
)

// A 401 is believed when Mattermost's database answered within the last second,
// and had not been away in the last five: an answer from the end of an outage
// can arrive after it. That it is away is kept for longer, since a 401 too many
// signs somebody out.
const (
	outageFresh  = time.Second
	outageKept   = 2 * time.Second
	outageSticky = 5 * time.Second
	outageWait   = 3 * time.Second
)

// outage knows whether Mattermost's database is away. However many ask, it is
// looked up once a second at most: a flood of wrong passwords is no flood of
// pings.
type outage struct {
	ask    func(context.Context) error // upstream.ErrUnavailable: it is away
	flight singleflight.Group

	mu      sync.Mutex
	asked   time.Time
	last    error
	wasAway time.Time
}

// DatabaseAway reports that a 401 of Mattermost's says nothing at this moment
// (docs/mattermost.md I3). It shares what it learns with every sign-in, asks at
// most once a second, and takes up to 3 s.
func (c *Client) DatabaseAway(ctx context.Context) bool { return c.outage.confirm(ctx) != nil }

// confirm answers nil when a 401 means what it says, and otherwise what to
// answer in its place.
func (o *outage) confirm(ctx context.Context) error {
	if err, fresh := o.recall(); fresh {
		return err
	}
	_, err, _ := o.flight.Do("", func() (any, error) {
		if err, fresh := o.recall(); fresh {
			return nil, err
		}
		// Others wait for this answer too, so it does not end with its caller.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outageWait)
		defer cancel()
		return nil, o.note(o.ask(ctx))
	})
	return err
}

func (o *outage) recall() (err error, fresh bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	fresh = time.Since(o.asked) < outageFresh || o.last != nil && time.Since(o.asked) < outageKept
	return o.verdict(), fresh
}

// note keeps err. A ping that was limited, or that something else answered, says
// nothing against the 401.
func (o *outage) note(err error) error {
	if !errors.Is(err, upstream.ErrUnavailable) && !errors.Is(err, upstream.ErrTimeout) {
		err = nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked, o.last = time.Now(), err
	if errors.Is(err, upstream.ErrUnavailable) {
		o.wasAway = o.asked
	}
	return o.verdict()
}

func (o *outage) verdict() error {
	if o.last == nil && time.Since(o.wasAway) < outageSticky {
		return upstream.ErrUnavailable
	}
	return o.last
}
