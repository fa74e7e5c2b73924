package login_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"matterpass/internal/email"
	"matterpass/internal/login"
)

// slow is a Mattermost that takes a second for every password and notes how
// many it worked on at once.
func slow(most *atomic.Int64) *mattermost {
	var now atomic.Int64
	return &mattermost{signIn: func(ctx context.Context, account email.Address, _, _ string, _ login.Client) (login.Session, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			old := most.Load()
			if n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		time.Sleep(time.Second)
		return login.Session{Token: token, User: login.User{ID: userID, Email: account}}, ctx.Err()
	}}
}

func TestSignInsArePacedQueuedAndShed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var most atomic.Int64
		m := slow(&most)
		service := newService(m, func(o *login.Options) { o.Concurrency, o.Queue, o.Patience = 2, 3, time.Hour })
		results := make(chan error, 10)
		for i := range 10 {
			go func() {
				_, err := service.WithPassword(t.Context(), attempt(t, fmt.Sprintf("u%d@erp.test", i), "right"))
				results <- err
			}()
		}
		synctest.Wait()
		if got := service.Waiting(); got != 3 {
			t.Errorf("%d wait, want 3", got)
		}
		var signedIn, busy int
		for range 10 {
			var b *login.Busy
			switch err := <-results; {
			case err == nil:
				signedIn++
			case errors.As(err, &b) && b.RetryAfter >= time.Second && b.RetryAfter <= 5*time.Second && b.Error() != "":
				busy++
			default:
				t.Errorf("got %v", err)
			}
		}
		if signedIn != 5 || busy != 5 || most.Load() != 2 || service.Waiting() != 0 {
			t.Errorf("%d signed in, %d busy, %d at once, %d still wait; want 5, 5, 2, 0", signedIn, busy, most.Load(), service.Waiting())
		}
	})
}

func TestBeingTurnedAwaySpendsNoTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var most atomic.Int64
		spent := 0
		service := newService(slow(&most), func(o *login.Options) {
			o.Concurrency, o.Queue = 1, 1
			o.Limiter = allow(func(string, string, netip.Addr) login.Decision { spent++; return login.Decision{OK: true} })
		})
		for i := range 2 {
			go func() { _, _ = service.WithPassword(t.Context(), attempt(t, fmt.Sprintf("u%d@erp.test", i), "right")) }()
			synctest.Wait()
		}
		_, err := service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "right"))
		var busy *login.Busy
		if !errors.As(err, &busy) || spent != 2 {
			t.Errorf("got %v, %d tries spent", err, spent)
		}
		time.Sleep(3 * time.Second) // the others end
	})
}

func TestPatienceInTheQueueEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var most atomic.Int64
		service := newService(slow(&most), func(o *login.Options) { o.Concurrency, o.Patience = 1, 100*time.Millisecond })
		go func() { _, _ = service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "right")) }()
		synctest.Wait()
		start := time.Now()
		_, err := service.WithPassword(t.Context(), attempt(t, "dana@erp.test", "right"))
		var busy *login.Busy
		if !errors.As(err, &busy) || time.Since(start) != 100*time.Millisecond {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		time.Sleep(2 * time.Second) // the first one ends
	})
}

func TestLeavingTheQueueCountsAsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var most atomic.Int64
		m := slow(&most)
		counted := newFailures()
		service := newService(m, func(o *login.Options) { o.Concurrency, o.Failures = 1, counted })
		go func() { _, _ = service.WithPassword(t.Context(), attempt(t, "dana@erp.test", "right")) }()
		synctest.Wait()
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { synctest.Wait(); cancel() }()
			_, err := service.WithPassword(ctx, attempt(t, "demo@erp.test", "right"))
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v", err)
			}
		}
		time.Sleep(2 * time.Second)
		if _, err := service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "right")); err != nil {
			t.Errorf("after ten who left the queue: %v", err)
		}
	})
}

func BenchmarkAddedToMattermostsOwnTime(b *testing.B) {
	m := &mattermost{}
	service := newService(m)
	name, _ := login.EmailName("demo@erp.test")
	a := login.Attempt{Name: name, Password: "right", Visit: login.Visit{Client: login.Client{Addr: netip.MustParseAddr("192.0.2.1")}}}
	for b.Loop() {
		if _, err := service.WithPassword(b.Context(), a); err != nil {
			b.Fatal(err)
		}
	}
}

// minting makes sessions as its function does.
type minting func(login.Minting) login.Session

func (f minting) Mint(_ context.Context, m login.Minting) (login.Session, error) { return f(m), nil }

// At six password checks a second 200 people are 34 s of work. The typists who
// come in between wait for as many of them as of their own kind.
func TestAnOfficeAtNineAndThoseWhoTypeAllGetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := make(chan struct{}, 1) // a mutex would not let the bubble's time go on
		check := func(account email.Address) login.Session {
			lock <- struct{}{}
			time.Sleep(170 * time.Millisecond) // docs/mattermost.md I2
			<-lock
			return login.Session{Token: token, User: login.User{ID: userID, Email: account}}
		}
		w := newWorld()
		w.signIn = func(_ context.Context, account email.Address, _, _ string, _ login.Client) (login.Session, error) {
			return check(account), nil
		}
		p := demo()
		w.links = []login.Link{{Issuer: p.Issuer, Subject: p.Subject, UserID: userID}}
		service := w.service(func(o *login.Options) {
			o.Patience, o.MintHashes = 10*time.Second, func() bool { return true }
			o.Minter = minting(func(m login.Minting) login.Session { return check(m.Account.Email) })
		})
		start := time.Now()
		errs := make(chan error, 220)
		for i := range 200 {
			go func() {
				own := p
				own.ID = fmt.Sprint(i)
				_, err := service.WithProof(t.Context(), own, visit())
				errs <- err
			}()
		}
		synctest.Wait()
		if waiting := service.Waiting(); waiting != 197 {
			t.Errorf("%d wait, want 197", waiting)
		}
		for i := range 20 {
			go func() {
				_, err := service.WithPassword(t.Context(), attempt(t, fmt.Sprintf("typist%d@erp.test", i), "right"))
				errs <- err
			}()
		}
		for range 220 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(start); took > 38*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestNobodyStandsInALineThatIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		service := w.service(func(o *login.Options) {
			o.Mints, o.MintQueue = 1, 1
			o.Minter = minting(func(m login.Minting) login.Session {
				time.Sleep(time.Second)
				return login.Session{Token: token, User: m.Account.User}
			})
		})
		var busy, in atomic.Int64
		for i := range 5 {
			go func() {
				p := demo()
				p.ID = fmt.Sprint(i)
				var b *login.Busy
				if _, err := service.WithProof(t.Context(), p, visit()); err == nil {
					in.Add(1)
				} else if errors.As(err, &b) {
					busy.Add(1)
				}
			}()
		}
		time.Sleep(time.Minute)
		if in.Load() != 2 || busy.Load() != 3 || len(w.spent) != 2 {
			t.Errorf("%d in, %d turned away, %d proofs spent", in.Load(), busy.Load(), len(w.spent))
		}
	})
}
