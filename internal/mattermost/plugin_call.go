package mattermost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"matterpass/internal/companion"
	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

// pluginCall is one question to the plugin. It goes by no method of the official
// client, which knows nothing but the API, but over the same connections.
type pluginCall struct {
	operation        string
	method, route    string
	serverID, userID string
	from             login.Client
	body             any // nil for none
	answer           any // where the body of a good answer goes; what it says may be wrong after an error
}

// ask puts a question once. Its errors are those that login.Minter allows.
func (p *Plugin) ask(ctx context.Context, c *pluginCall) error {
	start := time.Now()
	err := p.askOnce(ctx, c)
	p.client.Observe(c.operation, outcome(err), time.Since(start))
	return err
}

func (p *Plugin) askOnce(ctx context.Context, c *pluginCall) error {
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return err
	}
	inner, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	r, sent, err := p.request(inner, c)
	if err != nil {
		return fmt.Errorf("%w: %w", login.ErrMintUnavailable, err)
	}
	resp, err := p.client.base.HTTPClient.Do(r)
	if err != nil {
		return noAnswer(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, companion.BodyMost))
	if err != nil {
		return noAnswer(ctx, err)
	}
	if err := p.Keys.OpenAnswer(sent, resp.Header.Get(companion.Header), resp.StatusCode, body); err != nil {
		return notThePlugins(resp, body, c.answer)
	}
	if resp.StatusCode != http.StatusOK {
		return pluginRefusal(body)
	}
	if err := json.Unmarshal(body, c.answer); err != nil {
		return fmt.Errorf("%w: not what the plugin answers", upstream.ErrInvalid)
	}
	return nil
}

// request seals a question. The person's own address and browser are for
// Mattermost's limits and log.
func (p *Plugin) request(ctx context.Context, c *pluginCall) (*http.Request, companion.Envelope, error) {
	var body []byte
	if c.body != nil {
		var err error
		if body, err = json.Marshal(c.body); err != nil {
			return nil, companion.Envelope{}, err
		}
	}
	header, sent, err := p.Keys.Seal(companion.Envelope{
		Method: c.method, Path: c.route, ServerID: c.serverID, UserID: c.userID,
		Created: time.Now(), Nonce: companion.NewNonce(),
	}, body)
	if err != nil {
		return nil, sent, err
	}
	r, err := http.NewRequestWithContext(ctx, c.method, p.client.base.URL+companion.Base+c.route, bytes.NewReader(body))
	if err != nil {
		return nil, sent, err
	}
	for name, value := range headersFor(c.from) {
		r.Header.Set(name, value)
	}
	r.Header.Set(companion.Header, header)
	return r, sent, nil
}

// noAnswer: whatever kept it from coming, a session that was made after all is
// nobody's. ctx is the caller's, without the question's deadline.
func noAnswer(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if isTimeout(err) {
		return fmt.Errorf("%w: no answer in time", login.ErrMintUnavailable)
	}
	return fmt.Errorf("%w: %s", login.ErrMintUnavailable, cut(err))
}

// notThePlugins names an answer without the plugin's MAC. A refusal is what
// Mattermost says of a plugin that is not there, and the plugin itself to whoever
// has another secret; anything else pretends. A session in it is read into answer,
// to be ended.
func notThePlugins(resp *http.Response, body []byte, answer any) error {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return &upstream.Throttled{RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	case resp.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%w: HTTP 401; do PLUGIN_SECRET and the plugin's setting differ?", login.ErrMintUnavailable)
	case resp.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%w: HTTP %d; is the plugin enabled?", login.ErrMintUnavailable, resp.StatusCode)
	}
	_ = json.Unmarshal(body, answer) // it may be anything
	return fmt.Errorf("%w: HTTP %d without the plugin's MAC", upstream.ErrInvalid, resp.StatusCode)
}
