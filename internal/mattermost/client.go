// Package mattermost is the way to the Mattermost server, on its official
// client. It carries the deadlines, the circuit breaker and the caps on what
// comes back, closes the client's own traps, and turns whatever goes wrong into
// the errors of packages upstream, login and provision. It decides nothing about
// people.
//
// The client's traps, each with a test that names it (docs/dependencies.md): it
// keeps the token of the last sign-in, so every call gets a copy of its own; it
// deletes ".." from paths and drops empty ones, so what enters a path is checked
// before and the account that comes back is compared with the one asked for; it
// follows redirects with the password in the body, reads answers without bound,
// returns nil without an error, and puts whole bodies into error texts.
package mattermost

import (
	"net/http"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/login"
)

var (
	_ login.Passwords = (*Client)(nil)
	_ login.Sessions  = (*Client)(nil)
	_ login.Accounts  = (*Client)(nil)
)

// Options says where Mattermost is. BaseURL is required; everything else may
// stay zero.
type Options struct {
	// BaseURL is Mattermost's own address, with its subpath if it has one.
	BaseURL string
	// AdminToken is asked before every call that needs it, so that it can change
	// while the program runs. Empty: there is none, and such calls answer
	// upstream.ErrAdminToken.
	AdminToken func() string
	// Timeout is the deadline of one call, its body included; 10 s.
	Timeout time.Duration
	// HTTPS says that browsers use https; Mattermost is told so at sign-in.
	HTTPS bool
	// Transport carries the requests; nil means NewTransport().
	Transport http.RoundTripper
	// Observe is told of every call: its name (one of Operations), how it ended
	// (one of Outcomes) and how long it took.
	Observe func(operation, outcome string, took time.Duration)
}

// defaultTimeout is longer than Mattermost needs when eight sign-ins wait for
// its one password check (docs/mattermost.md I2).
const defaultTimeout = 10 * time.Second

// Client talks to one Mattermost server. It is safe for concurrent use.
type Client struct {
	Options
	base    model.Client4 // copied for every call, never used itself
	breaker *breaker
	pauses  pauses
	outage  outage
	refused refusedToken
}

// New returns a Client. It does not connect.
func New(o Options) *Client {
	if o.AdminToken == nil {
		o.AdminToken = func() string { return "" }
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Transport == nil {
		o.Transport = NewTransport()
	}
	if o.Observe == nil {
		o.Observe = func(string, string, time.Duration) {}
	}
	c := &Client{Options: o, base: *model.NewAPIv4Client(o.BaseURL), breaker: newBreaker(isServersFault)}
	c.base.HTTPClient = &http.Client{
		Transport: guard{o.Transport},
		// A 307 would carry the password to wherever the answer points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.outage.ask = c.databaseAnswers
	return c
}

// Close drops idle connections. The Client can be used again.
func (c *Client) Close() { c.base.HTTPClient.CloseIdleConnections() }

// BreakerState is "closed", "half-open" or "open".
func (c *Client) BreakerState() string { return c.breaker.State().String() }

// client is the official client for one call: it writes the token of a sign-in
// into itself, and HTTPHeader is a map.
func (c *Client) client(token string, headers map[string]string) *model.Client4 {
	own := c.base
	own.HTTPHeader = headers
	if token != "" {
		own.SetToken(token)
	}
	return &own
}
