package simulator

import (
	"encoding/json"
	"slices"

	"github.com/mattermost/mattermost/server/public/model"
)

// event is something that happened, on its way to the sockets it concerns.
type event struct {
	*model.WebSocketEvent
	mentions  []string // people who also get a "mentions" entry
	followers []string // people who also get a "followers" entry
}

// to addresses an event: the people of a channel, or one person.
type to struct{ user, channel string }

func newEvent(kind model.WebsocketEventType, whom to) *event {
	return &event{WebSocketEvent: model.NewWebSocketEvent(kind, "", whom.channel, whom.user, nil, "")}
}

func (e *event) with(key string, value any) *event {
	e.Add(key, value)
	return e
}

// asText encodes what Mattermost sends as JSON within JSON.
func asText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// publish hands e to every socket it concerns. A session that has ended gets nothing, but its socket stays open (G3).
func (s *Server) publish(e *event) {
	for k := range s.sockets {
		if k.session != nil && s.sessions[k.session.Token] == k.session && s.concerns(e, k) {
			k.sendEvent(e)
		}
	}
}

func (s *Server) concerns(e *event, k *socket) bool {
	whom := e.GetBroadcast()
	if whom.UserId != "" {
		return whom.UserId == k.session.UserId
	}
	if whom.OmitConnectionId == k.id {
		return false
	}
	ch := s.channels[whom.ChannelId]
	return ch != nil && ch.members[k.session.UserId] != nil
}

// forPerson is the event as one person gets it: only who was mentioned learns that anybody was.
func (e *event) forPerson(userID string) *model.WebSocketEvent {
	own := e.Copy()
	data := map[string]any{}
	for key, value := range e.GetData() {
		data[key] = value
	}
	if slices.Contains(e.mentions, userID) {
		data["mentions"] = asText([]string{userID})
	}
	if slices.Contains(e.followers, userID) {
		data["followers"] = asText([]string{userID})
	}
	return own.SetData(data)
}
