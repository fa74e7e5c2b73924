package limit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// clock is a hand-moved clock without a monotonic reading.
type clock struct{ t time.Time }

func newClock() *clock                   { return &clock{t: time.Unix(1_700_000_000, 0)} }
func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

var hasher = NewHasher([]byte("a secret of the tests, and of nobody else"))

func key(parts ...any) Key { return hasher.Key("test", fmt.Sprint(parts...)) }

func grants(l *Limiter, k, network Key, tries int) (granted int) {
	for range tries {
		if l.Allow(k, network).OK {
			granted++
		}
	}
	return granted
}

func TestAllowTellsWhatIsLeft(t *testing.T) {
	c := newClock()
	l := New(Options{Tokens: 2, Per: time.Minute, Now: c.now})
	k := key("dana")
	want := []Decision{
		{OK: true, Limit: 2, Remaining: 1, Reset: 30 * time.Second, Per: time.Minute},
		{OK: true, Limit: 2, Remaining: 0, Reset: time.Minute, Per: time.Minute},
		{OK: false, Limit: 2, Remaining: 0, Reset: time.Minute, RetryAfter: 30 * time.Second, Per: time.Minute},
	}
	for i, w := range want {
		if diff := cmp.Diff(w, l.Allow(k, k)); diff != "" {
			t.Errorf("try %d (-want +got):\n%s", i+1, diff)
		}
	}
}

func TestZeroOptionsAreFiveAMinute(t *testing.T) {
	l := New(Options{})
	if got := grants(l, key("dana"), key("net"), 20); got != 5 {
		t.Errorf("granted %d of 20, want 5", got)
	}
}

func TestTimeRefills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Tokens: 5, Per: time.Minute})
		k := key("dana")
		grants(l, k, k, 5)
		refused := l.Allow(k, k)
		time.Sleep(refused.RetryAfter - 2*time.Nanosecond) // one of them rate.Limiter overlooks
		if l.Allow(k, k).OK {
			t.Error("granted before Retry-After was over")
		}
		time.Sleep(2 * time.Nanosecond)
		if !l.Allow(k, k).OK {
			t.Error("refused after Retry-After was over")
		}
		time.Sleep(l.Allow(k, k).Reset)
		if got := grants(l, k, k, 10); got != 5 {
			t.Errorf("after Reset granted %d, want the whole burst of 5", got)
		}
	})
}

func TestParallelTriesGetExactlyTheBurst(t *testing.T) {
	l := New(Options{Tokens: 5, Per: time.Hour})
	k := key("dana")
	var granted atomic.Int32
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if l.Allow(k, k).OK {
				granted.Add(1)
			}
		})
	}
	wg.Wait()
	if granted.Load() != 5 {
		t.Errorf("granted %d of 200, want 5", granted.Load())
	}
}

func TestJunkKeysNeverFlushAVictim(t *testing.T) {
	c := newClock()
	l := New(Options{Tokens: 5, Per: time.Hour, Capacity: 200, Now: c.now})
	victim, net := key("victim"), key("attacker")
	granted := 0
	for try := range 200 {
		for junk := range 300 {
			l.Allow(key("junk", try, junk), net)
		}
		granted += grants(l, victim, net, 1)
		if l.Len() > 200 {
			t.Fatalf("%d buckets, capacity is 200", l.Len())
		}
	}
	if granted > 5 {
		t.Errorf("granted %d of 200 tries, want at most 5", granted)
	}
}

func TestFullBucketsMakeRoom(t *testing.T) {
	c := newClock()
	l := New(Options{Tokens: 5, Per: time.Minute, Capacity: 100, Now: c.now})
	net := key("net")
	for i := range 100 {
		grants(l, key(i), net, 5)
	}
	debtor := key(7)
	c.advance(30 * time.Second)
	grants(l, debtor, net, 5)   // in debt for longer than the others
	c.advance(31 * time.Second) // 99 are full again
	for i := range 99 {
		if got := grants(l, key("new", i), net, 6); got != 5 {
			t.Fatalf("new key %d got %d of a bucket of its own, want 5", i, got)
		}
	}
	if got := grants(l, debtor, net, 10); got != 3 {
		t.Errorf("the bucket in debt granted %d, want the 3 that 61 s bring to it", got)
	}
	if l.Overflowed() != 0 {
		t.Errorf("%d decisions on a shared bucket, want none while there is room", l.Overflowed())
	}
}

func TestWhenAllAreInDebtNewKeysShareTheirNetworksBucket(t *testing.T) {
	c := newClock()
	l := New(Options{Tokens: 5, Per: time.Minute, Capacity: 10, Now: c.now})
	attacker, office := key("attacker"), key("office")
	for i := range 10 {
		grants(l, key(i), attacker, 5)
	}
	sum := 0
	for i := range 100 {
		sum += grants(l, key("more", i), attacker, 1)
	}
	if sum != 5 {
		t.Errorf("the attacker's further keys got %d tokens in all, want 5", sum)
	}
	if got := grants(l, key("dana"), office, 10); got != 5 {
		t.Errorf("a new key of another network got %d, want 5", got)
	}
	if got := l.Overflowed(); got != 110 {
		t.Errorf("Overflowed() = %d, want 110", got)
	}
	if l.Len() != 10 {
		t.Errorf("Len() = %d, want 10", l.Len())
	}
}

func TestAKeyIsNotPaidAgainWhenRoomAppears(t *testing.T) {
	c := newClock()
	l := New(Options{Tokens: 5, Per: time.Minute, Capacity: 1, Now: c.now})
	net, first, k := key("net"), key("first"), key("k")
	grants(l, first, net, 5)
	if got := grants(l, k, net, 9); got != 5 {
		t.Fatalf("shared bucket granted %d, want 5", got)
	}
	l.Forget(first) // room
	if got := grants(l, k, net, 9); got != 0 {
		t.Errorf("a bucket of its own paid %d more at the same instant, want 0", got)
	}
	c.advance(12 * time.Second)
	if got := grants(l, k, net, 9); got != 1 {
		t.Errorf("12 s later granted %d, want 1", got)
	}
	if l.Overflowed() != 9 {
		t.Errorf("Overflowed() = %d, want 9: the key has a bucket of its own now", l.Overflowed())
	}
}

func TestForgetFillsTheBucket(t *testing.T) {
	l := New(Options{Tokens: 3, Per: time.Hour})
	k := key("dana")
	grants(l, k, k, 3)
	l.Forget(k)
	l.Forget(key("never seen"))
	if got := grants(l, k, k, 10); got != 3 {
		t.Errorf("granted %d after Forget, want 3", got)
	}
}

func TestAClockThatGoesBackNeitherRefillsNorLocks(t *testing.T) {
	c := newClock()
	l := New(Options{Tokens: 5, Per: time.Minute, Capacity: 2, Now: c.now})
	k, net := key("dana"), key("net")
	grants(l, k, net, 4)
	c.advance(-time.Hour)
	if got := grants(l, k, net, 10); got != 1 {
		t.Errorf("an hour back granted %d, want the 1 that was left", got)
	}
	c.advance(time.Minute)
	if got := grants(l, k, net, 10); got != 5 {
		t.Errorf("a minute on granted %d, want 5: no lock", got)
	}
	grants(l, key("other"), net, 1)
	c.advance(-30 * time.Minute)
	if got := grants(l, key("third"), net, 10); got > 5 {
		t.Errorf("a new key got %d, want at most 5", got)
	}
	if got := grants(l, k, net, 10); got != 0 {
		t.Errorf("a bucket in debt was forgotten when the clock went back: granted %d", got)
	}
}

func TestMemoryGrowsWithKeysNotWithCapacity(t *testing.T) {
	l := New(Options{Capacity: 1_000_000})
	l.Allow(key("one"), key("net"))
	chunks := 0
	for i := range l.shards {
		chunks += len(l.shards[i].chunks)
	}
	if chunks != 1 {
		t.Errorf("one key allocated %d chunks, want 1", chunks)
	}
}

func TestCapacityHoldsForAnySize(t *testing.T) {
	for _, capacity := range []int{1, 2, 63, 64, 127, 128, 1000, 12_345} {
		l := New(Options{Tokens: 1, Per: time.Hour, Capacity: capacity})
		for i := range 3 * capacity {
			l.Allow(key(i), key("net"))
		}
		if got := l.Len(); got > capacity || got < capacity-len(l.shards) {
			t.Errorf("capacity %d: %d buckets", capacity, got)
		}
	}
}

// Whatever the schedule, no key of one network is granted more than
// burst + rate × elapsed in any window that starts at its first try.
func TestNoScheduleGrantsMoreThanTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		tokens := rapid.IntRange(1, 8).Draw(t, "tokens")
		per := time.Duration(rapid.IntRange(1, 120).Draw(t, "per")) * time.Second
		l := New(Options{Tokens: tokens, Per: per, Capacity: rapid.IntRange(1, 6).Draw(t, "capacity"), Now: c.now})
		first, granted := map[int]time.Time{}, map[int]int{}
		for range rapid.IntRange(1, 150).Draw(t, "tries") {
			c.advance(time.Duration(rapid.Int64Range(0, int64(per)/2).Draw(t, "pause")))
			k := rapid.IntRange(0, 9).Draw(t, "key")
			if _, seen := first[k]; !seen {
				first[k] = c.t
			}
			d := l.Allow(key(k), key("net", k%3))
			if d.OK == (d.RetryAfter > 0) {
				t.Fatalf("OK %v with RetryAfter %v", d.OK, d.RetryAfter)
			}
			if d.OK {
				granted[k]++
			}
			most := float64(tokens) + float64(tokens)*c.t.Sub(first[k]).Seconds()/per.Seconds()
			if float64(granted[k]) > most+1e-6 {
				t.Fatalf("key %d was granted %d, rate allows %.3f", k, granted[k], most)
			}
		}
	})
}

func TestManyKeysInParallelStayBounded(t *testing.T) {
	l := New(Options{Tokens: 2, Per: time.Hour, Capacity: 500})
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				l.Allow(key(i), key("net", worker))
				if i%100 == 0 {
					l.Forget(key(i))
				}
			}
		})
	}
	wg.Wait()
	if l.Len() > 500 {
		t.Errorf("Len() = %d, want at most 500", l.Len())
	}
}
