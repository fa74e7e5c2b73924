package simulator

import (
	"github.com/mattermost/mattermost/server/public/model"
)

func (s *Server) listTokens(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	views := []tokenView{}
	for _, t := range s.tokens {
		if t.UserId == p.Id {
			view := tokenView{UserAccessToken: t.UserAccessToken}
			view.Token = ""
			views = append(views, view)
		}
	}
	return views, nil
}

// createToken is for administrators, for themselves and for anybody else; people can't make their own (F1).
func (s *Server) createToken(c *call) (any, error) {
	if !s.settings.ServiceSettings.EnableUserAccessTokens {
		return nil, refuseTokensOff
	}
	if !c.user.isAdmin() {
		return nil, refusePermission
	}
	p, err := s.subject(c)
	if err != nil {
		return nil, err
	}
	in, _ := decode[map[string]any](c, "description")
	description, _ := in["description"].(string)
	if description == "" {
		return nil, refuseBody("description")
	}
	return tokenView{UserAccessToken: s.newToken(p, model.NewId(), description).UserAccessToken}, nil
}

// newToken makes an access token whose session has no CSRF value and lives a hundred years (F1).
func (s *Server) newToken(p *person, secret, description string) *accessToken {
	now := s.millis()
	t := &accessToken{UserAccessToken: model.UserAccessToken{
		Id: model.NewId(), Token: secret, UserId: p.Id, Description: description, IsActive: true}}
	t.session = &session{cached: true, Session: model.Session{
		Id: model.NewId(), Token: secret, UserId: p.Id, Roles: p.Roles, CreateAt: now, LastActivityAt: now,
		ExpiresAt: now + 100*yearMillis,
		Props:     model.StringMap{"type": model.SessionTypeUserAccessToken, tokenProperty: t.Id, "is_guest": "false"},
	}}
	s.tokens[t.Id] = t
	return t
}

// renewedByToken makes a token's session again: neither logout nor revoking sessions ends an access token, and
// deactivation only for as long as it lasts (E7, F1).
func (s *Server) renewedByToken(secret string) *session {
	if !s.databaseUp {
		return nil
	}
	for _, t := range s.tokens {
		p := s.people[t.UserId]
		if t.Token == secret && t.IsActive && p != nil && p.active() {
			t.session.Roles = p.Roles
			s.sessions[secret] = t.session
			return t.session
		}
	}
	return nil
}

func (s *Server) revokeToken(c *call) (any, error) {
	return s.withToken(c, func(t *accessToken) { delete(s.tokens, t.Id) })
}

func (s *Server) disableToken(c *call) (any, error) {
	return s.withToken(c, func(t *accessToken) { t.IsActive = false })
}

func (s *Server) enableToken(c *call) (any, error) {
	return s.withToken(c, func(t *accessToken) { t.IsActive = true })
}

func (s *Server) withToken(c *call, change func(*accessToken)) (any, error) {
	in, _ := decode[map[string]string](c, "token_id")
	t := s.tokens[in["token_id"]]
	if t == nil {
		return nil, refuseBody("token_id")
	}
	if t.UserId != c.user.Id && !c.user.isAdmin() {
		return nil, refusePermission
	}
	change(t)
	delete(s.sessions, t.Token)
	return done, nil
}
