package mattermost

import (
	"context"
	"fmt"
	"net/http"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/upstream"
)

const (
	fieldStatus   = "status"
	fieldDatabase = "database_status"
	// headerDatabase says the same; on a 500 the client throws the body away.
	headerDatabase = "Database_status"
)

// Ping answers nil when Mattermost and its database work (docs/mattermost.md D2).
// It is not held back by the breaker. A file store that is away is no error.
func (c *Client) Ping(ctx context.Context) error { return c.databaseAnswers(ctx) }

func (c *Client) databaseAnswers(ctx context.Context) error {
	x := &exchange{}
	status, err := ask(ctx, c, question{operation: opPing, probe: true, exchange: x},
		func(ctx context.Context, client *model.Client4) (map[string]any, error) {
			return dropResponse(client.GetPingWithOptions(ctx, model.SystemPingOptions{FullStatus: true, RESTSemantics: true}))
		})
	switch {
	case x.status == http.StatusInternalServerError && x.header.Get(headerDatabase) == model.StatusOk:
		return nil // an older server, whose file store alone is away
	case err != nil:
		return err
	case status[fieldDatabase] == model.StatusUnhealthy:
		return fmt.Errorf("%w: its database is away", upstream.ErrUnavailable)
	case status[fieldDatabase] != model.StatusOk && status[fieldStatus] != model.StatusOk:
		return fmt.Errorf("%w: a ping without a status", upstream.ErrInvalid)
	}
	return nil
}
