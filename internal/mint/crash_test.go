package mint_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"matterpass/internal/login"
	"matterpass/internal/mint"
	"matterpass/internal/upstream"
)

// dead is what a process dies of.
type dead struct{}

// dyingAt mints and dies at the n-th point where it can; it reports whether it
// lived to the end.
func dyingAt(t failing, w *world, n int, o mint.Options) (alive bool, err error) {
	w.step = func(context.Context, string) {
		if n--; n < 0 {
			panic(dead{})
		}
	}
	defer func() {
		w.step = nil
		if r := recover(); r != nil {
			if _, died := r.(dead); !died {
				panic(r)
			}
		}
	}()
	_, err = managed(t, o).Mint(context.Background(), demo())
	return true, err
}

// beginnings are worlds in which the next sign-in changes something.
func beginnings() map[string]func(failing) (*world, mint.Options) {
	begin := func(t failing) *world {
		w := newWorld()
		if _, err := managed(t, w.options("k1")).Mint(context.Background(), demo()); err != nil {
			t.Fatal(err)
		}
		return w
	}
	return map[string]func(failing) (*world, mint.Options){
		"adoption": func(failing) (*world, mint.Options) { w := newWorld(); return w, w.options("k1") },
		"adoption without hashes": func(failing) (*world, mint.Options) {
			w := newWorld()
			w.keeps = false
			return w, w.options("k1")
		},
		"adoption by a server that cannot check the hash": func(failing) (*world, mint.Options) {
			w := newWorld()
			w.blind = true
			return w, w.options("k1")
		},
		"rotation": func(t failing) (*world, mint.Options) { w := begin(t); return w, w.options("k2", "k1") },
		"rotation without hashes": func(t failing) (*world, mint.Options) {
			w := begin(t)
			w.keeps = false
			return w, w.options("k2", "k1")
		},
		"lock": func(t failing) (*world, mint.Options) {
			w := begin(t)
			w.failures = lockedAt
			return w, w.options("k1")
		},
		"re-adoption": func(t failing) (*world, mint.Options) {
			w := begin(t)
			w.password = "changed"
			return w, w.options("k1")
		},
		"re-adoption while rotating": func(t failing) (*world, mint.Options) {
			w := begin(t)
			w.password = "changed"
			return w, w.options("k2", "k1")
		},
	}
}

func TestTheNextSignInHealsWhereverAProcessDied(t *testing.T) {
	for name, begin := range beginnings() {
		t.Run(name, func(t *testing.T) {
			for n := 0; ; n++ {
				w, o := begin(t)
				alive, err := dyingAt(t, w, n, o)
				if alive {
					if err != nil || n == 0 {
						t.Errorf("undisturbed: %v", err)
					}
					return
				}
				// Between the turn, which is taken once an hour, and what it is for,
				// there is nothing to be found: the hour has to pass.
				if _, err := managed(t, o).Mint(t.Context(), demo()); err != nil {
					w.clock = w.clock.Add(time.Hour)
					if _, err := managed(t, o).Mint(t.Context(), demo()); err != nil {
						t.Errorf("dead at %d: %v, %s, kept %+v", n, err, w.told(), w.kept)
					}
				}
				settled(t, w, o)
			}
		})
	}
}

// settled checks that what is remembered works, and costs nothing more.
func settled(t failing, w *world, o mint.Options) {
	t.Helper()
	asked, told := w.asked, w.told()
	if _, err := managed(t, o).Mint(context.Background(), demo()); err != nil {
		t.Errorf("%v", err)
	}
	if w.asked != asked+1 || w.told() != told || w.failures > 0 || w.kept.Kid != o.Secrets[0].Kid {
		t.Errorf("not settled: asked %d times more, told %q, kept %+v", w.asked-asked, w.told(), w.kept)
	}
}

func TestADeathBetweenSettingAndRememberingHealsAtOnce(t *testing.T) {
	for name, begin := range beginnings() {
		w, o := begin(t)
		sets := 0
		w.step = func(_ context.Context, where string) {
			if where == "after set" {
				sets++
				panic(dead{})
			}
		}
		func() {
			defer func() { _ = recover() }()
			_, _ = managed(t, o).Mint(t.Context(), demo())
		}()
		w.step = nil
		if _, err := managed(t, o).Mint(t.Context(), demo()); err != nil || name != "lock" && sets != 1 {
			t.Errorf("%s: %v", name, err)
		}
		if strings.HasPrefix(name, "rotation") && strings.Contains(w.told(), mint.Lost) {
			t.Errorf("%s: our own password was taken for somebody else's", name)
		}
	}
}

// race mints with two instances, one step at a time, in an order that rapid
// draws.
func race(t *rapid.T, w *world, instances ...mint.Options) []error {
	type arrival struct {
		who    int
		resume chan struct{}
	}
	type who struct{}
	arrivals, finished := make(chan arrival), make(chan int)
	w.step = func(ctx context.Context, _ string) {
		me := arrival{ctx.Value(who{}).(int), make(chan struct{})}
		arrivals <- me
		<-me.resume
	}
	errs := make([]error, len(instances))
	for i, o := range instances {
		m := managed(t, o)
		go func() {
			_, errs[i] = m.Mint(context.WithValue(context.Background(), who{}, i), demo())
			finished <- i
		}()
	}
	waiting := map[int]chan struct{}{}
	for alive := len(instances); ; {
		for len(waiting) < alive {
			select {
			case a := <-arrivals:
				waiting[a.who] = a.resume
			case <-finished:
				alive--
			}
		}
		if alive == 0 {
			w.step = nil
			return errs
		}
		next := rapid.SampledFrom(slices.Sorted(maps.Keys(waiting))).Draw(t, "next")
		resume := waiting[next]
		delete(waiting, next)
		close(resume)
	}
}

func TestTwoInstancesEndWithOneTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"adoption", "rotation", "re-adoption", "re-adoption while rotating", "lock"}).Draw(t, "beginning")
		w, o := beginnings()[name](t)
		second := o
		if len(o.Secrets) > 1 && rapid.Bool().Draw(t, "the second still has the old order of secrets") {
			second.Secrets = []mint.Secret{o.Secrets[1], o.Secrets[0]}
		}
		errs := race(t, w, o, second)
		for _, err := range errs {
			if err != nil && !errors.Is(err, login.ErrMintRefused) {
				t.Errorf("%v", err)
			}
		}
		if errs[0] != nil && errs[1] != nil {
			t.Errorf("nobody signed in: %v", errs)
		}
		if w.mails > 0 {
			t.Errorf("a session was ended, or a mail sent: %s", w.told())
		}
		for range 2 {
			if _, err := managed(t, o).Mint(context.Background(), demo()); err != nil {
				t.Errorf("afterwards: %v, told %q, kept %+v", err, w.told(), w.kept)
			}
		}
		settled(t, w, o)
	})
}

func TestAPasswordThatWorksOutlivesAnInstanceThatTookItForLost(t *testing.T) {
	w, o := beginnings()["rotation"](t)
	o.Readopt = false
	w.step = func(_ context.Context, where string) {
		if where == "before save" {
			w.step = nil
			w.kept = mint.Password{UserID: demoID, Generation: w.kept.Generation + 1}
		}
	}
	if _, err := managed(t, o).Mint(t.Context(), demo()); err != nil {
		t.Fatal(err)
	}
	settled(t, w, o)
}

func TestWhatAnotherRememberedMeanwhileIsNewer(t *testing.T) {
	newer := mint.Password{UserID: demoID, Kid: "k1", Generation: 7}
	for name, err := range map[string]error{"it stands": nil, "the store fails": login.ErrStoreUnavailable} {
		w, o := beginnings()["rotation"](t)
		w.step = func(_ context.Context, where string) {
			if where == "before save" {
				w.kept = newer
			}
			if where == "after save" {
				w.trouble["find"] = err
			}
		}
		if _, got := managed(t, o).Mint(t.Context(), demo()); got != nil || w.kept != newer {
			t.Errorf("%s: %v, %+v", name, got, w.kept)
		}
		if got := w.events[len(w.events)-1].Err; !errors.Is(got, err) {
			t.Errorf("%s: told of %v", name, got)
		}
	}
}

func TestWhoHasNotTheTurnWaitsForWhoHas(t *testing.T) {
	w, o := beginnings()["re-adoption"](t)
	w.turns[demoID+"mint_readopt"] = w.clock
	sleeps := 0
	o.Sleep = func(context.Context, time.Duration) error {
		if sleeps++; sleeps == 3 { // the other one is done
			other := newWorld()
			other.kept = w.kept
			if _, err := managed(t, other.options("k1")).Mint(t.Context(), demo()); err != nil {
				t.Fatal(err)
			}
			w.password, w.kept, w.failures = other.password, other.kept, 0
		}
		return nil
	}
	if _, err := managed(t, o).Mint(t.Context(), demo()); err != nil || sleeps != 3 {
		t.Errorf("%v after %d", err, sleeps)
	}
	if _, tried := w.turns[demoID+"mint_heal"]; tried || w.failures > 0 {
		t.Error("it guessed")
	}
}

func TestTroubleWhileWaiting(t *testing.T) {
	for where, err := range map[string]error{"sleep": context.Canceled, "find": login.ErrStoreUnavailable, "sign in": upstream.ErrUnavailable} {
		w, o := beginnings()["re-adoption"](t)
		w.kept = mint.Password{UserID: demoID, Generation: 1}
		w.turns[demoID+"mint_readopt"] = w.clock
		o.Sleep = func(context.Context, time.Duration) error {
			w.trouble[where] = err
			return w.trouble["sleep"]
		}
		if _, got := managed(t, o).Mint(t.Context(), demo()); !errors.Is(got, err) {
			t.Errorf("%s: %v", where, got)
		}
	}
}

func TestAStoreThatNeverAgreesIsGivenUpOn(t *testing.T) {
	w, o := beginnings()["re-adoption"](t)
	w.step = func(_ context.Context, where string) {
		if where == "before save" {
			w.kept.Generation++
		}
	}
	w.failures = -100 // so that no lock gets between
	if _, err := managed(t, o).Mint(t.Context(), demo()); !errors.Is(err, login.ErrMintUnavailable) {
		t.Error(err)
	}
}

func TestRealTimeIsWaitedInByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, o := beginnings()["re-adoption"](t)
		w.turns[demoID+"mint_readopt"] = w.clock
		o.Sleep, o.Audit = nil, nil
		start := time.Now()
		if _, err := managed(t, o).Mint(t.Context(), demo()); !errors.Is(err, login.ErrMintRefused) || time.Since(start) != time.Second {
			t.Error(err, time.Since(start))
		}
	})
}
