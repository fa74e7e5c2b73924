package mattermost

import (
	"context"
	"fmt"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/upstream"
)

// Config is the part of Mattermost's configuration, of some 1000 settings, that T
// names; it takes the admin token.
func Config[T any](ctx context.Context, c *Client) (T, error) {
	return asAdmin(ctx, c, question{operation: opSettings},
		func(ctx context.Context, client *model.Client4) (T, error) {
			return decode[T](client.DoAPIGet(ctx, "/config", ""))
		})
}

// ChangeConfig sets what patch names, section by section, and leaves the rest. What
// Mattermost has from its environment stays as it is, without an error.
func (c *Client) ChangeConfig(ctx context.Context, patch map[string]map[string]any) error {
	_, err := asAdmin(ctx, c, question{operation: opSettings},
		func(ctx context.Context, client *model.Client4) (struct{}, error) {
			return decode[struct{}](client.DoAPIPutJSON(ctx, "/config/patch", patch))
		})
	return err
}

// Version is Mattermost's, such as 11.6.0.
func (c *Client) Version(ctx context.Context) (string, error) {
	config, err := c.clientConfig(ctx)
	if err != nil {
		return "", err
	}
	version := config["Version"]
	if version == "" || len(version) > 64 || !isToken(version) {
		return "", fmt.Errorf("%w: a version that is none", upstream.ErrInvalid)
	}
	return version, nil
}

// Seats are how many people use the server, and how many may (docs/mattermost.md
// E3); most is zero where there is no limit.
func (c *Client) Seats(ctx context.Context) (taken, most int, err error) {
	limits, err := asAdmin(ctx, c, question{operation: opSettings},
		func(ctx context.Context, client *model.Client4) (*model.ServerLimits, error) {
			return dropResponse(client.GetServerLimits(ctx))
		})
	switch {
	case err != nil:
		return 0, 0, err
	case limits == nil:
		return 0, 0, fmt.Errorf("%w: limits that are none", upstream.ErrInvalid)
	}
	return int(limits.ActiveUserCount), int(limits.MaxUsersHardLimit), nil
}

// TeamSize is how many active people a team has.
func (c *Client) TeamSize(ctx context.Context, teamID string) (int, error) {
	if !isID(teamID) {
		return 0, errOtherPlace
	}
	stats, err := asAdmin(ctx, c, question{operation: opPlace},
		func(ctx context.Context, client *model.Client4) (*model.TeamStats, error) {
			return dropResponse(client.GetTeamStats(ctx, teamID, ""))
		})
	switch {
	case err != nil:
		return 0, unknown(err)
	case stats == nil || stats.TeamId != teamID:
		return 0, errOtherPlace
	}
	return int(stats.ActiveMemberCount), nil
}

// teamsPage is how many teams Mattermost shows at most in one answer.
const teamsPage = 200

// TeamNames are the addresses of all teams.
func (c *Client) TeamNames(ctx context.Context) ([]string, error) {
	var names []string
	for page := 0; ; page++ {
		teams, err := asAdmin(ctx, c, question{operation: opPlace},
			func(ctx context.Context, client *model.Client4) ([]*model.Team, error) {
				return dropResponse(client.GetAllTeams(ctx, "", page, teamsPage))
			})
		if err != nil {
			return nil, err
		}
		for _, team := range teams {
			if team == nil {
				return nil, errOtherPlace
			}
			names = append(names, team.Name)
		}
		if len(teams) < teamsPage {
			return names, nil
		}
	}
}
