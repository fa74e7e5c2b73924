package simulator

import (
	"github.com/mattermost/mattermost/server/public/model"
)

func (s *Server) teamsUnread(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	list := []model.TeamUnread{}
	for _, t := range s.teamsInOrder() {
		if t.members[p.Id] != nil {
			list = append(list, s.unreadIn(t, p))
		}
	}
	return list, nil
}

// unreadIn leaves direct messages out: they belong to no team (I4).
func (s *Server) unreadIn(t *team, p *person) model.TeamUnread {
	sum := model.TeamUnread{TeamId: t.Id}
	for _, ch := range s.channels {
		if m := ch.members[p.Id]; m != nil && ch.TeamId == t.Id {
			sum.MsgCount += ch.TotalMsgCount - m.MsgCount
			sum.MsgCountRoot += ch.TotalMsgCountRoot - m.MsgCountRoot
			sum.MentionCount += m.MentionCount
			sum.MentionCountRoot += m.MentionCountRoot
		}
	}
	return sum
}

type channelUnread struct {
	TeamID             string `json:"team_id"`
	ChannelID          string `json:"channel_id"`
	MsgCount           int64  `json:"msg_count"`
	MentionCount       int64  `json:"mention_count"`
	MentionCountRoot   int64  `json:"mention_count_root"`
	UrgentMentionCount int64  `json:"urgent_mention_count"`
	MsgCountRoot       int64  `json:"msg_count_root"`
}

func (s *Server) channelUnread(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	ch := s.channels[c.params["channel"]]
	if ch == nil || ch.members[p.Id] == nil {
		return nil, refusePermission
	}
	m := ch.members[p.Id]
	return channelUnread{TeamID: ch.TeamId, ChannelID: ch.Id,
		MsgCount: ch.TotalMsgCount - m.MsgCount, MsgCountRoot: ch.TotalMsgCountRoot - m.MsgCountRoot,
		MentionCount: m.MentionCount, MentionCountRoot: m.MentionCountRoot}, nil
}

type viewed struct {
	Status string           `json:"status"`
	Times  map[string]int64 `json:"last_viewed_at_times"`
}

// viewChannel marks a channel as read and tells the person's other windows (I4).
func (s *Server) viewChannel(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[model.ChannelView](c, "channel_view")
	if err != nil {
		return nil, err
	}
	times := map[string]int64{}
	if ch := s.channels[in.ChannelId]; ch != nil && ch.members[p.Id] != nil {
		s.markRead(ch, ch.members[p.Id])
		times[ch.Id] = ch.LastPostAt
		s.publish(newEvent(model.WebsocketEventMultipleChannelsViewed, to{user: p.Id}).with("channel_times", times))
	}
	p.status.ActiveChannel = in.ChannelId
	s.extend(c)
	return viewed{"OK", times}, nil
}

func (s *Server) markRead(ch *channel, m *model.ChannelMember) {
	m.MsgCount, m.MsgCountRoot = ch.TotalMsgCount, ch.TotalMsgCountRoot
	m.MentionCount, m.MentionCountRoot = 0, 0
	m.LastViewedAt = max(ch.LastPostAt, m.LastViewedAt)
	m.LastUpdateAt = s.millis()
}
