package mattermost

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

// Names of the calls, for metrics.
const (
	opSignIn   = "sign_in"
	opSession  = "session"
	opSignOut  = "sign_out"
	opPing     = "ping"
	opSettings = "settings"
	opAccount  = "account"
	opCreate   = "create"
	opUpdate   = "update"
	opPlace    = "place"
	opJoin     = "join"
	opUnlock   = "unlock"
	opRevoke   = "revoke"
	opPassword = "password"
	opMint     = "mint"
	opPlugin   = "plugin"
)

// Operations lists every name of a call.
func Operations() []string {
	return []string{
		opSignIn, opSession, opSignOut, opPing, opSettings, opAccount, opCreate, opUpdate, opPlace, opJoin, opUnlock, opRevoke, opPassword,
		opMint, opPlugin,
	}
}

// question is one call.
type question struct {
	operation string
	token     string // whose; empty for nobody's
	headers   map[string]string
	// probe lets the call pass the breaker and the pauses: it is asked to learn
	// whether Mattermost is back.
	probe bool
	// exchange may be set to see what went over the wire.
	exchange *exchange
}

// ask puts one question to Mattermost, at most once. Its errors are those of
// package upstream, *rejection, and the context's own.
func ask[T any](ctx context.Context, c *Client, q question, do func(context.Context, *model.Client4) (T, error)) (T, error) {
	start := time.Now()
	answer, err := askOnce(ctx, c, q, do)
	if isUnauthorized(err) && !q.probe {
		// Mattermost answers so too when only its database is away
		// (docs/mattermost.md A11, I3).
		if away := c.outage.confirm(ctx); away != nil {
			err = away
		}
	}
	c.Observe(q.operation, outcome(err), time.Since(start))
	if err != nil {
		var nothing T // not what was decoded before it broke off
		return nothing, err
	}
	return answer, nil
}

func askOnce[T any](ctx context.Context, c *Client, q question, do func(context.Context, *model.Client4) (T, error)) (answer T, err error) {
	if err := ctx.Err(); err != nil {
		return answer, left(err)
	}
	if q.exchange == nil {
		q.exchange = &exchange{}
	}
	send := func() error {
		inner, cancel := context.WithTimeout(q.exchange.in(ctx), c.Timeout)
		defer cancel()
		var err error
		answer, err = do(inner, c.client(q.token, q.headers))
		return q.exchange.fault(ctx, err)
	}
	if q.probe {
		return answer, send()
	}
	if err := c.pauses.check(q.operation); err != nil {
		return answer, err
	}
	err = guarded(c.breaker, send)
	c.pauses.note(q.operation, err)
	return answer, err
}

// asAdmin asks with the admin token. Where Mattermost refuses that token the
// answer is upstream.ErrAdminToken.
func asAdmin[T any](ctx context.Context, c *Client, q question, do func(context.Context, *model.Client4) (T, error)) (T, error) {
	var nothing T
	q.token = c.AdminToken()
	if !isToken(q.token) || c.refused.is(q.token) {
		return nothing, upstream.ErrAdminToken
	}
	answer, err := ask(ctx, c, q, do)
	switch rejected := rejectionOf(err); {
	case rejected == nil:
		return answer, err
	case rejected.status == http.StatusUnauthorized:
		c.refused.remember(q.token)
		return nothing, adminRefused(rejected)
	case rejected.status == http.StatusForbidden:
		return nothing, adminRefused(rejected)
	default:
		return nothing, err
	}
}

// outcome is the word for how a call ended.
func outcome(err error) string {
	var throttled *upstream.Throttled
	switch {
	case err == nil:
		return "ok"
	case rejectionOf(err) != nil, errors.Is(err, login.ErrMintRefused), errors.Is(err, login.ErrMFARequired):
		return "rejected"
	case errors.As(err, &throttled):
		return "throttled"
	case errors.Is(err, errBreakerOpen):
		return "breaker_open"
	case errors.Is(err, upstream.ErrUnavailable), errors.Is(err, login.ErrMintUnavailable):
		return "unavailable"
	case errors.Is(err, context.Canceled):
		return "gone"
	case errors.Is(err, upstream.ErrTimeout):
		return "timeout"
	default:
		return "invalid"
	}
}

// Outcomes lists every word for how a call ended.
func Outcomes() []string {
	return []string{"ok", "rejected", "throttled", "breaker_open", "unavailable", "gone", "timeout", "invalid"}
}

// dropResponse fits the client's methods, which answer a response that says less
// than the exchange does, to ask.
func dropResponse[T any](answer T, _ *model.Response, err error) (T, error) { return answer, err }
