package simulator

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/mattermost/mattermost/server/public/model"
)

// newChannel makes an open channel unless c says otherwise.
func (s *Server) newChannel(c model.Channel) *channel {
	c.Id, c.CreateAt = model.NewId(), s.millis()
	c.UpdateAt = c.CreateAt
	c.Type = cmp.Or(c.Type, model.ChannelTypeOpen)
	made := &channel{Channel: c, members: map[string]*model.ChannelMember{}}
	s.channels[made.Id] = made
	return made
}

func (s *Server) channelOf(c *call) (*channel, error) {
	if !model.IsValidId(c.params["channel"]) {
		return nil, refuseURL("channel_id")
	}
	return s.readable(c, s.channels[c.params["channel"]], refuseChannel)
}

// readable refuses a channel that is not there, and one that the caller may not see.
func (s *Server) readable(c *call, ch *channel, missing refusal) (*channel, error) {
	if ch == nil {
		return nil, missing
	}
	if ch.members[c.user.Id] != nil || c.user.isAdmin() {
		return ch, nil
	}
	t := s.teams[ch.TeamId]
	if ch.Type == model.ChannelTypeOpen && t != nil && t.members[c.user.Id] != nil {
		return ch, nil
	}
	return nil, refusePermission
}

func (s *Server) getChannel(c *call) (any, error) {
	ch, err := s.channelOf(c)
	if err != nil {
		return nil, err
	}
	return ch.view(), nil
}

func (s *Server) getChannelByName(c *call) (any, error) {
	t, err := s.teamOf(c)
	if err != nil {
		return nil, err
	}
	return s.namedChannel(c, t)
}

func (s *Server) getChannelByNames(c *call) (any, error) {
	t := s.teamByName(c.params["team_name"])
	if t == nil {
		return nil, refuseTeamMissing
	}
	return s.namedChannel(c, t)
}

func (s *Server) namedChannel(c *call, t *team) (any, error) {
	ch, err := s.readable(c, s.channelByName(t.Id, c.params["name"]), refuseChannelMissing)
	if err != nil {
		return nil, err
	}
	return ch.view(), nil
}

func (s *Server) createChannel(c *call) (any, error) {
	in, err := decode[model.Channel](c, "channel")
	if err != nil || !model.IsValidChannelIdentifier(in.Name) {
		return nil, refuseBody("channel")
	}
	t := s.teams[in.TeamId]
	if t == nil {
		return nil, refuseTeam
	}
	if t.members[c.user.Id] == nil && !c.user.isAdmin() {
		return nil, refusePermission
	}
	if s.channelByName(t.Id, in.Name) != nil {
		return nil, refuseChannelName
	}
	ch := s.newChannel(model.Channel{TeamId: t.Id, Name: in.Name, DisplayName: in.DisplayName, Type: in.Type,
		Header: in.Header, Purpose: in.Purpose, CreatorId: c.user.Id})
	s.joinChannel(ch, c.user)
	return ch.view(), nil
}

func (s *Server) createDirectChannel(c *call) (any, error) {
	ids, err := decode[[]string](c, "user_ids")
	if err != nil || len(ids) != 2 || !slices.Contains(ids, c.user.Id) {
		return nil, refuseBody("user_ids")
	}
	first, second := s.people[ids[0]], s.people[ids[1]]
	if first == nil || second == nil {
		return nil, refuseUserMissing
	}
	return s.directChannel(first, second).view(), nil
}

func (s *Server) directChannel(creator, other *person) *channel {
	name := model.GetDMNameFromIds(creator.Id, other.Id)
	if ch := s.channelByName("", name); ch != nil {
		return ch
	}
	ch := s.newChannel(model.Channel{Name: name, Type: model.ChannelTypeDirect, CreatorId: creator.Id,
		Shared: model.NewPointer(false)})
	s.joinChannel(ch, creator)
	s.joinChannel(ch, other)
	s.publish(newEvent(model.WebsocketEventDirectAdded, to{channel: ch.Id}).
		with("creator_id", creator.Id).with("teammate_id", other.Id))
	return ch
}

func (s *Server) addChannelMember(c *call) (any, error) {
	ch, err := s.channelOf(c)
	if err != nil {
		return nil, err
	}
	in, _ := decode[map[string]any](c, "user_id")
	id, _ := in["user_id"].(string)
	p := s.people[id]
	switch t := s.teams[ch.TeamId]; {
	case !model.IsValidId(id):
		return nil, refuseBody("user_id")
	case p == nil:
		return nil, refuseUserMissing
	case t == nil || t.members[p.Id] == nil:
		return nil, refuseNotInTeam
	}
	joined := ch.members[p.Id] == nil
	m := s.joinChannel(ch, p)
	if joined {
		s.publish(newEvent(model.WebsocketEventUserAdded, to{user: p.Id, channel: ch.Id}).
			with("user_id", p.Id).with("team_id", ch.TeamId))
		s.announceJoin(ch, p, c.user)
	}
	return m, nil
}

// joinChannel is idempotent. What was written before is not unread.
func (s *Server) joinChannel(ch *channel, p *person) *model.ChannelMember {
	if m := ch.members[p.Id]; m != nil {
		return m
	}
	m := &model.ChannelMember{
		ChannelId: ch.Id, UserId: p.Id, Roles: model.ChannelUserRoleId, SchemeUser: true,
		LastViewedAt: -1, LastUpdateAt: -1, MsgCount: ch.TotalMsgCount, MsgCountRoot: ch.TotalMsgCountRoot,
		NotifyProps: model.GetDefaultChannelNotifyProps(),
	}
	ch.members[p.Id] = m
	return m
}

func (s *Server) getChannelMember(c *call) (any, error) {
	ch, err := s.channelOf(c)
	if err != nil {
		return nil, err
	}
	p, err := s.subject(c)
	if err != nil {
		return nil, err
	}
	if ch.members[p.Id] == nil {
		return nil, refusal{"app.channel.get_member.missing.app_error", "No channel member found for that user ID and channel ID.", 404}
	}
	return ch.members[p.Id], nil
}

func (s *Server) removeChannelMember(c *call) (any, error) {
	ch, err := s.channelOf(c)
	if err != nil {
		return nil, err
	}
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	delete(ch.members, p.Id)
	return done, nil
}

// channelsOfTeam are p's channels in the team, and those without a team: direct messages come along (I4).
func (s *Server) channelsOfTeam(p *person, teamID string) []*channel {
	var found []*channel
	for _, ch := range s.channelsInOrder() {
		if ch.members[p.Id] != nil && (ch.TeamId == teamID || ch.TeamId == "") {
			found = append(found, ch)
		}
	}
	return found
}

func (s *Server) listChannels(c *call) (any, error) {
	p, t, err := s.personAndTeam(c)
	if err != nil {
		return nil, err
	}
	list := []channelView{}
	newest := ""
	for _, ch := range s.channelsOfTeam(p, t.Id) {
		list = append(list, ch.view())
		newest = ch.Id
	}
	c.w.Header().Set("Etag", version+"."+newest+"."+strconv.Itoa(len(list)))
	return list, nil
}

func (s *Server) listChannelMemberships(c *call) (any, error) {
	p, t, err := s.personAndTeam(c)
	if err != nil {
		return nil, err
	}
	list := []*model.ChannelMember{}
	for _, ch := range s.channelsOfTeam(p, t.Id) {
		list = append(list, ch.members[p.Id])
	}
	return list, nil
}

func (s *Server) personAndTeam(c *call) (*person, *team, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, nil, err
	}
	t, err := s.teamOf(c)
	return p, t, err
}
