package gateway

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// errDraining is why a handshake was broken off by us.
var errDraining = errors.New("the gateway is stopping")

// tunnels is the registry of what is open: http.Server.Shutdown knows nothing of
// connections that were hijacked.
type tunnels struct {
	mu       sync.Mutex
	all      map[*tunnel]context.CancelCauseFunc // nil once it is open
	clients  map[netip.Prefix]int
	sessions map[string]*session
	doubts   uint // how often somebody asked for questions out of turn
	closed   bool
	empty    sync.WaitGroup // of those that are open

	hurry  chan struct{}  // a question is due before its turn
	poller *poller        // nil before the first one
	stop   func()         // ends what runs beside the tunnels
	beside sync.WaitGroup // of that
}

// session is what is open by one token. The token itself is the key: it has to be
// at hand for asking Mattermost about it.
type session struct {
	tunnels []*tunnel
	user    string    // the id that the browser claims, empty where it is not known
	program bool      // the token came by Authorization alone
	due     time.Time // for asking; zero is before everybody else
}

func newTunnels() tunnels {
	return tunnels{
		all: map[*tunnel]context.CancelCauseFunc{}, clients: map[netip.Prefix]int{},
		sessions: map[string]*session{}, stop: func() {}, hurry: make(chan struct{}, 1),
	}
}

// admit takes note of a handshake, which cancel breaks off, or tells why there
// cannot be one more.
func (g *Gateway) admit(network netip.Prefix, cancel context.CancelCauseFunc) (*tunnel, refusal) {
	ts := &g.tunnels
	ts.mu.Lock()
	defer ts.mu.Unlock()
	switch {
	case ts.closed:
		return nil, refuseDraining
	case len(ts.all) >= g.TunnelsMost:
		return nil, refuseTunnels
	case ts.clients[network] >= g.TunnelsPerClient:
		return nil, refuseClientTunnels
	}
	if ts.poller == nil && g.watchTunnels() != nil {
		return nil, refuseTunnels
	}
	t := &tunnel{gateway: g, network: network, doubts: ts.doubts}
	ts.all[t] = cancel
	ts.clients[network]++
	return t, refusal{}
}

// watchTunnels starts what all tunnels share.
func (g *Gateway) watchTunnels() error {
	poller, err := newPoller()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	ts := &g.tunnels
	ts.poller, ts.stop = poller, func() { stop(); poller.close() }
	ts.beside.Go(poller.run)
	ts.beside.Go(func() { every(ctx, g.TunnelIdle/8, nil, g.endIdle) })
	if g.Alive != nil {
		ts.beside.Go(func() { every(ctx, g.AliveEvery/45, ts.hurry, func() { g.askDue(ctx) }) })
	}
	return nil
}

// giveUp forgets a handshake that led to no tunnel.
func (ts *tunnels) giveUp(t *tunnel) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if cancel := ts.all[t]; cancel != nil {
		ts.forget(t)
	}
}

func (ts *tunnels) forget(t *tunnel) {
	delete(ts.all, t)
	if ts.clients[t.network]--; ts.clients[t.network] == 0 {
		delete(ts.clients, t.network)
	}
}

// begin makes a tunnel of a handshake, or reports that it is too late. The tunnel
// can be ended from now on. user is who the browser claims to be.
func (g *Gateway) begin(t *tunnel, user string) bool {
	ts := &g.tunnels
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.closed {
		return false
	}
	ts.all[t] = nil
	ts.empty.Add(1)
	if t.token != "" {
		ts.enrol(t, user, g.AliveEvery)
	}
	g.Tunnels(+1)
	return true
}

// enrol adds a tunnel to its session's. A doubt that came up during the handshake
// did not find it, and may have been about it.
func (ts *tunnels) enrol(t *tunnel, user string, interval time.Duration) {
	s := ts.sessions[t.token]
	if s == nil {
		s = &session{user: user, program: true, due: firstDue(interval)}
		ts.sessions[t.token] = s
	}
	if s.user != user {
		s.user = "" // one of the claims is wrong
	}
	s.program = s.program && t.program
	if t.doubts != ts.doubts {
		s.due = time.Time{}
		ts.wake()
	}
	s.tunnels = append(s.tunnels, t)
}

func (g *Gateway) remove(t *tunnel) {
	ts := &g.tunnels
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.forget(t)
	if s := ts.sessions[t.token]; s != nil {
		s.tunnels = slices.DeleteFunc(s.tunnels, func(other *tunnel) bool { return other == t })
		if len(s.tunnels) == 0 {
			delete(ts.sessions, t.token)
		}
	}
	g.Tunnels(-1)
	ts.empty.Done()
}

// close admits no more, breaks off the handshakes, and returns what is open.
func (ts *tunnels) close() []*tunnel {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.closed = true
	var open []*tunnel
	for t, cancel := range ts.all {
		if cancel == nil {
			open = append(open, t)
		} else {
			cancel(errDraining)
		}
	}
	return open
}

// Drain takes no more WebSockets and says goodbye to those that are open, one
// after the other, spread over half the time until ctx's deadline (at once without
// one), so that browsers do not all come back in the same instant. It returns when
// none is left, or with ctx's error when all of them were told.
func (g *Gateway) Drain(ctx context.Context) error {
	open := g.tunnels.close()
	pause, within := time.Duration(0), linger
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		pause, within = left/time.Duration(2*len(open)+1), min(linger, left/4)
	}
	empty := g.tunnels.emptied()
	for i, t := range open {
		if i > 0 {
			pauseFor(ctx, pause, empty)
		}
		t.end(draining, statusRestart, within)
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// emptied is closed when no tunnel is left.
func (ts *tunnels) emptied() <-chan struct{} {
	empty := make(chan struct{})
	go func() {
		ts.empty.Wait()
		close(empty)
	}()
	return empty
}

// pauseFor ends early where nobody is left to wait for.
func pauseFor(ctx context.Context, pause time.Duration, empty <-chan struct{}) {
	if pause <= 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-empty:
	case <-ctx.Done():
	}
}

// Close ends every WebSocket now, and closes kept connections. Requests under way
// are not touched. A Gateway that carried a WebSocket must be closed.
func (g *Gateway) Close() {
	for _, t := range g.tunnels.close() {
		t.blame(draining, nil)
		t.cut()
	}
	g.tunnels.empty.Wait()
	g.tunnels.stop() // nobody sets it any more
	g.tunnels.beside.Wait()
	g.carrier.close()
}
