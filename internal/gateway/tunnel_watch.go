package gateway

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// How many sessions are asked about at the same time, and how long for each.
const (
	aliveParallel = 4
	aliveTimeout  = 5 * time.Second
)

// every calls f once in a while until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	ticker := time.NewTicker(max(d, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
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
	if s := ts.sessions[token]; s != nil {
		return slices.Clone(s.tunnels)
	}
	return nil
}

// askDue asks about the sessions that are due and ends those that Mattermost does
// not know any more. One that cannot be asked about goes on.
func (g *Gateway) askDue(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(aliveParallel)
	for _, token := range g.tunnels.due(time.Now(), g.AliveEvery) {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
			defer cancel()
			if alive, err := g.Alive(ctx, token); err == nil && !alive {
				g.endSession(token, revoked)
			}
			return nil
		})
	}
	_ = group.Wait() // they return none
}

// due returns the tokens whose time has come, and sets them a new one.
func (ts *tunnels) due(now time.Time, interval time.Duration) []string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var tokens []string
	for token, s := range ts.sessions {
		if !now.Before(s.due) {
			s.due = now.Add(interval)
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// firstDue spreads those who come in one instant, as after a restart.
func firstDue(interval time.Duration) time.Time {
	return time.Now().Add(interval/2 + rand.N(interval/2))
}
