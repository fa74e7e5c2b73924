// Package simulator is a small Mattermost: the part of the server and of its web page that a browser signed in
// through Matterpass needs. It exists for the demo and for tests, and is held to recorded exchanges with a real
// 11.6 server (testdata/transcripts); docs/mattermost.md gives the facts by number and the code cites them.
//
// Everything lives in memory behind one mutex and is gone with the process. Of Matterpass it knows nothing but the
// companion plugin, which it can run as Mattermost does. It keeps passwords in plain text, and must never hold anything
// that matters.
package simulator

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
)

const (
	version   = "11.6.0"
	versionID = version + "." + version + "-simulator.0000000000000000000000000000000000000000000000000000000000000000.false"

	// maximumPayload is FileSettings.MaximumPayloadSizeBytes: a longer body counts as none (docs/mattermost.md A13).
	maximumPayload = 300_000
)

// Options shape a Server. The zero value is an empty Mattermost with default settings: no people, no team.
type Options struct {
	// SiteURL is ServiceSettings.SiteURL. When empty, a WebSocket's Origin must match the request's Host (G2).
	SiteURL string
	// FrameAncestors are the extra origins, separated by spaces, that may frame the pages (H3).
	FrameAncestors string
	// AllowCorsFrom are the extra origins, separated by spaces, that may open WebSockets and use CORS (G2, H8).
	AllowCorsFrom string
	// MaximumLoginAttempts is the number of wrong passwords after which an account is locked; 0 means 10.
	MaximumLoginAttempts int
	// SessionLength is the life of a session and of its cookies; 0 means 720 hours.
	SessionLength time.Duration
	// UserLimit is the number of active people after which the server takes no more; 0 means 250 (E3).
	UserLimit int
	// HashTime is what one password check costs. Checks wait for one another as they do in Mattermost, whose price
	// is about 170 ms (I1, I2); 0 means free.
	HashTime time.Duration
	// PlainPasswordsOnly is a server from before passwords could be handed over as hashes: it takes such a hash for a
	// password, and refuses it for its length.
	PlainPasswordsOnly bool
	// Plugin are the secrets of the companion plugin, with commas between them; empty means that it is not installed.
	Plugin string
	// MintTime is what it costs when a plugin makes a session, one at a time; Mattermost's price is about 4 ms (I2b),
	// 0 means free.
	MintTime time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Demo seeds the people, the team and the conversation of the demo, as Seed does.
	Demo bool
	// Password of the demo's people; empty means DefaultPassword.
	Password string
	// AdminToken is the personal access token of the demo's administrator; empty means a random one. Mattermost's
	// tokens are 26 characters of [a-z0-9].
	AdminToken string
	// StealFocus makes the page's message box take the focus on load, as the real one does (docs/webapp.md D5).
	StealFocus bool
	// Configure changes the remaining settings, after the fields above have been applied.
	Configure func(*Settings)
}

// Server is one simulated Mattermost. It is an http.Handler and safe for concurrent use.
type Server struct {
	options Options
	now     func() time.Time
	routes  []route

	// hashing lets one password check through at a time, whoever's it is (I2). A channel, so that the wait for it
	// counts as idle in a synctest bubble.
	hashing chan struct{}
	minting chan struct{} // the same for sessions that a plugin makes (I2b)

	serverID string
	plugins  map[string]http.Handler // by id

	mu         sync.Mutex
	settings   Settings
	people     map[string]*person
	sessions   map[string]*session // by token
	tokens     map[string]*accessToken
	teams      map[string]*team
	channels   map[string]*channel
	files      map[string]*file
	sockets    map[*socket]struct{}
	databaseUp bool
	logins     int
	mints      int
	adminToken string
	lastMillis int64

	living context.Context // ends with Close
	close  context.CancelFunc
	open   sync.WaitGroup // sockets being served
}

// New makes a Server. Call Close when done with it: a closed server has no goroutines left.
func New(o Options) *Server {
	s := &Server{
		options:    o,
		now:        time.Now,
		settings:   settingsFrom(o),
		people:     map[string]*person{},
		sessions:   map[string]*session{},
		tokens:     map[string]*accessToken{},
		teams:      map[string]*team{},
		channels:   map[string]*channel{},
		files:      map[string]*file{},
		sockets:    map[*socket]struct{}{},
		hashing:    make(chan struct{}, 1),
		minting:    make(chan struct{}, 1),
		serverID:   model.NewId(),
		databaseUp: true,
	}
	if o.Now != nil {
		s.now = o.Now
	}
	s.living, s.close = context.WithCancel(context.Background())
	s.routes = s.api()
	s.installCompanion()
	if o.Demo {
		s.Seed()
	}
	return s
}

// Handler returns the server itself.
func (s *Server) Handler() http.Handler { return s }

// Close ends every WebSocket and waits for them. Ordinary requests are still answered.
func (s *Server) Close() {
	s.mu.Lock()
	s.close()
	s.mu.Unlock()
	s.open.Wait()
}

// Password is the password of the people that Seed makes.
func (s *Server) Password() string { return cmp.Or(s.options.Password, DefaultPassword) }

// AdminToken is the personal access token of the administrator that Seed makes; empty before Seed.
func (s *Server) AdminToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.adminToken
}

// millis is the time as Mattermost stores it. It never repeats, so that what is made later also sorts later.
func (s *Server) millis() int64 {
	s.lastMillis = max(s.lastMillis+1, model.GetMillisForTime(s.now()))
	return s.lastMillis
}
