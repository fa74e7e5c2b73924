package simulator

import (
	"slices"

	"github.com/mattermost/mattermost/server/public/model"
)

func (s *Server) getStatus(c *call) (any, error) {
	p, err := s.subject(c)
	if err != nil {
		return nil, err
	}
	shown := p.status
	shown.ActiveChannel = ""
	return shown, nil
}

func (s *Server) putStatus(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[model.Status](c, "status")
	if err != nil || in.UserId != p.Id {
		return nil, refuseBody("user_id")
	}
	if !slices.Contains([]string{model.StatusOnline, model.StatusAway, model.StatusDnd, model.StatusOffline}, in.Status) {
		return nil, refuseBody("status")
	}
	s.setStatus(p, in.Status, true)
	return p.status, nil
}

func (s *Server) getStatuses(c *call) (any, error) {
	ids, err := decode[[]string](c, "user_ids")
	if err != nil || len(ids) == 0 {
		return nil, refuseBody("user_ids")
	}
	list := []model.Status{}
	for _, id := range ids {
		if p := s.people[id]; p != nil {
			shown := p.status
			shown.ActiveChannel = ""
			list = append(list, shown)
		}
	}
	return list, nil
}

// setStatus tells the person's own windows when it changed. What was set by hand stays until changed by hand.
func (s *Server) setStatus(p *person, status string, manual bool) {
	before := p.status
	if before.Manual && !manual && status == model.StatusOnline {
		return
	}
	p.status.Status, p.status.Manual, p.status.LastActivityAt = status, manual, s.millis()
	if before.Status == status {
		return
	}
	s.publish(newEvent(model.WebsocketEventStatusChange, to{user: p.Id}).
		with("status", status).with("user_id", p.Id))
}
