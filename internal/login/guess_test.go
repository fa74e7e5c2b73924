package login_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/email"
	"matterpass/internal/limit"
	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

func TestSixthTryOfAMinuteIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mattermost{}
		service := newService(m, withBuckets)
		for range 5 {
			if _, err := service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "wrong")); !errors.Is(err, login.ErrRefused) {
				t.Fatalf("got %v", err)
			}
		}
		_, err := service.WithPassword(t.Context(), attempt(t, "DEMO@erp.test", "right"))
		var limited *login.Limited
		if !errors.As(err, &limited) || limited.Decision.RetryAfter <= 0 || limited.Error() == "" {
			t.Errorf("got %v, want *Limited with a time to come back", err)
		}
		if got := m.asked.Load(); got != 5 {
			t.Errorf("Mattermost was asked %d times", got)
		}
	})
}

// withBuckets puts the real limiter in: five a minute per account, a bucket of
// its own for a known device.
func withBuckets(o *login.Options) {
	hasher := limit.NewHasher([]byte("test"))
	buckets := limit.New(limit.Options{Tokens: 5, Per: time.Minute})
	o.Limiter = allow(func(account, device string, from netip.Addr) login.Decision {
		d := buckets.Allow(hasher.Key("login", account, device), hasher.Key("network", from.String()))
		return login.Decision{OK: d.OK, Limit: d.Limit, Remaining: d.Remaining, RetryAfter: d.RetryAfter, Reset: d.Reset}
	})
}

func TestParallelGuessesNeverExceedTheBucket(t *testing.T) {
	m := &mattermost{}
	service := newService(m, withBuckets, func(o *login.Options) { o.Queue = 1000 })
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() { _, _ = service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "wrong")) })
	}
	wg.Wait()
	if got := m.asked.Load(); got != 5 {
		t.Errorf("Mattermost was asked %d times, want 5", got)
	}
}

func TestPatientStrangersNeverLockAnAccountAndItsOwnerGetsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mattermost{}
		service := newService(m, withBuckets)
		owner, err := service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "right"))
		if err != nil {
			t.Fatal(err)
		}
		m.asked.Store(0)
		for range 30 * 6 { // a guess every ten seconds for half an hour
			time.Sleep(10 * time.Second)
			_, _ = service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "wrong"))
		}
		if got := m.asked.Load(); got > 6 {
			t.Errorf("strangers reached Mattermost %d times; its lock is at 10", got)
		}
		time.Sleep(time.Minute) // their bucket is full again, the guard is not lifted
		if _, err := service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "right")); !errors.Is(err, login.ErrRefused) {
			t.Errorf("a stranger with the right password got %v, want a refusal", err)
		}
		known := attempt(t, "demo@erp.test", "right")
		known.Device = owner.Device
		if _, err := service.WithPassword(t.Context(), known); err != nil {
			t.Errorf("the owner on a known browser got %v", err)
		}
		if _, err := service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "right")); err != nil {
			t.Errorf("after the success the account is still guarded: %v", err)
		}
	})
}

func TestKnownDevicesStopOneShortOfTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mattermost{}
		service := newService(m)
		owner, err := service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "right"))
		if err != nil {
			t.Fatal(err)
		}
		m.asked.Store(0)
		known := attempt(t, "demo@erp.test", "wrong")
		known.Device = owner.Device
		for range 40 {
			_, _ = service.WithPassword(t.Context(), known)
		}
		if got := m.asked.Load(); got != 9 {
			t.Errorf("Mattermost was asked %d times, want 9", got)
		}
		if err := service.Unlock(t.Context(), known.Name); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]email.Address{"demo@erp.test"}, m.unlocked); diff != "" {
			t.Errorf("at Mattermost: %s", diff)
		}
		known.Password = "right"
		if _, err := service.WithPassword(t.Context(), known); err != nil {
			t.Errorf("after an administrator cleared the count: %v", err)
		}
	})
}

func TestUnlockThatFailsAtMattermostKeepsTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mattermost{unlockErr: upstream.ErrUnavailable}
		service := newService(m)
		a := attempt(t, "demo@erp.test", "wrong")
		for range 7 {
			_, _ = service.WithPassword(t.Context(), a)
		}
		if err := service.Unlock(t.Context(), a.Name); !errors.Is(err, upstream.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		_, _ = service.WithPassword(t.Context(), a)
		if got := m.asked.Load(); got != 6 {
			t.Errorf("asked %d times", got)
		}
	})
}

func TestALowLimitOfMattermostIsRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mattermost{}
		service := newService(m, func(o *login.Options) { o.MaxAttempts = func() int { return 3 } })
		for range 10 {
			_, _ = service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "wrong"))
		}
		if got := m.asked.Load(); got != 1 {
			t.Errorf("asked %d times of 3", got)
		}
	})
}

func TestOnlyWhatMattermostCountsIsCounted(t *testing.T) {
	cases := map[string]struct {
		answer error
		asked  int64
	}{
		"wrong password":     {errWrong, 6},
		"wrong code":         {errBadCode, 6},
		"code missing":       {errNoCode, 20},
		"locked":             {errLocked, 20},
		"unavailable":        {fmt.Errorf("sign in: %w", upstream.ErrUnavailable), 20},
		"throttled":          {&upstream.Throttled{RetryAfter: time.Second}, 20},
		"timeout may count":  {upstream.ErrTimeout, 6},
		"nonsense may count": {upstream.ErrInvalid, 6},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &mattermost{signIn: func(context.Context, email.Address, string, string, login.Client) (login.Session, error) {
					return login.Session{}, c.answer
				}}
				service := newService(m)
				for range 20 {
					_, _ = service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "any"))
				}
				if got := m.asked.Load(); got != c.asked {
					t.Errorf("Mattermost was asked %d times of 20, want %d", got, c.asked)
				}
			})
		})
	}
}
