package limit

import (
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func fail(f *Failures, k Key, times int) {
	for range times {
		if f.Begin(k, 1000) {
			f.Fail(k)
		}
	}
}

func TestParallelGuessesStayBelowTheCeiling(t *testing.T) {
	f := NewFailures(0)
	k := key("dana")
	var begun atomic.Int32
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if f.Begin(k, 6) {
				begun.Add(1)
				f.Fail(k)
			}
		})
	}
	wg.Wait()
	if begun.Load() != 6 || f.Count(k) != 6 {
		t.Errorf("%d guesses went through, count %d, want 6 and 6", begun.Load(), f.Count(k))
	}
}

func TestATryEndsAsAFailureAReleaseOrASuccess(t *testing.T) {
	cases := map[string]struct {
		end  func(*Failures, Key)
		want int
	}{
		"a failure stays":              {func(f *Failures, k Key) { f.Fail(k) }, 4},
		"a release takes itself back":  {func(f *Failures, k Key) { f.Release(k) }, 3},
		"a success clears the account": {func(f *Failures, k Key) { f.Succeed(k) }, 0},
		"an admin clears what counted": {func(f *Failures, k Key) { f.Clear(k) }, 1},
		"in flight it counts already":  {func(*Failures, Key) {}, 4},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := NewFailures(10)
			k := key("dana")
			fail(f, k, 3)
			f.Begin(k, 6)
			c.end(f, k)
			if got := f.Count(k); got != c.want {
				t.Errorf("Count() = %d, want %d", got, c.want)
			}
		})
	}
}

func TestASuccessDoesNotForgiveTriesInFlight(t *testing.T) {
	f := NewFailures(10)
	k := key("dana")
	for range 6 {
		f.Begin(k, 6)
	}
	f.Succeed(k)
	if f.Begin(k, 5) {
		t.Error("a new try began while five are in flight and the ceiling is five")
	}
	for range 5 {
		f.Fail(k)
	}
	if f.Count(k) != 5 {
		t.Errorf("Count() = %d, want 5", f.Count(k))
	}
}

func TestAHigherCeilingLetsAKnownDeviceIn(t *testing.T) {
	f := NewFailures(10)
	k := key("dana")
	fail(f, k, 6)
	if f.Begin(k, 6) {
		t.Error("a stranger's seventh try began")
	}
	if !f.Begin(k, 9) {
		t.Error("a known device was refused below its ceiling")
	}
	if f.Begin(key("anyone"), 0) {
		t.Error("a ceiling of zero let a try begin")
	}
}

func TestAnEndWithoutABeginningIsIgnored(t *testing.T) {
	f := NewFailures(10)
	k := key("dana")
	f.Fail(k)
	f.Release(k)
	f.Succeed(k)
	f.Clear(k)
	if f.Len() != 0 {
		t.Errorf("Len() = %d, want 0", f.Len())
	}
	fail(f, k, 2)
	f.Fail(k)
	f.Succeed(k)
	if f.Count(k) != 2 {
		t.Errorf("Count() = %d, want 2", f.Count(k))
	}
}

func TestOnlyAccountsWithFailuresTakeRoom(t *testing.T) {
	f := NewFailures(10)
	for i := range 100 {
		f.Begin(key(i), 6)
		f.Succeed(key(i))
	}
	if f.Len() != 0 {
		t.Errorf("Len() = %d, want 0", f.Len())
	}
}

func TestAFloodDoesNotWashOutAVictim(t *testing.T) {
	f := NewFailures(100)
	victim := key("victim")
	fail(f, victim, 5)
	for i := range 5000 {
		fail(f, key("junk", i), 1)
	}
	if got := f.Count(victim); got != 5 {
		t.Errorf("Count() = %d after the flood, want 5", got)
	}
	if f.Len() > 100 {
		t.Errorf("Len() = %d, want at most 100", f.Len())
	}
}

func TestATableOfTwosDoesNotWashOutAOne(t *testing.T) {
	f := NewFailures(100)
	for i := range 99 {
		fail(f, key("filler", i), 2)
	}
	victim := key("victim")
	fail(f, victim, 1)
	for i := range 50 {
		fail(f, key("junk", i), 1)
	}
	if got := f.Count(victim); got != 1 {
		t.Errorf("Count() = %d after half a table of junk, want 1", got)
	}
}

func TestATryInFlightIsNeverForgotten(t *testing.T) {
	f := NewFailures(3)
	for i := range 3 {
		f.Begin(key(i), 6)
	}
	if f.Begin(key("new"), 6) {
		t.Error("a new account pushed out a try in flight")
	}
	f.Fail(key(1))
	if !f.Begin(key("new"), 6) {
		t.Error("refused although one account can be forgotten")
	}
	if f.Count(key(0)) != 1 || f.Count(key(2)) != 1 || f.Count(key(1)) != 0 {
		t.Error("another account than the one without a try in flight was forgotten")
	}
}

// With room for every account, no schedule lets more failures happen between
// two successes than the ceiling.
func TestNoScheduleExceedsTheCeiling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := NewFailures(4)
		ceiling := rapid.IntRange(1, 6).Draw(t, "ceiling")
		failed, inFlight := map[int]int{}, map[int]int{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			i := rapid.IntRange(0, 3).Draw(t, "account")
			k := key(i)
			switch step := rapid.SampledFrom([]string{"begin", "begin", "fail", "release", "succeed", "clear"}).Draw(t, "step"); {
			case step == "begin":
				want := failed[i]+inFlight[i] < ceiling
				if got := f.Begin(k, ceiling); got != want {
					t.Fatalf("Begin = %v with %d failed and %d in flight of %d", got, failed[i], inFlight[i], ceiling)
				}
				if want {
					inFlight[i]++
				}
			case step == "clear":
				f.Clear(k)
				failed[i] = 0
			case inFlight[i] == 0:
			case step == "fail":
				f.Fail(k)
				failed[i]++
				inFlight[i]--
			case step == "release":
				f.Release(k)
				inFlight[i]--
			case step == "succeed":
				f.Succeed(k)
				failed[i] = 0
				inFlight[i]--
			}
			if got := f.Count(k); got != failed[i]+inFlight[i] {
				t.Fatalf("Count = %d, want %d", got, failed[i]+inFlight[i])
			}
		}
	})
}
