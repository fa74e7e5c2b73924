package gateway

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// How many sessions are asked about at the same time, how long for each, and how
// many before it is looked who is in a hurry.
const (
	aliveParallel = 4
	aliveTimeout  = 5 * time.Second
	aliveFew      = 64
)

// every calls f once in a while, and when woken, until ctx ends.
func every(ctx context.Context, d time.Duration, wake <-chan struct{}, f func()) {
	ticker := time.NewTicker(max(d, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f()
		case <-wake:
			f()
		case <-ctx.Done():
			return
		}
	}
}

// endIdle ends the tunnels on which nothing was said for too long.
func (g *Gateway) endIdle() {
	for _, t := range g.tunnels.quietFor(g.TunnelIdle) {
		t.end(idle, statusGoingAway, linger)
	}
}

func (ts *tunnels) quietFor(limit time.Duration) []*tunnel {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var quiet []*tunnel
	for t, handshake := range ts.all {
		if handshake == nil && t.quiet() > limit {
			quiet = append(quiet, t)
		}
	}
	return quiet
}

// EndSession ends the WebSockets that were opened by a session's token: Mattermost
// leaves them open and silent (docs/mattermost.md G3).
func (g *Gateway) EndSession(token string) { g.endSession(token, signedOut) }

func (g *Gateway) endSession(token string, why cause) {
	for _, t := range g.tunnels.of(token) {
		t.end(why, statusPolicy, linger)
	}
}

func (ts *tunnels) of(token string) []*tunnel {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.doubts++ // a handshake under way may be by this very token
	if s := ts.sessions[token]; s != nil {
		return slices.Clone(s.tunnels)
	}
	return nil
}

// Recheck asks Mattermost at once about the sessions of a user that have a
// WebSocket, instead of in their turn, and about those of nobody knows whom; where
// user is empty, about all. What Mattermost does not know any more loses its
// WebSockets. Recheck does not wait for that.
//
// Whose a session is, browsers say themselves (MMUSERID). Who lies is asked about
// in turn, and hears nothing more from Mattermost as it is (docs/mattermost.md G3).
func (g *Gateway) Recheck(user string) {
	ts := &g.tunnels
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.doubts++
	for _, s := range ts.sessions {
		if user == "" || s.user == "" || s.user == user {
			s.due = time.Time{}
		}
	}
	ts.wake()
}

func (ts *tunnels) wake() {
	select {
	case ts.hurry <- struct{}{}:
	default: // somebody else did
	}
}

// askDue asks about the sessions that are due and ends those that Mattermost does
// not know any more. One that cannot be asked about goes on.
func (g *Gateway) askDue(ctx context.Context) {
	for ctx.Err() == nil {
		due := g.tunnels.due(time.Now(), g.AliveEvery)
		if len(due) == 0 {
			return
		}
		g.askAbout(ctx, due)
	}
}

func (g *Gateway) askAbout(ctx context.Context, due []checkup) {
	var group errgroup.Group
	group.SetLimit(aliveParallel)
	for _, q := range due {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
			defer cancel()
			if alive, err := g.Alive(ctx, q.token, q.program); err == nil && !alive {
				g.endSession(q.token, revoked)
			}
			return nil
		})
	}
	_ = group.Wait() // they return none
}

// checkup is of a session that has a tunnel.
type checkup struct {
	token   string
	program bool
}

// due returns a few sessions whose time has come, and sets them a new one. Those for
// which somebody waits are first.
func (ts *tunnels) due(now time.Time, interval time.Duration) []checkup {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var first, others []checkup
	for token, s := range ts.sessions {
		switch {
		case s.due.IsZero():
			first = append(first, checkup{token, s.program})
		case !now.Before(s.due):
			others = append(others, checkup{token, s.program})
		}
	}
	due := append(first, others...)
	due = due[:min(len(due), aliveFew)]
	for _, q := range due {
		ts.sessions[q.token].due = now.Add(interval)
	}
	return due
}

// firstDue spreads those who come in one instant, as after a restart.
func firstDue(interval time.Duration) time.Time {
	return time.Now().Add(interval/2 + rand.N(interval/2))
}
