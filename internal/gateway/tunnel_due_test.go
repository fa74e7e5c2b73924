package gateway

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestWhoIsWaitedForIsAskedAboutFirst: among a thousand whose turn it is, and only
// a few at a time, so that nobody waits behind them.
func TestWhoIsWaitedForIsAskedAboutFirst(t *testing.T) {
	now := time.Now()
	ts := newTunnels()
	for i := range 1000 {
		ts.sessions[fmt.Sprint(i)] = &session{due: now.Add(-time.Second)}
	}
	ts.sessions["waited for"] = &session{}
	ts.sessions["not due"] = &session{due: now.Add(time.Second)}
	first := ts.due(now, time.Minute)
	if first[0].token != "waited for" || len(first) > 100 {
		t.Errorf("%d, %q first", len(first), first[0].token)
	}
	var all []string
	for next := first; len(next) > 0; next = ts.due(now, time.Minute) {
		for _, q := range next {
			all = append(all, q.token)
		}
	}
	slices.Sort(all)
	if len(all) != 1001 || len(slices.Compact(all)) != 1001 || slices.Contains(all, "not due") {
		t.Errorf("%d were asked about", len(all))
	}
}
