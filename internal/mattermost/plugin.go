package mattermost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"matterpass/internal/companion"
	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

var _ login.Minter = (*Plugin)(nil)

// PluginOptions shape a Plugin. Keys and MFA are required.
type PluginOptions struct {
	Keys companion.Keys
	// MFA is one of companion's policies.
	MFA string
	// MaxAge is the longest life of a session; 0: Mattermost's own.
	MaxAge time.Duration
	// Timeout is the deadline of one question; 3 s, and never more.
	Timeout time.Duration
}

// pluginTimeout is long for what takes 5 ms (docs/mattermost.md I2b), and short
// for a person who waits.
const pluginTimeout = 3 * time.Second

// Plugin makes sessions through the companion plugin. It believes only answers
// with the plugin's MAC, and has a breaker of its own: a plugin that is away says
// nothing about Mattermost.
type Plugin struct {
	PluginOptions
	client  *Client
	breaker *breaker
	server  atomic.Pointer[string]
}

// NewPlugin returns a Plugin that shares c's connections and metrics.
func NewPlugin(c *Client, o PluginOptions) *Plugin {
	if o.Timeout <= 0 || o.Timeout > pluginTimeout {
		o.Timeout = pluginTimeout
	}
	isAway := func(err error) bool { return errors.Is(err, login.ErrMintUnavailable) }
	return &Plugin{PluginOptions: o, client: c, breaker: newBreaker(isAway)}
}

// Ping answers nil when the plugin is there, has the same secret, runs in the
// server that it ran in before and has a clock near enough to ours; otherwise an
// error that is login.ErrMintUnavailable or upstream.ErrInvalid. It passes the
// breaker.
func (p *Plugin) Ping(ctx context.Context) error {
	_, err := p.ping(ctx)
	return err
}

// ServerID is the Mattermost server's own id, as the plugin says: unlike
// config/client, its answer is authentic. The first answer is kept while the
// program runs, so that a question is never carried to another server.
func (p *Plugin) ServerID(ctx context.Context) (string, error) {
	if known := p.server.Load(); known != nil {
		return *known, nil
	}
	pong, err := p.ping(ctx)
	return pong.ServerID, err
}

func (p *Plugin) ping(ctx context.Context) (companion.Pong, error) {
	var pong companion.Pong
	err := p.ask(ctx, &pluginCall{operation: opPlugin, method: http.MethodGet, route: companion.RoutePing, answer: &pong})
	if err != nil {
		return companion.Pong{}, err
	}
	if pong.ServerID == "" {
		return companion.Pong{}, fmt.Errorf("%w: the server has no id", login.ErrMintUnavailable)
	}
	if p.server.CompareAndSwap(nil, &pong.ServerID); *p.server.Load() != pong.ServerID {
		return companion.Pong{}, fmt.Errorf("%w: another server than before; restart if that is meant", login.ErrMintUnavailable)
	}
	return pong, clocksAgree(pong.Now)
}

// clocksAgree: beyond the window the plugin would refuse every question.
func clocksAgree(theirs int64) error {
	if off := time.Since(time.UnixMilli(theirs)); off.Abs() > companion.Window {
		return fmt.Errorf("%w: the clocks differ by %s", login.ErrMintUnavailable, off.Round(time.Second).Abs())
	}
	return nil
}

// Mint implements login.Minter. A session in an answer that is refused here is
// ended again, best effort.
func (p *Plugin) Mint(ctx context.Context, m login.Minting) (login.Session, error) {
	var serverID string
	err := guarded(p.breaker, func() (err error) { serverID, err = p.ServerID(ctx); return err })
	if errors.Is(err, errBreakerOpen) {
		return login.Session{}, fmt.Errorf("%w: the circuit breaker is open", login.ErrMintUnavailable)
	}
	if err != nil {
		return login.Session{}, err
	}
	if !isID(m.Account.ID) {
		return login.Session{}, fmt.Errorf("%w: an account without a proper id", login.ErrMintRefused)
	}
	var minted companion.Minted
	call := &pluginCall{
		operation: opMint, method: http.MethodPost, route: companion.RouteMint,
		serverID: serverID, userID: m.Account.ID, from: m.Client, body: p.question(m), answer: &minted,
	}
	err = guarded(p.breaker, func() error { return p.ask(ctx, call) })
	if errors.Is(err, errBreakerOpen) {
		return login.Session{}, fmt.Errorf("%w: the circuit breaker is open", login.ErrMintUnavailable)
	}
	if err == nil {
		var session login.Session
		if session, err = sessionOf(minted, m.Account.ID); err == nil {
			return session, nil
		}
	}
	p.client.drop(ctx, minted.Token)
	return login.Session{}, err
}

func (p *Plugin) question(m login.Minting) companion.Mint {
	wanted := companion.Mint{
		Purpose:   companion.PurposeSignIn,
		MFA:       p.MFA,
		Vouched:   m.MultiFactor,
		Code:      m.Code,
		MaxAge:    int64(p.MaxAge / time.Second),
		UserAgent: headerText(m.Client.UserAgent),
	}
	if m.Client.Addr.IsValid() {
		wanted.ClientIP = plainAddr(m.Client.Addr)
	}
	return wanted
}

// sessionOf is as strict with the plugin as sessionFrom is with a sign-in.
func sessionOf(minted companion.Minted, userID string) (login.Session, error) {
	switch {
	case minted.UserID != userID:
		return login.Session{}, errOtherAccount
	case !isID(minted.Token):
		return login.Session{}, invalidSession("token")
	case !isID(minted.CSRF):
		return login.Session{}, invalidSession("CSRF value")
	case !isID(minted.SessionID):
		return login.Session{}, invalidSession("id")
	case minted.ExpiresAt <= 0:
		return login.Session{}, invalidSession("end")
	}
	address, _ := email.Parse(minted.Email)
	return login.Session{
		User:      login.User{ID: minted.UserID, Username: minted.Username, Email: address},
		ID:        minted.SessionID,
		Token:     minted.Token,
		CSRF:      minted.CSRF,
		ExpiresAt: time.UnixMilli(minted.ExpiresAt).UTC(),
	}, nil
}

// pluginRefusal turns a refusal of the plugin's into login's words.
func pluginRefusal(body []byte) error {
	var refused companion.Refused
	if err := json.Unmarshal(body, &refused); err != nil {
		return fmt.Errorf("%w: a refusal that is none", upstream.ErrInvalid)
	}
	switch code := refused.Code; code {
	case companion.CodeMFARequired:
		return &login.Refusal{Reason: string(code), NeedsCode: true}
	case companion.CodeMFAWrong, companion.CodeMFAThrottled:
		return &login.Refusal{Reason: string(code), NeedsCode: true, Counted: true}
	case companion.CodeUnknownUser, companion.CodeDeactivated, companion.CodeBot, companion.CodeRemote,
		companion.CodePrivileged, companion.CodeChanged, companion.CodeMFARefused:
		return fmt.Errorf("%w: %s", login.ErrMintRefused, code)
	case companion.CodeStale:
		off := time.Since(time.UnixMilli(refused.Now)).Round(time.Second).Abs()
		return fmt.Errorf("%w: the plugin says %s; the clocks differ by %s", login.ErrMintUnavailable, code, off)
	case companion.CodeMalformed, companion.CodeReplayed, companion.CodeWrongServer, companion.CodeUnavailable:
		return fmt.Errorf("%w: the plugin says %s", login.ErrMintUnavailable, code)
	default:
		return fmt.Errorf("%w: a refusal that nobody knows", upstream.ErrInvalid)
	}
}
