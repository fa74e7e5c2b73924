package limit

import (
	"errors"
	"testing"
	"time"
)

// answers stand in for Redis; with the real one: package shared.
type answers func(key string, args []int64) ([]int64, error)

func (a answers) Run(_, key string, args ...int64) ([]int64, error) { return a(key, args) }

func TestTheCommonBucketDecidesByTheRule(t *testing.T) {
	var asked []int64
	s := NewShared(New(Options{Tokens: 5, Per: time.Minute}), "login", answers(func(_ string, args []int64) ([]int64, error) {
		asked = args
		return []int64{1, (24 * time.Second).Microseconds()}, nil
	}))
	want := Decision{OK: true, Limit: 5, Remaining: 3, Reset: 24 * time.Second, Per: time.Minute}
	if got := s.Allow(key("dana"), key("net")); got != want {
		t.Errorf("Allow() = %+v, want %+v", got, want)
	}
	if len(asked) != 2 || asked[0] != time.Minute.Microseconds() || asked[1] != 5 {
		t.Errorf("asked with %v", asked)
	}
}

func TestACommonRefusalCostsTheInstanceNothing(t *testing.T) {
	local := New(Options{Tokens: 2, Per: time.Hour})
	s := NewShared(local, "login", answers(func(string, []int64) ([]int64, error) {
		return []int64{0, time.Hour.Microseconds()}, nil
	}))
	for range 10 {
		if d := s.Allow(key("dana"), key("net")); d.OK || d.RetryAfter != 30*time.Minute || d.Remaining != 0 {
			t.Fatalf("Allow() = %+v", d)
		}
	}
	if local.Len() != 0 {
		t.Error("the instance's own bucket was charged")
	}
}

func TestWithoutAnAnswerTheInstanceGoesOnWithWhatItHasSeen(t *testing.T) {
	for name, away := range map[string]answers{
		"an error":      func(string, []int64) ([]int64, error) { return nil, errors.New("away") },
		"half a answer": func(string, []int64) ([]int64, error) { return []int64{1}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			runner := answers(func(string, []int64) ([]int64, error) { return []int64{1, 1}, nil })
			s := NewShared(New(Options{Tokens: 3, Per: time.Hour}), "login", answers(func(k string, a []int64) ([]int64, error) { return runner(k, a) }))
			s.Allow(key("dana"), key("net"))
			runner = away
			for i, want := range []bool{true, true, false} {
				if got := s.Allow(key("dana"), key("net")); got.OK != want {
					t.Errorf("try %d without an answer: %+v", i, got)
				}
			}
		})
	}
}

func TestACommonBucketThatForgotGivesNoMoreThanTheInstance(t *testing.T) {
	now := time.Unix(0, 0)
	s := NewShared(New(Options{Tokens: 2, Per: 2 * time.Second, Now: func() time.Time { return now }}), "login",
		answers(func(string, []int64) ([]int64, error) { return []int64{1, 1}, nil }))
	for i, want := range []bool{true, true, false} {
		if got := s.Allow(key("dana"), key("net")); got.OK != want {
			t.Errorf("try %d: %+v", i, got)
		}
	}
	now = now.Add(time.Second - skew) // two clocks may disagree by so much
	if got := s.Allow(key("dana"), key("net")); !got.OK {
		t.Errorf("refused %v before the token is due: %+v", skew, got)
	}
}
