// Package doctor says whether an installation is well, and what would help. A [Board]
// keeps the verdicts of checks that are handed in, for readiness; [Settings] judges
// what Mattermost is set to, and [Front] walks the way of browsers, for operators.
//
// It talks to nobody but the addresses that browsers use, and knows neither the
// program's configuration nor Mattermost's API: both arrive as plain values.
package doctor

import (
	"context"
	"sync"
	"time"
)

// Check is one thing that must hold for this program to serve.
type Check struct {
	Name string
	// Vital: without it nobody can sign in at all.
	Vital bool
	Run   func(context.Context) error
}

// Result is a check's verdict; Err is nil where it holds.
type Result struct {
	Name  string
	Vital bool
	Err   error
}

// State sums a report up for people.
type State string

// The states: everything holds; people can sign in, something else fails;
// nobody can sign in.
const (
	OK       State = "ok"
	Degraded State = "degraded"
	Down     State = "down"
)

// Report is the verdict of every check at one time.
type Report struct {
	Results  []Result
	At       time.Time
	Stopping bool // the program is draining
}

// Ready reports whether everything is as it should be for traffic to come here.
func (r Report) Ready() bool { return !r.Stopping && r.State() == OK }

// Serving reports whether traffic that comes here is served: what several instances
// share may be away, and to take all of them out would help nobody.
func (r Report) Serving() bool { return !r.Stopping && r.State() != Down }

// State sums the results up. A report that was never made is Down.
func (r Report) State() State {
	if r.At.IsZero() {
		return Down
	}
	state := OK
	for _, result := range r.Results {
		switch {
		case result.Err == nil:
		case result.Vital:
			return Down
		default:
			state = Degraded
		}
	}
	return state
}

// Options of a Board; zero values get the stated default.
type Options struct {
	Checks  []Check
	Fresh   time.Duration // how long a report is used; 2 s
	Timeout time.Duration // for one check; 3 s
	Now     func() time.Time
	// Changed is told of a check that fails and did not before, and, with nil, of one
	// that holds again.
	Changed func(check string, err error)
}

// Board keeps the last report, so that a storm of questions is one run of the
// checks every two seconds.
type Board struct {
	Options
	mu       sync.Mutex
	last     Report
	running  chan struct{} // closed when the current run ends; nil: none runs
	stopping bool
}

// NewBoard returns a Board that has run nothing yet.
func NewBoard(o Options) *Board {
	if o.Fresh == 0 {
		o.Fresh = 2 * time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Board{Options: o}
}

// Stop makes every later report say that the program is draining.
func (b *Board) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopping = true
}

// Report answers the last report, or a new one where that is no longer fresh.
// Callers that come while the checks run share their outcome; one whose context
// ends first gets what is known.
func (b *Board) Report(ctx context.Context) Report {
	wait := b.refresh()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	report := b.last
	report.Stopping = b.stopping
	return report
}

// refresh starts a run unless one is going or the last is fresh. It answers
// what to wait for, nil for nothing.
func (b *Board) refresh() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running != nil {
		return b.running
	}
	if !b.last.At.IsZero() && b.Now().Sub(b.last.At) < b.Fresh {
		return nil
	}
	done := make(chan struct{})
	b.running = done
	// Not bound to the caller: others wait for the same outcome.
	go func() {
		results := b.run()
		b.mu.Lock()
		defer b.mu.Unlock()
		b.tell(results)
		b.last, b.running = Report{Results: results, At: b.Now()}, nil
		close(done)
	}()
	return done
}

// tell compares with the last report.
func (b *Board) tell(results []Result) {
	if b.Changed == nil {
		return
	}
	for i, result := range results {
		failed := i < len(b.last.Results) && b.last.Results[i].Err != nil
		if failed != (result.Err != nil) {
			b.Changed(result.Name, result.Err)
		}
	}
}

// run asks every check at the same time.
func (b *Board) run() []Result {
	ctx, cancel := context.WithTimeout(context.Background(), b.Timeout)
	defer cancel()
	results := make([]Result, len(b.Checks))
	var wg sync.WaitGroup
	for i, check := range b.Checks {
		wg.Go(func() { results[i] = Result{check.Name, check.Vital, check.Run(ctx)} })
	}
	wg.Wait()
	return results
}
