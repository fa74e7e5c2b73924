package shared

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/ticket"
)

// database is the authority: a table with a unique constraint, which may be away.
type database struct {
	mu    sync.Mutex
	spent map[string]bool
	asked atomic.Int32
	down  atomic.Bool
}

var errDown = errors.New("down")

func (d *database) spend(key string) error {
	d.asked.Add(1)
	if d.down.Load() {
		return errDown
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.spent[key] {
		return login.ErrSpent
	}
	if d.spent == nil {
		d.spent = map[string]bool{}
	}
	d.spent[key] = true
	return nil
}

func (d *database) Spend(_ context.Context, s login.Spending) error {
	err := d.spend(s.Key)
	if s.Owner != "" && errors.Is(err, login.ErrSpent) {
		return nil
	}
	return err
}

type ticketTable struct {
	ticket.Tickets
	*database
}

func (t ticketTable) Spend(_ context.Context, d ticket.Digest) error { return t.spend(string(d[:])) }

func spending(key string) login.Spending {
	return login.Spending{Key: key, IssuedAt: time.Now(), Until: time.Now().Add(time.Minute)}
}

// ways are the two things that can be spent, over one database.
func ways(r *Redis, d *database) map[string]func(key string) error {
	proofs, tickets := r.Once(d), r.Tickets(ticketTable{database: d})
	return map[string]func(key string) error{
		"proof":  func(key string) error { return proofs.Spend(context.Background(), spending(key)) },
		"ticket": func(key string) error { return tickets.Spend(context.Background(), sha256.Sum256([]byte(key))) },
	}
}

func succeed(t *testing.T, n int, spend ...func(string) error) int {
	t.Helper()
	var ok atomic.Int32
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			switch err := spend[i%len(spend)]("key"); {
			case err == nil:
				ok.Add(1)
			case !errors.Is(err, login.ErrSpent):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return int(ok.Load())
}

func TestOneOfAHundredSpendsAndTheDatabaseIsAskedOnce(t *testing.T) {
	s := newServer(t)
	for name := range ways(s.client(Options{}), &database{}) {
		t.Run(name, func(t *testing.T) {
			d := &database{}
			one, two := ways(s.client(Options{}), d)[name], ways(s.client(Options{}), d)[name]
			if got := succeed(t, 100, one, two); got != 1 || d.asked.Load() != 1 {
				t.Errorf("%d spent it, the database was asked %d times", got, d.asked.Load())
			}
		})
	}
}

func TestTheDatabaseDecidesWhenRedisForgetsOrIsAway(t *testing.T) {
	for name, accident := range map[string]func(*server){
		"emptied":   func(s *server) { s.Do("FLUSHALL") },
		"restarted": func(s *server) { s.Kill(); s.Start() },
		"away":      func(s *server) { s.Kill() },
	} {
		for way := range ways(&Redis{}, &database{}) {
			t.Run(name+" "+way, func(t *testing.T) {
				s, d := newServer(t), &database{}
				spend := ways(s.client(Options{}), d)[way]
				if err := spend("key"); err != nil {
					t.Fatal(err)
				}
				accident(s)
				if got := succeed(t, 50, spend); got != 0 {
					t.Errorf("spent %d times more", got)
				}
				if err := spend("another"); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestWhatTheDatabaseDidNotDecideMayBeShownAgain(t *testing.T) {
	s := newServer(t)
	for way := range ways(&Redis{}, &database{}) {
		d := &database{}
		spend := ways(s.client(Options{}), d)[way]
		d.down.Store(true)
		if err := spend("later"); !errors.Is(err, errDown) {
			t.Errorf("%s: %v", way, err)
		}
		d.down.Store(false)
		if err := spend("later"); err != nil {
			t.Errorf("%s: %v once the database is back", way, err)
		}
	}
}

func TestAnOwnerAndWhatIsOverAreTheDatabasesAlone(t *testing.T) {
	s, d := newServer(t), &database{}
	proofs := s.client(Options{}).Once(d)
	mine := spending("key")
	mine.Owner = "browser"
	over := spending("over")
	over.Until = time.Now().Add(-time.Second)
	for range 2 {
		if err := proofs.Spend(context.Background(), mine); err != nil {
			t.Error(err)
		}
	}
	if err := proofs.Spend(context.Background(), over); err != nil || d.asked.Load() != 3 || len(s.Keys()) != 0 {
		t.Errorf("%v; asked %d times; %q", err, d.asked.Load(), s.Keys())
	}
}

func TestNothingOfAProofIsInRedis(t *testing.T) {
	s := newServer(t)
	if err := s.client(Options{URL: "redis://" + s.Addr()}).Once(&database{}).Spend(context.Background(), spending("https://erp jti")); err != nil {
		t.Fatal(err)
	}
	keys := s.Keys()
	if len(keys) != 1 || strings.Contains(keys[0], "https") || strings.Contains(keys[0], "jti") {
		t.Errorf("keys: %q", keys)
	}
}
