package provision

import (
	"context"
	"errors"
	"fmt"
)

// place is a team that was found, with channels of it.
type place struct {
	name     string
	team     string
	channels []string
}

func (s *Service) find(ctx context.Context, w wanted) ([]place, error) {
	var places []place
	for i, team := range w.Teams {
		found, err := s.findTeam(ctx, team, func(rest string) string {
			if w.OwnTeams {
				return fmt.Sprintf("teams[%d].%s", i, rest)
			}
			return "teams" // the request named none: the configured ones are meant
		})
		if err != nil {
			return nil, err
		}
		places = append(places, found)
	}
	return places, nil
}

func (s *Service) findTeam(ctx context.Context, t Team, field func(string) string) (place, error) {
	found := place{name: t.Name}
	var err error
	if found.team, err = s.Directory.TeamID(ctx, t.Name); err != nil {
		return place{}, notFound(err, field("name"), fmt.Sprintf("there is no team %q", t.Name))
	}
	for i, channel := range t.Channels {
		id, err := s.Directory.ChannelID(ctx, found.team, channel)
		if err != nil {
			return place{}, notFound(err, field(fmt.Sprintf("channels[%d]", i)), fmt.Sprintf("there is no channel %q in team %q", channel, t.Name))
		}
		found.channels = append(found.channels, id)
	}
	return found, nil
}

func notFound(err error, field, want string) error {
	if errors.Is(err, ErrUnknown) {
		return &Invalid{field, want}
	}
	return err
}

func (s *Service) join(ctx context.Context, p place, userID string) error {
	if err := s.Directory.JoinTeam(ctx, p.team, userID); err != nil {
		return fmt.Errorf("join team %q: %w", p.name, err)
	}
	for _, channel := range p.channels {
		if err := s.Directory.JoinChannel(ctx, channel, userID); err != nil {
			return fmt.Errorf("join a channel of team %q: %w", p.name, err)
		}
	}
	return nil
}
