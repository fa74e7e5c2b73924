package login_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/store"
)

// flaky is a store that is away at times.
type flaky struct {
	store.Sessions
	away *atomic.Bool
}

func (f flaky) Touch(ctx context.Context, token string, at time.Time) error {
	if f.away.Load() {
		return login.ErrStoreUnavailable
	}
	return f.Sessions.Touch(ctx, token, at)
}
func (f flaky) Overdue(ctx context.Context, now time.Time, a, b time.Duration) error {
	if f.away.Load() {
		return login.ErrStoreUnavailable
	}
	return f.Sessions.Overdue(ctx, now, a, b)
}
func (f flaky) Find(ctx context.Context, token string) (login.Record, error) {
	if f.away.Load() {
		return login.Record{}, login.ErrStoreUnavailable
	}
	return f.Sessions.Find(ctx, token)
}

func TestWhoIsActiveIsNeverIdle(t *testing.T) {
	for name, c := range map[string]struct{ idle, every, outage, total time.Duration }{
		"much more often than needed":        {time.Minute, 20 * time.Second, 0, 10 * time.Minute},
		"more often than it is written down": {100 * time.Second, 55 * time.Second, 0, 20 * time.Minute},
		"just often enough":                  {15 * time.Minute, 14*time.Minute + 10*time.Second, 0, 2 * time.Hour},
		"over an outage that is longer":      {5 * time.Minute, 15 * time.Second, 6 * time.Minute, 20 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) { staysActive(t, c.idle, c.every, c.outage, c.total) })
	}
}

// staysActive has somebody do something every so often, over an outage of the store.
func staysActive(t *testing.T, idle, every, outage, total time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		st, err := store.NewMemory(store.Options{Keys: []store.Key{{ID: "k", Secret: []byte("0123456789abcdef0123456789abcdef")}}})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		w := newWorld()
		f := flaky{st.Records(), new(atomic.Bool)}
		service := w.service(func(o *login.Options) { o.Records, o.Idle = f, idle })
		_ = f.Begin(t.Context(), token, login.Record{UserID: userID, Created: time.Now(), LastSeen: time.Now()})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { service.Keep(ctx); close(done) }()
		time.Sleep(7 * time.Second)
		start := time.Now()
		for time.Since(start) < total {
			if by := service.Standing(t.Context(), token, true); by != "" {
				t.Errorf("idle=%s, used every %s, outage of %s: ended by %q after %s", idle, every, outage, by, time.Since(start))
				break
			}
			f.away.Store(time.Since(start) > 30*time.Second && time.Since(start) < 30*time.Second+outage)
			time.Sleep(every)
		}
		cancel()
		<-done
	})
}
