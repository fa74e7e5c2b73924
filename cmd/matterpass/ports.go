package main

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"matterpass/internal/config"
	"matterpass/internal/cookie"
	"matterpass/internal/email"
	"matterpass/internal/gateway"
	"matterpass/internal/limit"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/middleware"
)

// derive makes a key for one use out of a secret, so that no two uses share
// one: HKDF-SHA256, RFC 5869, with the use as info.
func derive(secret []byte, use string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "matterpass "+use+" v1", sha256.Size)
	if err != nil {
		panic(err) // only for a length that HKDF cannot give
	}
	return key
}

// secretKeys are SECRET_KEYS, or a key of this run in development: then known
// devices are forgotten at every start.
func secretKeys(cfg config.Config) []login.DeviceKey {
	var keys []login.DeviceKey
	for _, k := range cfg.Keys.Secrets {
		keys = append(keys, login.DeviceKey{ID: k.ID, Secret: []byte(k.Secret.Reveal())})
	}
	if len(keys) == 0 {
		keys = append(keys, login.DeviceKey{ID: "run", Secret: []byte(rand.Text())})
	}
	return keys
}

func deviceKeys(keys []login.DeviceKey) []login.DeviceKey {
	derived := make([]login.DeviceKey, len(keys))
	for i, k := range keys {
		derived[i] = login.DeviceKey{ID: k.ID, Secret: derive(k.Secret, "device cookie")}
	}
	return derived
}

// buckets are a limiter's, this process's own or common to all instances.
type buckets interface {
	Allow(key, network limit.Key) limit.Decision
}

// accountLimiter is the login's bucket for an account; a browser that signed in
// before has one of its own.
type accountLimiter struct {
	limiter buckets
	hasher  limit.Hasher
	refused func()
}

func (l accountLimiter) Allow(account, device string, from netip.Addr) login.Decision {
	d := l.limiter.Allow(l.hasher.Key("login", account, device), l.hasher.Key("network", middleware.Network(from).String()))
	if !d.OK {
		l.refused()
	}
	return login.Decision(d)
}

// clientLimiter counts a browser that signed in before by itself, and everybody
// else by address: an IPv4 address or an IPv6 /64. So an office behind one
// address is one client only for its newcomers.
type clientLimiter struct {
	limiter buckets
	hasher  limit.Hasher
	devices *login.Devices
	refused func()
}

func (l clientLimiter) Allow(r *http.Request) middleware.Decision {
	network := l.hasher.Key("client", middleware.Network(middleware.ClientAddr(r.Context())).String())
	key := network
	if device, known := l.devices.ID(cookie.DeviceOf(r)); known {
		key = l.hasher.Key("device", device)
	}
	d := l.limiter.Allow(key, network)
	if !d.OK {
		l.refused()
	}
	return middleware.Decision(d)
}

// keyLimiter gives each API key a bucket.
func keyLimiter(limiter buckets, hasher limit.Hasher, refused func()) func(string) middleware.Decision {
	return func(id string) middleware.Decision {
		key := hasher.Key("api key", id)
		d := limiter.Allow(key, key)
		if !d.OK {
			refused()
		}
		return middleware.Decision(d)
	}
}

// witness has the gateway know every session that a sign-in of ours opened,
// wherever it was asked for.
type witness struct {
	login.Passwords
	seen gateway.Seen
}

func (w witness) SignIn(ctx context.Context, account email.Address, password, code string, from login.Client) (login.Session, error) {
	session, err := w.Passwords.SignIn(ctx, account, password, code, from)
	if err == nil {
		w.seen.Saw(session.Token)
	}
	return session, err
}

// vouched has the gateway know the sessions on record as well: those that were made
// without a password, and those of before the start or of other instances.
type vouched struct {
	gateway.Seen
	remembers func(token string) bool
}

func (v vouched) Known(token string) bool { return v.Seen.Known(token) || v.remembers(token) }

// sessions takes the WebSockets of a session along when it ends: Mattermost
// leaves them open. Whether it could be told makes no difference to who signed out.
type sessions struct {
	login.Sessions
	ended   func(token string)
	doubted func(user string) // whose sessions may have ended
}

func (s sessions) End(ctx context.Context, token string) error {
	defer s.ended(token)
	return s.Sessions.End(ctx, token)
}

// EndAll has the user's other sessions looked at as well.
func (s sessions) EndAll(ctx context.Context, token string) error {
	defer s.ended(token)
	whose, unknown := s.Sessions.Find(ctx, token, "")
	err := s.Sessions.EndAll(ctx, token)
	if unknown == nil && err == nil {
		s.doubted(whose.User.ID)
	}
	return err
}

// revoker has the WebSockets of a person looked at whose session was ended without
// its token, whether or not Mattermost could be told.
type revoker struct {
	login.Revoker
	doubted func(user string)
}

func (r revoker) RevokeSession(ctx context.Context, userID, sessionID string) error {
	defer r.doubted(userID)
	return r.Revoker.RevokeSession(ctx, userID, sessionID)
}

// settings follows what Mattermost is set to, so that a change there needs no
// restart here.
type settings struct {
	client *mattermost.Client
	admin  bool          // an admin token is there
	asked  chan struct{} // closed when Mattermost was asked for the first time
	doubts chan struct{} // one waits at most

	mu      sync.Mutex
	siteURL string
	most    int
}

func newSettings(client *mattermost.Client, admin bool) *settings {
	return &settings{client: client, admin: admin, asked: make(chan struct{}), doubts: make(chan struct{}, 1)}
}

// How often the settings are read, once they are known and until then; and how
// long the first WebSockets of a run wait for them.
const (
	settingsEvery = time.Minute
	settingsRetry = 5 * time.Second
	settingsFirst = 3 * time.Second
)

// SiteURL is empty where it is not known. Just after the start it waits for
// Mattermost's first answer: a guess would have the WebSocket refused.
func (s *settings) SiteURL() string {
	select {
	case <-s.asked:
	case <-time.After(settingsFirst):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.siteURL
}

// MaxAttempts is zero until it is known.
func (s *settings) MaxAttempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// follow reads the settings until ctx ends.
func (s *settings) follow(ctx context.Context) {
	known := s.read(ctx)
	close(s.asked)
	for {
		next := settingsEvery
		if !known {
			next = settingsRetry
		}
		select {
		case <-time.After(next):
		case <-s.doubts:
		case <-ctx.Done():
			return
		}
		known = s.read(ctx)
	}
}

// doubt has the settings read at once: Mattermost behaves as if they had changed.
func (s *settings) doubt() {
	select {
	case s.doubts <- struct{}{}:
	default: // it is about to happen
	}
}

func (s *settings) read(ctx context.Context) (known bool) {
	site, siteErr := s.client.SiteURL(ctx)
	var most int
	var mostErr error
	if s.admin {
		var live mattermost.Settings
		live, mostErr = s.client.Settings(ctx)
		most = live.MaximumLoginAttempts
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if siteErr == nil {
		s.siteURL = site
	}
	if mostErr == nil && most > 0 {
		s.most = most
	}
	return siteErr == nil && mostErr == nil
}
