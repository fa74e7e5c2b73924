package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"matterpass/internal/login"
)

func (f *fixture) try(account string, ceiling int) bool {
	f.t.Helper()
	ok, err := f.BeginTry(context.Background(), account, ceiling)
	wantErr(f.t, err, nil)
	return ok
}

func (f *fixture) ends(account string, v login.Verdict) {
	f.t.Helper()
	wantErr(f.t, f.EndTry(context.Background(), account, v), nil)
}

// count is the number of failures counted and reserved: the highest ceiling that refuses.
func (f *fixture) count(account string) int {
	f.t.Helper()
	var n int
	err := f.one(context.Background(), query{
		sql: `SELECT failed + in_flight FROM failures WHERE account_mac = $1`, args: []any{f.ring.mac("failures", account)},
	}, &n)
	if err != nil && !errors.Is(err, login.ErrUnknown) {
		f.t.Fatal(err)
	}
	return n
}

func TestAHundredGuessesAtOnceStayBelowTheCeiling(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		full := errors.New("no try left")
		guess := func(int) error {
			if !f.try("dana", 6) {
				return full
			}
			f.ends("dana", login.Counted)
			return nil
		}
		if won := race(t, guess, full); won != 6 || f.count("dana") != 6 {
			t.Errorf("%d guesses went through, count %d, want 6 and 6", won, f.count("dana"))
		}
		if f.try("erin", 0) || !f.try("erin", 1) || !f.try("dana", 7) {
			t.Error("another account, or a higher ceiling, was judged by the same count")
		}
	})
}

func TestATryEndsCountedOrNotOrAsASuccess(t *testing.T) {
	cases := map[string]struct {
		end  func(f *fixture)
		want int
	}{
		"a failure stays":              {func(f *fixture) { f.ends("dana", login.Counted) }, 4},
		"a release takes itself back":  {func(f *fixture) { f.ends("dana", login.NotCounted) }, 3},
		"a success clears the account": {func(f *fixture) { f.ends("dana", login.Succeeded) }, 0},
		"an admin clears what counted": {func(f *fixture) { wantErr(f.t, f.ClearTries(context.Background(), "dana"), nil) }, 1},
		"in flight it counts already":  {func(*fixture) {}, 4},
		"an end too many is ignored": {func(f *fixture) {
			f.ends("dana", login.Counted)
			f.ends("dana", login.Counted)
			f.ends("dana", login.NotCounted)
		}, 4},
		"an account that has none": {func(f *fixture) { f.ends("erin", login.Counted) }, 4},
	}
	everywhere(t, func(t *testing.T, f *fixture) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				f.clear(t, "failures")
				for range 3 {
					f.try("dana", 6)
					f.ends("dana", login.Counted)
				}
				f.try("dana", 6)
				c.end(f)
				if got := f.count("dana"); got != c.want {
					t.Errorf("count = %d, want %d", got, c.want)
				}
			})
		}
	})
}

func TestAReservationThatLeakedIsAFailure(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.try("dana", 6)
		f.clock.advance(leaked - time.Millisecond)
		f.try("dana", 6)
		f.ends("dana", login.Succeeded)
		if f.count("dana") != 1 {
			t.Errorf("count = %d: a reservation was given up too early", f.count("dana"))
		}
		f.clock.advance(time.Millisecond)
		f.try("dana", 6) // the leaked one is a failure from here on
		f.ends("dana", login.Succeeded)
		if f.count("dana") != 0 {
			t.Errorf("count = %d after a success, want 0", f.count("dana"))
		}
	})
}

func TestFailuresOutliveARotationOfKeys(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		for range 4 {
			f.try("dana", 6)
			f.ends("dana", login.Counted)
		}
		next := f.with("k2", "k1")
		if !next.try("dana", 5) || next.try("dana", 5) {
			t.Error("the count began anew")
		}
		wantErr(t, next.ClearTries(context.Background(), "dana"), nil)
		if got := next.count("dana"); got != 1 {
			t.Errorf("count = %d, want the one in flight", got)
		}
	})
}

// The same walk as limit.Failures takes, over the database.
func TestNoScheduleExceedsTheCeiling(t *testing.T) {
	f := newFixture(t, inMemory)
	rapid.Check(t, func(r *rapid.T) {
		f.clear(t, "failures")
		ceiling := rapid.IntRange(1, 6).Draw(r, "ceiling")
		failed, inFlight := 0, 0
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			switch step := rapid.SampledFrom([]string{"begin", "begin", "fail", "release", "succeed", "clear"}).Draw(r, "step"); {
			case step == "begin":
				want := failed+inFlight < ceiling
				if got := f.try("dana", ceiling); got != want {
					r.Fatalf("BeginTry = %v with %d failed and %d in flight of %d", got, failed, inFlight, ceiling)
				}
				if want {
					inFlight++
				}
			case step == "clear":
				wantErr(t, f.ClearTries(context.Background(), "dana"), nil)
				failed = 0
			case inFlight == 0:
			case step == "fail":
				f.ends("dana", login.Counted)
				failed, inFlight = failed+1, inFlight-1
			case step == "release":
				f.ends("dana", login.NotCounted)
				inFlight--
			case step == "succeed":
				f.ends("dana", login.Succeeded)
				failed, inFlight = 0, inFlight-1
			}
			if got := f.count("dana"); got != failed+inFlight {
				r.Fatalf("count = %d, want %d", got, failed+inFlight)
			}
			if any, err := f.HasTries(context.Background(), "dana"); err != nil || any != (failed+inFlight > 0) {
				r.Fatalf("HasTries = %v, %v with %d failed and %d in flight", any, err, failed, inFlight)
			}
		}
	})
}
