package simulator

import (
	"slices"
	"strconv"

	"github.com/mattermost/mattermost/server/public/model"
)

func (s *Server) createTeam(c *call) (any, error) {
	in, err := decode[model.Team](c, "team")
	if err != nil || !model.IsValidTeamName(in.Name) {
		return nil, refuseBody("team")
	}
	if s.teamByName(in.Name) != nil {
		return nil, refuseTeamName
	}
	t := s.newTeam(in.Name, in.DisplayName, c.user)
	s.joinTeam(t, c.user, true)
	return t.view(c.user), nil
}

// newTeam makes a team with the two channels that every team has.
func (s *Server) newTeam(name, displayName string, creator *person) *team {
	now := s.millis()
	t := &team{members: map[string]*model.TeamMember{}, Team: model.Team{
		Id: model.NewId(), CreateAt: now, UpdateAt: now, Name: name, DisplayName: displayName,
		Type: model.TeamOpen, InviteId: model.NewId(), Email: creator.Email,
	}}
	s.teams[t.Id] = t
	s.newChannel(model.Channel{TeamId: t.Id, Name: model.DefaultChannelName, DisplayName: "Town Square"})
	s.newChannel(model.Channel{TeamId: t.Id, Name: "off-topic", DisplayName: "Off-Topic"})
	return t
}

func (s *Server) teamOf(c *call) (*team, error) {
	if !model.IsValidId(c.params["team"]) {
		return nil, refuseURL("team_id")
	}
	t := s.teams[c.params["team"]]
	if t == nil {
		return nil, refuseTeam
	}
	return t, nil
}

func (s *Server) getTeam(c *call) (any, error) {
	t, err := s.teamOf(c)
	if err != nil {
		return nil, err
	}
	return t.view(c.user), nil
}

func (s *Server) getTeamByName(c *call) (any, error) {
	t := s.teamByName(c.params["name"])
	if t == nil {
		return nil, refuseTeamMissing
	}
	return t.view(c.user), nil
}

func (s *Server) listTeams(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	views := []teamView{}
	for _, t := range s.teamsInOrder() {
		if t.members[p.Id] != nil {
			views = append(views, t.view(c.user))
		}
	}
	return views, nil
}

// listAllTeams is for administrators; everybody else would see those that are open.
func (s *Server) listAllTeams(c *call) (any, error) {
	views := []teamView{}
	for _, t := range s.teamsInOrder() {
		views = append(views, t.view(c.user))
	}
	return page(c, views), nil
}

func (s *Server) countTeamMembers(c *call) (any, error) {
	t, err := s.teamOf(c)
	if err != nil {
		return nil, err
	}
	active := 0
	for id := range t.members {
		if s.people[id].DeleteAt == 0 {
			active++
		}
	}
	return model.TeamStats{TeamId: t.Id, TotalMemberCount: int64(len(t.members)), ActiveMemberCount: int64(active)}, nil
}

func (s *Server) teamMembersOf(p *person) []*model.TeamMember {
	found := []*model.TeamMember{}
	for _, t := range s.teamsInOrder() {
		if m := t.members[p.Id]; m != nil {
			found = append(found, m)
		}
	}
	return found
}

func (s *Server) listTeamMemberships(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	return s.teamMembersOf(p), nil
}

func (s *Server) listTeamMembers(c *call) (any, error) {
	t, err := s.teamOf(c)
	if err != nil {
		return nil, err
	}
	all := byCreation(t.members, func(m *model.TeamMember) int64 { return m.CreateAt })
	return page(c, all), nil
}

// page cuts a list to the page that the query asks for; 60 a page, as Mattermost has it.
func page[V any](c *call, all []V) []V {
	number, _ := strconv.Atoi(c.URL.Query().Get("page"))
	size, _ := strconv.Atoi(c.URL.Query().Get("per_page"))
	if size <= 0 {
		size = 60
	}
	from := min(max(number, 0)*size, len(all))
	return slices.Clone(all[from:min(from+size, len(all))])
}

func (s *Server) getTeamMember(c *call) (any, error) {
	t, err := s.teamOf(c)
	if err != nil {
		return nil, err
	}
	p, err := s.subject(c)
	if err != nil {
		return nil, err
	}
	if t.members[p.Id] == nil {
		return nil, refuseNotInTeam
	}
	return t.members[p.Id], nil
}

func (s *Server) addTeamMember(c *call) (any, error) {
	t, err := s.teamOf(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[model.TeamMember](c, "team_member")
	if err != nil {
		return nil, err
	}
	return s.addToTeam(t, in)
}

func (s *Server) addTeamMembers(c *call) (any, error) {
	t, err := s.teamOf(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[[]model.TeamMember](c, "members")
	if err != nil {
		return nil, err
	}
	added := []*model.TeamMember{}
	for _, wish := range in {
		m, err := s.addToTeam(t, wish)
		if err != nil {
			return nil, err
		}
		added = append(added, m)
	}
	return added, nil
}

// addToTeam is idempotent, and takes deactivated people too (E5).
func (s *Server) addToTeam(t *team, in model.TeamMember) (*model.TeamMember, error) {
	switch {
	case in.TeamId != t.Id:
		return nil, refuseBody("team_id")
	case !model.IsValidId(in.UserId):
		return nil, refuseBody("user_id")
	case s.people[in.UserId] == nil:
		return nil, refuseUserMissing
	case t.members[in.UserId] == nil && len(t.members) >= s.settings.TeamSettings.MaxUsersPerTeam:
		return nil, refuseTeamFull
	}
	return s.joinTeam(t, s.people[in.UserId], false), nil
}

// joinTeam makes p a member of the team and of its default channels.
func (s *Server) joinTeam(t *team, p *person, asAdmin bool) *model.TeamMember {
	if m := t.members[p.Id]; m != nil {
		return m
	}
	m := &model.TeamMember{TeamId: t.Id, UserId: p.Id, Roles: model.TeamUserRoleId, SchemeUser: true,
		SchemeAdmin: asAdmin, CreateAt: s.millis()}
	if asAdmin {
		m.Roles += " " + model.TeamAdminRoleId
	}
	t.members[p.Id] = m
	for _, name := range []string{model.DefaultChannelName, "off-topic"} {
		if ch := s.channelByName(t.Id, name); ch != nil {
			s.joinChannel(ch, p)
		}
	}
	return m
}

func (s *Server) removeTeamMember(c *call) (any, error) {
	t, err := s.teamOf(c)
	if err != nil {
		return nil, err
	}
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	if t.members[p.Id] == nil {
		return nil, refuseNotInTeam
	}
	delete(t.members, p.Id)
	for _, ch := range s.channels {
		if ch.TeamId == t.Id {
			delete(ch.members, p.Id)
		}
	}
	return done, nil
}
