package mattermost

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

var _ login.Cutter = (*Client)(nil)

const (
	idSessionGone = "app.session.get."
	// tokensAtOnce is Mattermost's largest page; cutRounds pages are more than
	// anybody has.
	tokensAtOnce = 200
	cutRounds    = 10
)

// RevokeSession ends one session of an account, by Mattermost's id of it. One that
// is over already is no error; of another account's the answer is one.
func (c *Client) RevokeSession(ctx context.Context, userID, sessionID string) error {
	if !isID(userID) || !isID(sessionID) {
		return login.ErrUnknown
	}
	err := c.command(ctx, opRevoke, func(ctx context.Context, client *model.Client4) error {
		_, err := client.RevokeSession(ctx, userID, sessionID)
		return err
	})
	if rejected := rejectionOf(err); rejected != nil && strings.HasPrefix(rejected.id, idSessionGone) {
		return nil
	}
	return unknownPerson(err)
}

// CutOff implements login.Cutter. Sessions end first, so that none makes another
// access token meanwhile, and once more after the tokens, which make sessions.
// Where tokens keep appearing it gives up with an error. The account of our own token
// is login.ErrConflict, and keeps everything.
func (c *Client) CutOff(ctx context.Context, userID string) error {
	if !isID(userID) {
		return login.ErrUnknown
	}
	switch own, err := c.admin(ctx); {
	case err != nil:
		return err
	case own.Id == userID:
		return fmt.Errorf("%w: the admin token is this account's", login.ErrConflict)
	}
	for range cutRounds {
		if err := c.revokeSessions(ctx, userID); err != nil {
			return err
		}
		tokens, err := c.accessTokens(ctx, userID)
		if err != nil || len(tokens) == 0 {
			return err
		}
		for _, id := range tokens {
			if err := c.revokeToken(ctx, id); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%w: the account keeps having access tokens", upstream.ErrInvalid)
}

// revokeSessions: without an id, the same call would end everybody's sessions.
func (c *Client) revokeSessions(ctx context.Context, userID string) error {
	return unknownPerson(c.command(ctx, opRevoke, func(ctx context.Context, client *model.Client4) error {
		_, err := client.RevokeAllSessions(ctx, userID)
		return err
	}))
}

// accessTokens are the ids of a page of the account's tokens, disabled ones too:
// they can be enabled again.
func (c *Client) accessTokens(ctx context.Context, userID string) ([]string, error) {
	tokens, err := asAdmin(ctx, c, question{operation: opRevoke},
		func(ctx context.Context, client *model.Client4) ([]*model.UserAccessToken, error) {
			return dropResponse(client.GetUserAccessTokensForUser(ctx, userID, 0, tokensAtOnce))
		})
	if err != nil {
		return nil, unknownPerson(err)
	}
	if tokens == nil { // "null" is no list
		return nil, fmt.Errorf("%w: no list of access tokens", upstream.ErrInvalid)
	}
	ids := make([]string, 0, len(tokens))
	for _, t := range tokens {
		if t == nil || !isID(t.Id) || t.UserId != userID {
			return nil, errOtherAccount
		}
		ids = append(ids, t.Id)
	}
	return ids, nil
}

// revokeToken leaves it to the next list to tell whether a token that Mattermost
// does not know is really gone.
func (c *Client) revokeToken(ctx context.Context, tokenID string) error {
	err := c.command(ctx, opRevoke, func(ctx context.Context, client *model.Client4) error {
		_, err := client.RevokeUserAccessToken(ctx, tokenID)
		return err
	})
	if rejectionOf(err) != nil && !errors.Is(err, upstream.ErrAdminToken) {
		return nil
	}
	return err
}
