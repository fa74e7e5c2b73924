package store

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/mint"
	"matterpass/internal/ticket"
)

// What the store is to the packages that declared it.
var (
	_ login.Once     = Spent{}
	_ login.Records  = Sessions{}
	_ login.Links    = (*Store)(nil)
	_ login.Origins  = (*Store)(nil)
	_ ticket.Tickets = Tickets{}
	_ mint.Passwords = (*Store)(nil)
	_ mint.Pins      = (*Store)(nil)
	_ mint.Turns     = (*Store)(nil)
)

// clock is the time as a test sets it.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC).UnixMilli())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMilli(c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(d.Milliseconds()) }

// fixture is one database, opened, and opened again.
type fixture struct {
	*Store
	t     *testing.T
	clock *clock
	o     Options
}

func keys(ids ...string) []Key {
	var list []Key
	for _, id := range ids {
		list = append(list, Key{ID: id, Secret: []byte("secret of " + id)})
	}
	return list
}

// everywhere runs one promise over every kind of database, beside other promises:
// most of a test's time is waiting for the disk.
func everywhere(t *testing.T, promise func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	addresses := map[string]func(t *testing.T) string{
		"memory":     func(*testing.T) string { return inMemory },
		"sqlite":     sqliteAddress,
		"postgresql": database,
	}
	for name, address := range addresses {
		t.Run(name, func(t *testing.T) { promise(t, newFixture(t, address(t))) })
	}
}

func sqliteAddress(t *testing.T) string {
	return "sqlite://" + filepath.Join(t.TempDir(), "matter pass.db")
}

func newFixture(t *testing.T, address string) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: newClock()}
	f.o = Options{Address: address, Keys: keys("k1"), Now: f.clock.now, Timeout: 20 * time.Second}
	f.open()
	t.Cleanup(func() { f.Close() })
	return f
}

func (f *fixture) open() {
	f.t.Helper()
	s, err := Open(context.Background(), f.o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.Store = s
}

// with opens the same database with other keys, beside the first opening.
func (f *fixture) with(ids ...string) *fixture {
	f.t.Helper()
	if f.o.Address == inMemory {
		twin := *f.Store
		twin.ring = newRing(keys(ids...))
		return &fixture{t: f.t, clock: f.clock, o: f.o, Store: &twin}
	}
	other := &fixture{t: f.t, clock: f.clock, o: f.o}
	other.o.Keys = keys(ids...)
	other.open()
	f.t.Cleanup(func() { other.Close() })
	return other
}

// race calls try a hundred times at once and counts how often it went well.
func race(t *testing.T, try func(i int) error, otherwise error) int {
	t.Helper()
	var won atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 100 {
		wg.Go(func() {
			<-start
			switch err := try(i); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, otherwise):
				t.Error(err)
			}
		})
	}
	close(start)
	wg.Wait()
	return int(won.Load())
}

// clear empties a table between two cases.
func (f *fixture) clear(t *testing.T, table string) {
	t.Helper()
	_, err := f.exec(context.Background(), "test", `DELETE FROM `+table)
	wantErr(t, err, nil)
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error = %v, want %v", got, want)
	}
}
