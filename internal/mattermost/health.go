package mattermost

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

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

// CheckAdmin answers nil when the admin token belongs to somebody who may manage
// users, and upstream.ErrAdminToken when not or when there is none.
func (c *Client) CheckAdmin(ctx context.Context) error {
	user, err := c.admin(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(strings.Fields(user.Roles), managesUsers) {
		return fmt.Errorf("%w: its account may not manage users", upstream.ErrAdminToken)
	}
	return nil
}

// admin is whose token the admin token is.
func (c *Client) admin(ctx context.Context) (*model.User, error) {
	user, err := asAdmin(ctx, c, question{operation: opAccount},
		func(ctx context.Context, client *model.Client4) (*model.User, error) {
			return dropResponse(client.GetMe(ctx, ""))
		})
	if err != nil {
		return nil, err
	}
	return person(user)
}

func managesUsers(role string) bool {
	return role == model.SystemAdminRoleId || role == model.SystemUserManagerRoleId
}

// FindTeam answers provision.ErrUnknown where there is no team of this name.
func (c *Client) FindTeam(ctx context.Context, slug string) error {
	_, err := c.TeamID(ctx, slug)
	return err
}

// SiteURL is Mattermost's own idea of its address, with which it compares a
// WebSocket's Origin (docs/mattermost.md G2); empty where it has none.
func (c *Client) SiteURL(ctx context.Context) (string, error) {
	config, err := c.clientConfig(ctx)
	if err != nil {
		return "", err
	}
	site, known := config["SiteURL"]
	if site == "" && known {
		return "", nil
	}
	if u, err := url.Parse(site); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("%w: a SiteURL that is no address", upstream.ErrInvalid)
	}
	return site, nil
}

// ServerID is the id that Mattermost gave itself when it was installed; empty
// where it shows none. It may be anything of at most 64 printable characters.
func (c *Client) ServerID(ctx context.Context) (string, error) {
	config, err := c.clientConfig(ctx)
	if err != nil {
		return "", err
	}
	id := cmp.Or(config["DiagnosticId"], config["TelemetryId"])
	if id != "" && (len(id) > 64 || !isToken(id)) {
		return "", fmt.Errorf("%w: a server id that is none", upstream.ErrInvalid)
	}
	return id, nil
}

// clientConfig is what Mattermost tells everybody.
func (c *Client) clientConfig(ctx context.Context) (map[string]string, error) {
	return ask(ctx, c, question{operation: opSettings},
		func(ctx context.Context, client *model.Client4) (map[string]string, error) {
			return dropResponse(client.GetClientConfig(ctx, ""))
		})
}

// Settings are the live settings of Mattermost's that we obey.
type Settings struct {
	// MaximumLoginAttempts is the failures after which an account is locked for
	// good (docs/mattermost.md A8).
	MaximumLoginAttempts int
}

// defaultLoginAttempts is Mattermost's own default.
const defaultLoginAttempts = 10

// Settings asks with the admin token. With an error come Mattermost's defaults.
func (c *Client) Settings(ctx context.Context) (Settings, error) {
	got, err := Config[struct{ ServiceSettings Settings }](ctx, c)
	if err != nil || got.ServiceSettings.MaximumLoginAttempts <= 0 {
		return Settings{defaultLoginAttempts}, err
	}
	return got.ServiceSettings, nil
}
