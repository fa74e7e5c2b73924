package limit

import (
	"testing"
	"time"
)

// skipWithRace: raced builds allocate more, and sync.Pool forgets at random in them.
func skipWithRace(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has a memory of its own")
	}
}

func TestAKeyTakesAtMost200Bytes(t *testing.T) {
	skipWithRace(t)
	for name, n := range map[string]int{"few": 3_000, "default capacity": 200_000} {
		t.Run(name, func(t *testing.T) {
			keys := randomKeys(n)
			before := heap()
			l := New(Options{Tokens: 1, Per: time.Hour, Capacity: n})
			empty := heap() - before
			for _, k := range keys {
				l.Allow(k, k)
			}
			if got := float64(heap()-before-empty) / float64(l.Len()); got > 200 {
				t.Errorf("%.0f bytes a key", got)
			}
			if empty > 128<<10 {
				t.Errorf("%d bytes before the first key", empty)
			}
		})
	}
}

func TestAnAccountWithFailuresTakesAtMost150Bytes(t *testing.T) {
	skipWithRace(t)
	const n = 50_000
	keys := randomKeys(n)
	before := heap()
	f := NewFailures(n)
	for _, k := range keys {
		fail(f, k, 1)
	}
	if got := float64(heap()-before) / float64(f.Len()); got > 150 {
		t.Errorf("%.0f bytes an account", got)
	}
}

func TestAKeyOfUsualLengthAllocatesNothing(t *testing.T) {
	skipWithRace(t)
	h := NewHasher([]byte("secret"))
	l := New(Options{})
	if n := testing.AllocsPerRun(100, func() { k := h.Key("login", "dana@erp.test"); l.Allow(k, k) }); n > 0 {
		t.Errorf("%v allocations a decision, want 0", n)
	}
}
