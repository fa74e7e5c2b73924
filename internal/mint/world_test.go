package mint_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/mint"
)

const (
	demoID   = "435uqz4cqp8mjdb33fy5urg1pa"
	lockedAt = 10
)

// world is Mattermost and the store as far as minting sees them. step, where it
// is set, is called before and after everything that has an effect, and may
// panic: that is where a process dies.
type world struct {
	mu   sync.Mutex
	step func(ctx context.Context, where string)

	// Mattermost
	password   string
	failures   int
	code       string // asked for where it is set
	keeps      bool   // takes hashes
	blind      bool   // and cannot check them
	hashed     bool
	sessions   int
	mails      int
	asked      int // sign-ins
	trouble    map[string]error
	worstCount int

	// store
	kept    mint.Password
	created bool
	turns   map[string]time.Time
	clock   time.Time
	pins    map[string]string

	events []mint.Event
}

func newWorld() *world {
	return &world{
		password: "the user's own", keeps: true, created: true, trouble: map[string]error{},
		turns: map[string]time.Time{}, clock: time.Unix(1_795_000_000, 0), pins: map[string]string{},
	}
}

// does runs f as one effect.
func (w *world) does(ctx context.Context, what string, f func()) error {
	w.tick(ctx, "before "+what)
	w.mu.Lock()
	err := w.trouble[what]
	if err == nil {
		f()
	}
	w.mu.Unlock()
	w.tick(ctx, "after "+what)
	return err
}

func (w *world) tick(ctx context.Context, where string) {
	if w.step != nil {
		w.step(ctx, where)
	}
}

func (w *world) SignIn(ctx context.Context, _ email.Address, password, code string, _ login.Client) (session login.Session, err error) {
	trouble := w.does(ctx, "sign in", func() {
		w.asked++
		session, err = w.signIn(password, code)
		w.worstCount = max(w.worstCount, w.failures)
	})
	return session, errors.Join(trouble, err)
}

func (w *world) signIn(password, code string) (login.Session, error) {
	switch {
	case w.failures >= lockedAt:
		return login.Session{}, &login.Refusal{Reason: "too_many", Locked: true}
	case password != w.password || w.blind && w.hashed:
		w.failures++
		return login.Session{}, &login.Refusal{Reason: "invalid_credentials", Counted: true}
	case w.code != "" && code == "":
		return login.Session{}, &login.Refusal{Reason: "mfa", NeedsCode: true}
	}
	w.failures = 0
	w.sessions++
	return login.Session{User: login.User{ID: demoID}, Token: "token"}, nil
}

func (w *world) SetPassword(ctx context.Context, _, password string, keep bool) (kept bool, err error) {
	err = w.does(ctx, "set", func() {
		kept = keep && w.keeps
		w.password, w.failures, w.hashed = password, 0, kept
		if !kept {
			w.sessions, w.mails = 0, w.mails+1
		}
	})
	return kept && err == nil, err
}

func (w *world) ResetFailedAttempts(ctx context.Context, _ string) error {
	return w.does(ctx, "unlock", func() { w.failures = 0 })
}

func (w *world) FindPassword(ctx context.Context, _ string) (p mint.Password, err error) {
	err = w.does(ctx, "find", func() { p = w.kept })
	return p, err
}

func (w *world) SavePassword(ctx context.Context, before, now mint.Password) error {
	conflict := false
	err := w.does(ctx, "save", func() {
		if conflict = before.Kid != w.kept.Kid || before.Generation != w.kept.Generation; !conflict {
			w.kept = now
		}
	})
	if conflict {
		return login.ErrConflict
	}
	return err
}

func (w *world) TakeTurn(ctx context.Context, userID, what string, every time.Duration) (taken bool, err error) {
	err = w.does(ctx, "turn", func() {
		last, known := w.turns[userID+what]
		if taken = !known || w.clock.Sub(last) >= every; taken {
			w.turns[userID+what] = w.clock
		}
	})
	return taken, err
}

func (w *world) Creating(context.Context, email.Address) error { return nil }

func (w *world) MarkCreated(context.Context, string, email.Address) error {
	w.created = true
	return nil
}

func (w *world) IsCreated(context.Context, login.Account) (bool, error) {
	return w.created, w.trouble["created"]
}

func (w *world) Pin(_ context.Context, name, value string) (string, error) {
	if w.pins[name] == "" {
		w.pins[name] = value
	}
	return w.pins[name], w.trouble["pin"]
}

func (w *world) Pinned(_ context.Context, name string) (string, error) {
	return w.pins[name], w.trouble["pinned"]
}

func (w *world) audit(_ context.Context, e mint.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// told is what the audit trail heard, in order.
func (w *world) told() string {
	var words []string
	for _, e := range w.events {
		word := e.What
		if e.Ended {
			word += "!"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func secret(kid string) mint.Secret {
	return mint.Secret{Kid: kid, Secret: []byte(strings.Repeat(kid, 32)[:32])}
}

func (w *world) options(kids ...string) mint.Options {
	o := mint.Options{
		ServerID:  func(context.Context) (string, error) { return "server", w.trouble["server"] },
		Passwords: w, Turns: w, Origins: w, SignIn: w, Setter: w, Unlocker: w, Audit: w.audit, Readopt: true,
		Sleep: func(ctx context.Context, _ time.Duration) error { w.tick(ctx, "sleep"); return w.trouble["sleep"] },
	}
	for _, kid := range kids {
		o.Secrets = append(o.Secrets, secret(kid))
	}
	return o
}

// failing is a *testing.T or a *rapid.T.
type failing interface {
	Helper()
	Fatal(...any)
	Errorf(string, ...any)
}

func managed(t failing, o mint.Options) *mint.Managed {
	t.Helper()
	m, err := mint.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func demo() login.Minting {
	return login.Minting{Account: login.Account{
		User: login.User{ID: demoID, Username: "demo", Email: "demo@erp.test"}, Roles: []string{"system_user"},
	}}
}
