package shared

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"matterpass/internal/limit"
)

var hasher = limit.NewHasher([]byte("secret"))

func name(of any) limit.Key { return hasher.Key("test", fmt.Sprint(of)) }

var network = hasher.Key("network", netip.MustParseAddr("192.0.2.1").String())

// allower is what a limiter is to its user.
type allower interface {
	Allow(key, network limit.Key) limit.Decision
}

// twin is a limiter that shares its buckets through the server.
func (s *server) twin(o limit.Options) *limit.Shared {
	return limit.NewShared(limit.New(o), "login", s.client(Options{}))
}

func everyLimiter(t *testing.T, o limit.Options, promise func(t *testing.T, l allower)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { promise(t, limit.New(o)) })
	t.Run("redis", func(t *testing.T) { promise(t, newServer(t).twin(o)) })
}

func TestTheSixthIsRefusedAndToldWhenToComeBack(t *testing.T) {
	everyLimiter(t, limit.Options{Tokens: 5, Per: time.Hour}, func(t *testing.T, l allower) {
		for i := range 5 {
			d := l.Allow(name("dana"), network)
			if !d.OK || d.Remaining != 4-i || d.RetryAfter != 0 || d.Limit != 5 || d.Per != time.Hour {
				t.Fatalf("try %d: %+v", i, d)
			}
			if want := time.Duration(i+1) * 12 * time.Minute; d.Reset > want || d.Reset < want-time.Minute {
				t.Errorf("try %d: full again in %v, want %v", i, d.Reset, want)
			}
		}
		d := l.Allow(name("dana"), network)
		if d.OK || d.Remaining != 0 || d.RetryAfter <= 11*time.Minute || d.RetryAfter > 12*time.Minute {
			t.Errorf("the sixth: %+v", d)
		}
		if !l.Allow(name("erin"), network).OK {
			t.Error("another key was refused")
		}
	})
}

func TestWhoWaitsAsToldIsLetIn(t *testing.T) {
	everyLimiter(t, limit.Options{Tokens: 7, Per: time.Second}, func(t *testing.T, l allower) {
		for range 7 {
			l.Allow(name("dana"), network)
		}
		for range 5 {
			d := l.Allow(name("dana"), network)
			for d.OK { // time has passed
				d = l.Allow(name("dana"), network)
			}
			time.Sleep(d.RetryAfter)
			if again := l.Allow(name("dana"), network); !again.OK {
				t.Fatalf("refused after %v: %+v", d.RetryAfter, again)
			}
		}
	})
}

func TestAHundredAtOnceGetNoMoreThanThereIs(t *testing.T) {
	everyLimiter(t, limit.Options{Tokens: 5, Per: time.Hour}, func(t *testing.T, l allower) {
		if got := allowed(100, l); got != 5 {
			t.Errorf("%d of 100 were let through", got)
		}
	})
}

func allowed(tries int, limiters ...allower) int {
	var ok atomic.Int32
	var wg sync.WaitGroup
	for i := range tries {
		wg.Go(func() {
			if limiters[i%len(limiters)].Allow(name("dana"), network).OK {
				ok.Add(1)
			}
		})
	}
	wg.Wait()
	return int(ok.Load())
}

func TestInstancesShareABucketAndEachLimiterHasItsOwn(t *testing.T) {
	s, o := newServer(t), limit.Options{Tokens: 5, Per: time.Hour}
	if got := allowed(99, s.twin(o), s.twin(o), s.twin(o)); got != 5 {
		t.Errorf("%d of 99 were let through by three instances", got)
	}
	if !limit.NewShared(limit.New(o), "client", s.client(Options{})).Allow(name("dana"), network).OK {
		t.Error("another limiter refused")
	}
}

func TestKeysAreHashesAndEndByThemselves(t *testing.T) {
	s := newServer(t)
	s.twin(limit.Options{Tokens: 5, Per: time.Hour}).Allow(name("dana@example.com"), network)
	conn := s.client(Options{})
	ttl, err := conn.Run(`local k = redis.call('KEYS', '*'); return {#k, redis.call('PTTL', k[1])}`, "none")
	if err != nil || ttl[0] != 1 || ttl[1] <= 0 || ttl[1] > time.Hour.Milliseconds()/5+1 {
		t.Errorf("keys and time to live: %v, %v", ttl, err)
	}
	for _, key := range s.Keys() {
		if strings.Contains(key, "dana") {
			t.Error(key)
		}
	}
}

func TestAnEmptiedRedisGivesNoMoreThanTheInstanceRemembers(t *testing.T) {
	s := newServer(t)
	l := s.twin(limit.Options{Tokens: 5, Per: time.Hour})
	allowed(20, l)
	s.Do("FLUSHALL")
	s.Do("SCRIPT", "FLUSH")
	if got := allowed(20, l); got != 0 {
		t.Errorf("%d more after FLUSHALL", got)
	}
}

func TestWithoutRedisEachInstanceGoesOnByItself(t *testing.T) {
	s := newServer(t)
	var c changes
	l := limit.NewShared(limit.New(limit.Options{Tokens: 5, Per: time.Hour}), "login", s.client(Options{Changed: c.note, Rest: 50 * time.Millisecond}))
	allowed(3, l)
	s.Kill()
	if got := allowed(20, l); got != 2 {
		t.Errorf("%d more without Redis, want the 2 that were left", got)
	}
	s.Start()
	for deadline := time.Now().Add(10 * time.Second); len(c.all()) < 2 && time.Now().Before(deadline); {
		l.Allow(name("erin"), network)
		time.Sleep(10 * time.Millisecond)
	}
	if got := c.all(); len(got) != 2 || got[0] != "it cannot be reached" || got[1] != "" {
		t.Errorf("changes: %q", got)
	}
}

func TestAStoppedRedisCostsItsBudgetAndThenNothing(t *testing.T) {
	s := newServer(t)
	l := limit.NewShared(limit.New(limit.Options{Tokens: 1000, Per: time.Hour}), "login", s.client(Options{Budget: 50 * time.Millisecond}))
	l.Allow(name("dana"), network)
	s.Signal(syscall.SIGSTOP)
	defer s.Signal(syscall.SIGCONT)
	stopped := 3 * time.Second
	if !testing.Short() {
		stopped = 10 * time.Second
	}
	var slow, calls int
	var most time.Duration
	for end := time.Now().Add(stopped); time.Now().Before(end); time.Sleep(time.Millisecond) {
		start := time.Now()
		if !l.Allow(name(calls), network).OK {
			t.Fatal("refused")
		}
		calls++
		took := time.Since(start)
		most = max(most, took)
		if took > 20*time.Millisecond {
			slow++
		}
	}
	t.Logf("%d calls, %d of them above 20 ms, at most %v", calls, slow, most)
	if most > 150*time.Millisecond || slow > int(stopped.Seconds())+failuresInRow+calls/100 {
		t.Errorf("%d of %d calls were slow, at most %v", slow, calls, most)
	}
}
