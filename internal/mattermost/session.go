package mattermost

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

// Find implements login.Sessions.
func (c *Client) Find(ctx context.Context, token, csrf string) (login.Session, error) {
	user, err := c.me(ctx, token)
	if err != nil {
		return login.Session{}, err
	}
	session := login.Session{User: userOf(user), Token: token}
	if own := c.sessionByCSRF(ctx, token, user.Id, csrf); own != nil {
		session.CSRF, session.ID = csrf, idOf(own)
		if own.ExpiresAt > 0 { // 0 is a session without an end (F7)
			session.ExpiresAt = time.UnixMilli(own.ExpiresAt).UTC()
		}
	}
	return session, nil
}

// me answers login.ErrSignedOut for a token that Mattermost does not know.
func (c *Client) me(ctx context.Context, token string) (*model.User, error) {
	if !isID(token) {
		return nil, login.ErrSignedOut
	}
	user, err := ask(ctx, c, question{operation: opSession, token: token},
		func(ctx context.Context, client *model.Client4) (*model.User, error) {
			return dropResponse(client.GetMe(ctx, ""))
		})
	if isStatus(err, http.StatusUnauthorized) {
		return nil, login.ErrSignedOut
	}
	if err != nil {
		return nil, err
	}
	return person(user)
}

// SessionID is Mattermost's own id of a session that was just made, empty where it
// cannot be had: the answer to a sign-in does not carry it.
func (c *Client) SessionID(ctx context.Context, s login.Session) string {
	if !isID(s.Token) || !isID(s.User.ID) {
		return ""
	}
	return idOf(c.sessionByCSRF(ctx, s.Token, s.User.ID, s.CSRF))
}

func idOf(s *model.Session) string {
	if s == nil || !isID(s.Id) {
		return ""
	}
	return s.Id
}

// sessionByCSRF finds the user's session that has this CSRF value; Mattermost
// shows it there, unlike the token (docs/mattermost.md E10). When the list can't
// be had, the session's end stays unknown: that is no reason to refuse it.
func (c *Client) sessionByCSRF(ctx context.Context, token, userID, csrf string) *model.Session {
	if !isID(csrf) {
		return nil // a session of an access token has none; it must match nothing
	}
	sessions, err := ask(ctx, c, question{operation: opSession, token: token},
		func(ctx context.Context, client *model.Client4) ([]*model.Session, error) {
			return dropResponse(client.GetSessions(ctx, userID, ""))
		})
	if err != nil {
		return nil
	}
	for _, s := range sessions {
		if s != nil && s.UserId == userID && s.Props["csrf"] == csrf {
			return s
		}
	}
	return nil
}

// End implements login.Sessions.
func (c *Client) End(ctx context.Context, token string) error {
	if !isID(token) {
		return nil
	}
	return c.end(ctx, token, func(ctx context.Context, client *model.Client4) error {
		_, err := client.Logout(ctx)
		return err
	})
}

// EndAll implements login.Sessions.
func (c *Client) EndAll(ctx context.Context, token string) error {
	user, err := c.me(ctx, token)
	if errors.Is(err, login.ErrSignedOut) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.end(ctx, token, func(ctx context.Context, client *model.Client4) error {
		_, err := client.RevokeAllSessions(ctx, user.Id)
		return err
	})
}

// end makes sure that it was Mattermost who confirmed: the client takes any 200.
func (c *Client) end(ctx context.Context, token string, do func(context.Context, *model.Client4) error) error {
	x := &exchange{keep: true}
	_, err := ask(ctx, c, question{operation: opSignOut, token: token, exchange: x},
		func(ctx context.Context, client *model.Client4) (struct{}, error) {
			return struct{}{}, do(ctx, client)
		})
	if isStatus(err, http.StatusUnauthorized) {
		return nil // the session is gone already
	}
	if err == nil && !isJSONObject(x.body.Bytes()) {
		return fmt.Errorf("%w: %s", upstream.ErrInvalid, x.describe())
	}
	return err
}
