package simulator

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
)

// subject is the person that the path names: "me" or an id.
func (s *Server) subject(c *call) (*person, error) {
	id := c.params["user"]
	if id == model.Me {
		return c.user, s.exists(c.user)
	}
	if !model.IsValidId(id) {
		return nil, refuseURL("user_id")
	}
	return s.people[id], s.exists(s.people[id])
}

func (s *Server) exists(p *person) error {
	if p == nil {
		return refuseUserMissing
	}
	return nil
}

// own is subject, refused unless it is the caller or the caller is an administrator.
func (s *Server) own(c *call) (*person, error) {
	p, err := s.subject(c)
	if err == nil && p != c.user && !c.user.isAdmin() {
		return nil, refusePermission
	}
	return p, err
}

func (s *Server) getUser(c *call) (any, error) {
	p, err := s.subject(c)
	if err != nil {
		return nil, err
	}
	return s.shown(c, p), nil
}

// shown adds the ETag under which Mattermost's own client caches.
func (s *Server) shown(c *call, p *person) *model.User {
	c.w.Header().Set("Etag", p.Etag(true, true))
	return p.view(c.user)
}

func (s *Server) getUserByEmail(c *call) (any, error) {
	email := normal(c.params["email"])
	if !model.IsValidEmail(email) {
		return nil, refuseURL("email")
	}
	p := s.find(byEmail, email)
	if p == nil {
		return nil, refuseUserMissing
	}
	return s.shown(c, p), nil
}

func (s *Server) getUserByUsername(c *call) (any, error) {
	name := c.params["username"]
	if !model.IsValidUsername(name) {
		return nil, refuseBody("username")
	}
	p := s.find(byUsername, name)
	if p == nil {
		return nil, refuseUsernameMissing
	}
	return s.shown(c, p), nil
}

func (s *Server) getUsersByIDs(c *call) (any, error) {
	return s.usersAmong(c, "user_ids", func(p *person) string { return p.Id })
}

func (s *Server) getUsersByUsernames(c *call) (any, error) {
	return s.usersAmong(c, "usernames", byUsername)
}

func (s *Server) usersAmong(c *call, parameter string, key func(*person) string) (any, error) {
	wanted, err := decode[[]string](c, parameter)
	if err != nil || len(wanted) == 0 {
		return nil, refuseBody(parameter)
	}
	return s.list(c, func(p *person) bool { return slices.Contains(wanted, key(p)) }), nil
}

func (s *Server) searchUsers(c *call) (any, error) {
	in, err := decode[model.UserSearch](c, "")
	if err != nil || in.Term == "" {
		return nil, refuseBody("term")
	}
	term := normal(in.Term)
	return s.list(c, func(p *person) bool {
		return (in.AllowInactive || p.active()) && (strings.HasPrefix(p.Username, term) || strings.HasPrefix(p.Email, term))
	}), nil
}

func (s *Server) listUsers(c *call) (any, error) {
	if sort := c.URL.Query().Get("sort"); sort != "" && sort != "last_activity_at" && sort != "status" && sort != "admin" && sort != "display_name" {
		return nil, refuseURL("sort")
	}
	return s.list(c, func(*person) bool { return true }), nil
}

func (s *Server) list(c *call, wanted func(*person) bool) []*model.User {
	found := []*model.User{}
	for _, p := range s.peopleInOrder() {
		if wanted(p) {
			found = append(found, p.view(c.user))
		}
	}
	slices.SortFunc(found, func(a, b *model.User) int { return strings.Compare(a.Username, b.Username) })
	return found
}

func (s *Server) countUsers(*call) (any, error) {
	return map[string]int{"total_users_count": len(s.people)}, nil
}

// createUser is open to anybody by default (I5), and whoever comes first is administrator (I6).
func (s *Server) createUser(c *call) (any, error) {
	in, err := decode[model.User](c, "user")
	if err != nil {
		return nil, err
	}
	p := &person{User: newUser(in, c.user.isAdmin()), password: in.Password}
	if err := s.acceptable(p); err != nil {
		return nil, err
	}
	if s.activeUsers() >= s.userLimit() {
		return nil, refuseSeats
	}
	if len(s.people) == 0 {
		p.Roles = model.SystemAdminRoleId + " " + model.SystemUserRoleId
	}
	s.admit(p)
	return p.view(p), nil
}

// newUser takes from a request what may be chosen; the rest are Mattermost's defaults.
func newUser(in model.User, byAdmin bool) model.User {
	u := model.User{
		Email: normal(in.Email), Username: normal(in.Username), Nickname: in.Nickname,
		FirstName: in.FirstName, LastName: in.LastName, Position: in.Position, Locale: in.Locale,
		Roles: model.SystemUserRoleId, RemoteId: model.NewPointer(""), Timezone: model.StringMap{
			"automaticTimezone": "", "manualTimezone": "", "useAutomaticTimezone": "true"},
	}
	if byAdmin {
		u.EmailVerified, u.AuthService, u.AuthData = in.EmailVerified, in.AuthService, in.AuthData
	}
	if u.Username == "" {
		u.Username = "a" + model.NewId()
	}
	if u.Locale == "" {
		u.Locale = model.DefaultLocale
	}
	u.SetDefaultNotifications()
	delete(u.NotifyProps, model.ChannelMentionAutoFollowThreadsProp)
	return u
}

// acceptable checks a new account in Mattermost's order: form first, then clashes, the username's before the
// e-mail's (E1, E2).
func (s *Server) acceptable(p *person) error {
	if !model.IsValidUsername(p.Username) {
		return refuseUsername
	}
	if err := validEmail(p.Email); err != nil {
		return err
	}
	if p.AuthService == "" {
		if err := s.validPassword(p.password); err != nil {
			return err
		}
	}
	return s.unclaimed(p, p.Username, p.Email)
}

func validEmail(email string) error {
	if len(email) > model.UserEmailMaxLength || !model.IsValidEmail(email) {
		return refuseEmail
	}
	return nil
}

func (s *Server) validPassword(password string) error {
	switch {
	case len(password) < s.settings.PasswordSettings.MinimumLength:
		return refuseShortPassword
	case len(password) > model.UserPasswordMaxLength:
		return refuseLongPassword
	}
	return nil
}

// unclaimed refuses names that belong to somebody other than p, deactivated or not.
func (s *Server) unclaimed(p *person, username, email string) error {
	if holder := s.find(byUsername, username); holder != nil && holder != p {
		return refuseUsernameTaken
	}
	if holder := s.find(byEmail, email); holder != nil && holder != p {
		return refuseEmailTaken
	}
	return nil
}

func (s *Server) admit(p *person) {
	p.Id, p.CreateAt = model.NewId(), s.millis()
	p.UpdateAt, p.LastPasswordUpdate = p.CreateAt, p.CreateAt
	p.status = model.Status{UserId: p.Id, Status: model.StatusOffline}
	s.people[p.Id] = p
}

func (s *Server) patchUser(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	patch, err := decode[model.UserPatch](c, "user")
	if err != nil {
		return nil, err
	}
	changed := p.User
	changed.Patch(&patch)
	changed.Username, changed.Email = normal(changed.Username), normal(changed.Email)
	if !model.IsValidUsername(changed.Username) {
		return nil, refuseUsername
	}
	if err := validEmail(changed.Email); err != nil {
		return nil, err
	}
	if err := s.unclaimed(p, changed.Username, changed.Email); err != nil {
		return nil, err
	}
	changed.UpdateAt = s.millis()
	p.User = changed
	s.tellUpdated(p)
	return p.view(p), nil
}

func (s *Server) tellUpdated(p *person) {
	event := newEvent(model.WebsocketEventUserUpdated, to{user: p.Id})
	event.Add("user", p.view(p))
	s.publish(event)
}

func (s *Server) setActive(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	in, _ := decode[map[string]json.RawMessage](c, "active")
	var active bool
	if json.Unmarshal(in["active"], &active) != nil {
		return nil, refuseBody("active")
	}
	if active && !p.active() && s.activeUsers() >= s.userLimit() {
		return nil, refuseActivation
	}
	s.activate(p, active)
	return done, nil
}

// activate keeps memberships and tokens; deactivation ends every session at once (E7).
func (s *Server) activate(p *person, active bool) {
	p.UpdateAt, p.DeleteAt = s.millis(), 0
	if !active {
		p.DeleteAt = p.UpdateAt
		s.endSessions(p.Id, false, nil)
	}
}

func (s *Server) deleteUser(c *call) (any, error) {
	p, err := s.own(c)
	if err != nil {
		return nil, err
	}
	if c.URL.Query().Get("permanent") == "true" {
		return nil, refuseDelete
	}
	s.activate(p, false)
	return done, nil
}
