package mattermost

import (
	"context"
	"fmt"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

// command has Mattermost do something with the admin token, and makes sure that
// it was Mattermost who confirmed: the client takes any 200.
func (c *Client) command(ctx context.Context, operation string, do func(context.Context, *model.Client4) error) error {
	x := &exchange{keep: true}
	_, err := asAdmin(ctx, c, question{operation: operation, exchange: x},
		func(ctx context.Context, client *model.Client4) (struct{}, error) {
			return struct{}{}, do(ctx, client)
		})
	if err == nil && !isJSONObject(x.body.Bytes()) {
		return fmt.Errorf("%w: %s", upstream.ErrInvalid, x.describe())
	}
	return err
}

// ResetFailedAttempts lifts Mattermost's own lock (docs/mattermost.md A8, E9). It
// answers login.ErrUnknown for what is no account's id.
func (c *Client) ResetFailedAttempts(ctx context.Context, userID string) error {
	if !isID(userID) {
		return login.ErrUnknown
	}
	return unknownPerson(c.command(ctx, opUnlock, func(ctx context.Context, client *model.Client4) error {
		_, err := client.ResetFailedAttempts(ctx, userID)
		return err
	}))
}
