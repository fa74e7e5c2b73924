package simulator

import (
	"github.com/mattermost/mattermost/server/public/model"
)

// setPassword by an administrator needs no old password and lifts the lock; for one's own it needs the old one. It
// ends the other sessions, not the access tokens (E8, F2). One that is hashed already ends none and sends no mail (F3).
func (s *Server) setPassword(c *call) (any, error) {
	p, err := s.subject(c)
	if err != nil || (p != c.user && !c.user.isAdmin()) {
		return nil, refusePasswordChange
	}
	in, _ := decode[map[string]string](c, "new_password")
	if in["already_hashed"] == "true" && c.user.isAdmin() && !s.options.PlainPasswordsOnly {
		s.storePassword(p, "", readHash(in["new_password"]))
		return done, nil
	}
	if p == c.user {
		if in["current_password"] == "" {
			return nil, refuseBody("current_password")
		}
		if !s.passwordIs(p, in["current_password"]) {
			return nil, refuseOldPassword
		}
	}
	if err := s.validPassword(in["new_password"]); err != nil {
		return nil, err
	}
	s.changePassword(c, p, in["new_password"])
	return done, nil
}

func (s *Server) changePassword(c *call, p *person, password string) {
	s.storePassword(p, password, nil)
	p.mails++
	if s.settings.ServiceSettings.TerminateSessionsOnPasswordChange {
		s.endSessions(p.Id, true, c.session)
	}
}

// storePassword is what both ways of setting one have in common (E8).
func (s *Server) storePassword(p *person, password string, handedOver *hash) {
	p.password, p.hash, p.FailedAttempts = password, handedOver, 0
	p.AuthService, p.AuthData = "", nil
	p.UpdateAt = s.millis()
	p.LastPasswordUpdate = p.UpdateAt
}

func (s *Server) resetFailedAttempts(c *call) (any, error) {
	if !c.user.isAdmin() {
		return nil, refuseReset
	}
	p, err := s.subject(c)
	if err != nil {
		return nil, err
	}
	p.FailedAttempts = 0
	return done, nil
}

func (s *Server) setRoles(c *call) (any, error) {
	p, err := s.subject(c)
	if err != nil {
		return nil, err
	}
	in, _ := decode[map[string]string](c, "roles")
	if !model.IsValidUserRoles(in["roles"]) {
		return nil, refuseBody("roles")
	}
	p.Roles = in["roles"]
	for _, of := range s.sessions {
		if of.UserId == p.Id {
			of.Roles = p.Roles
		}
	}
	return done, nil
}

func (s *Server) setAuth(c *call) (any, error) {
	p, err := s.subject(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[model.UserAuth](c, "user")
	if err != nil || in.AuthService == "" || in.AuthData == nil || *in.AuthData == "" {
		return nil, refuseAuthMethod
	}
	p.AuthService, p.AuthData = in.AuthService, in.AuthData
	if in.AuthService == "email" {
		p.AuthService, p.AuthData = "", nil
	}
	return in, nil
}

// setMFA switches the second factor on with a code of the secret that SetMFA left pending, or off.
func (s *Server) setMFA(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[struct {
		Activate *bool  `json:"activate"`
		Code     string `json:"code"`
	}](c, "activate")
	if err != nil || in.Activate == nil {
		return nil, refuseBody("activate")
	}
	if *in.Activate && (p.MfaSecret == "" || s.stepOf(p.MfaSecret, in.Code) == 0) {
		return nil, refuseMFAActivation
	}
	p.MfaActive, p.UpdateAt = *in.Activate, s.millis()
	if !p.MfaActive {
		p.MfaSecret, p.lastTOTP = "", 0
	}
	return done, nil
}

func (s *Server) listSessions(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	views := []sessionView{}
	for _, of := range byCreation(s.sessions, func(of *session) int64 { return -of.LastActivityAt }) {
		if of.UserId != p.Id {
			continue
		}
		view := sessionView{Session: of.Session}
		view.Token, view.TeamMembers = "", s.teamMembersOf(p)
		views = append(views, view)
	}
	return views, nil
}

func (s *Server) revokeSession(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	in, _ := decode[map[string]string](c, "session_id")
	if in["session_id"] == "" {
		return nil, refuseBody("session_id")
	}
	for token, of := range s.sessions {
		if of.Id != in["session_id"] {
			continue
		}
		if of.UserId != p.Id {
			return nil, refuseURL("user_id")
		}
		delete(s.sessions, token)
		return done, nil
	}
	return nil, refuseSession
}

func (s *Server) revokeAllSessions(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	s.endSessions(p.Id, false, nil)
	return done, nil
}

// revokeEverySession is what an empty user id in the path above turns into: everybody is signed out.
func (s *Server) revokeEverySession(*call) (any, error) {
	clear(s.sessions)
	return done, nil
}

func (s *Server) attachDevice(c *call) (any, error) {
	in, _ := decode[map[string]string](c, "device_id")
	if in["device_id"] == "" {
		return nil, refuseBody("device_id")
	}
	c.session.DeviceId = in["device_id"]
	s.setCookies(c, c.session)
	return done, nil
}

func (s *Server) getPreferences(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	if p.preferences == nil {
		return model.Preferences{}, nil
	}
	return p.preferences, nil
}

func (s *Server) putPreferences(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[model.Preferences](c, "preferences")
	if err != nil || len(in) == 0 {
		return nil, refuseBody("preferences")
	}
	for _, preference := range in {
		p.prefer(preference)
	}
	s.publish(newEvent(model.WebsocketEventPreferencesChanged, to{user: p.Id}).with("preferences", asText(in)))
	return done, nil
}

func (p *person) prefer(wish model.Preference) {
	for i, known := range p.preferences {
		if known.Category == wish.Category && known.Name == wish.Name {
			p.preferences[i] = wish
			return
		}
	}
	p.preferences = append(p.preferences, wish)
}
