package login_test

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matterpass/internal/email"
	"matterpass/internal/limit"
	"matterpass/internal/login"
)

const (
	token    = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	oldToken = "bbbbbbbbbbbbbbbbbbbbbbbbbb"
	userID   = "cccccccccccccccccccccccccc"
)

var (
	errWrong   = &login.Refusal{Reason: "invalid_credentials", Counted: true}
	errNoCode  = &login.Refusal{Reason: "mfa", NeedsCode: true}
	errBadCode = &login.Refusal{Reason: "bad_code", NeedsCode: true, Counted: true}
	errLocked  = &login.Refusal{Reason: "too_many"}
)

// mattermost is what the service asks, as functions.
type mattermost struct {
	signIn    func(ctx context.Context, account email.Address, password, code string, from login.Client) (login.Session, error)
	find      func(ctx context.Context, token, csrf string) (login.Session, error)
	addressOf func(ctx context.Context, name login.Name) (email.Address, error)

	asked atomic.Int64
	mu    sync.Mutex
	ended []string

	unlocked  []email.Address
	unlockErr error
}

func (m *mattermost) Unlock(_ context.Context, account email.Address) error {
	m.unlocked = append(m.unlocked, account)
	return m.unlockErr
}

func (m *mattermost) SignIn(ctx context.Context, account email.Address, password, code string, from login.Client) (login.Session, error) {
	m.asked.Add(1)
	if m.signIn != nil {
		return m.signIn(ctx, account, password, code, from)
	}
	if password != "right" {
		return login.Session{}, errWrong
	}
	return login.Session{User: login.User{ID: userID, Email: account}, Token: token}, nil
}

func (m *mattermost) Find(ctx context.Context, token, csrf string) (login.Session, error) {
	return m.find(ctx, token, csrf)
}

func (m *mattermost) End(_ context.Context, token string) error    { return m.end(token) }
func (m *mattermost) EndAll(_ context.Context, token string) error { return m.end("all of " + token) }

func (m *mattermost) end(what string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = append(m.ended, what)
	return nil
}

func (m *mattermost) AddressOf(ctx context.Context, name login.Name) (email.Address, error) {
	return m.addressOf(ctx, name)
}

// failures adapts the real count to the port.
type failures struct {
	counts *limit.Failures
	hasher limit.Hasher
}

func (f failures) Begin(_ context.Context, account string, ceiling int) (func(login.Verdict), bool) {
	key := f.hasher.Key("failures", account)
	return func(v login.Verdict) {
		switch v {
		case login.Succeeded:
			f.counts.Succeed(key)
		case login.NotCounted:
			f.counts.Release(key)
		default:
			f.counts.Fail(key)
		}
	}, f.counts.Begin(key, ceiling)
}

func (f failures) Any(_ context.Context, account string) bool {
	return f.counts.Count(f.hasher.Key("failures", account)) > 0
}

func (f failures) Clear(_ context.Context, account string) {
	f.counts.Clear(f.hasher.Key("failures", account))
}

type allow func(account, device string, from netip.Addr) login.Decision

func (f allow) Allow(account, device string, from netip.Addr) login.Decision {
	return f(account, device, from)
}

func always(string, string, netip.Addr) login.Decision {
	return login.Decision{OK: true, Limit: 5, Remaining: 4}
}

func newFailures() failures {
	return failures{limit.NewFailures(0), limit.NewHasher([]byte("test"))}
}

func newService(m *mattermost, change ...func(*login.Options)) *login.Service {
	o := login.Options{
		Passwords: m, Sessions: m, Unlocker: m, Limiter: allow(always), Failures: newFailures(),
		Devices: login.NewDevices(login.DeviceKey{ID: "k1", Secret: []byte("secret")}),
		Floor:   time.Nanosecond,
	}
	for _, c := range change {
		c(&o)
	}
	return login.New(o)
}

func attempt(t *testing.T, address, password string) login.Attempt {
	t.Helper()
	name, err := login.EmailName(address)
	if err != nil {
		t.Fatal(err)
	}
	return login.Attempt{Name: name, Password: password, Visit: login.Visit{Client: login.Client{Addr: netip.MustParseAddr("192.0.2.1")}}}
}
