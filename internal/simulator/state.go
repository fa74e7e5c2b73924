package simulator

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
)

// person is one account. The password is kept as it is: nothing here is worth protecting.
type person struct {
	model.User
	password    string
	hash        *hash // of a password that was handed over hashed, until it is first used
	mails       int   // sent because the password was changed
	lastTOTP    int64
	signIns     []string // tokens, oldest first; some may have ended
	status      model.Status
	preferences model.Preferences
}

type team struct {
	model.Team
	members map[string]*model.TeamMember // by user id
}

type channel struct {
	model.Channel
	members map[string]*model.ChannelMember // by user id
	posts   []*model.Post                   // oldest first
}

type accessToken struct {
	model.UserAccessToken
	session *session // kept over logout and revocation: the token makes it anew (F1)
}

func (p *person) isAdmin() bool { return p != nil && p.IsInRole(model.SystemAdminRoleId) }

func (p *person) active() bool { return p.DeleteAt == 0 }

// find returns the person whose value under key is the one asked for.
func (s *Server) find(key func(*person) string, value string) *person {
	for _, p := range s.people {
		if key(p) == value {
			return p
		}
	}
	return nil
}

func byEmail(p *person) string { return p.Email }

func byUsername(p *person) string { return p.Username }

func (s *Server) teamByName(name string) *team {
	for _, t := range s.teams {
		if t.Name == name {
			return t
		}
	}
	return nil
}

func (s *Server) channelByName(teamID, name string) *channel {
	for _, c := range s.channels {
		if c.TeamId == teamID && c.Name == name {
			return c
		}
	}
	return nil
}

func (s *Server) postByID(id string) (*channel, *model.Post) {
	for _, c := range s.channels {
		for _, p := range c.posts {
			if p.Id == id && p.DeleteAt == 0 {
				return c, p
			}
		}
	}
	return nil, nil
}

func (s *Server) activeUsers() int {
	n := 0
	for _, p := range s.people {
		if p.active() && !p.IsBot {
			n++
		}
	}
	return n
}

// byCreation orders what a map holds as a database would return it.
func byCreation[V any](m map[string]V, createdAt func(V) int64) []V {
	all := make([]V, 0, len(m))
	for _, v := range m {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b V) int { return cmp.Compare(createdAt(a), createdAt(b)) })
	return all
}

func (s *Server) teamsInOrder() []*team {
	return byCreation(s.teams, func(t *team) int64 { return t.CreateAt })
}

func (s *Server) channelsInOrder() []*channel {
	return byCreation(s.channels, func(c *channel) int64 { return c.CreateAt })
}

func (s *Server) peopleInOrder() []*person {
	return byCreation(s.people, func(p *person) int64 { return p.CreateAt })
}

// The model package is younger than the 11.6 server that the transcripts recorded. These types drop the fields it
// added since: a field of the same name nearer the surface wins, and an empty one is omitted.
type (
	teamView struct {
		model.Team
		PolicyEnforced *bool `json:"policy_enforced,omitempty"`
		PolicyIsActive *bool `json:"policy_is_active,omitempty"`
	}
	channelView struct {
		model.Channel
		Discoverable        *bool   `json:"discoverable,omitempty"`
		ManagedCategoryName *string `json:"managed_category_name,omitempty"`
	}
	sessionView struct {
		model.Session
		VoIPDeviceId *string `json:"voip_device_id,omitempty"`
	}
	tokenView struct {
		model.UserAccessToken
		ExpiresAt *int64 `json:"expires_at,omitempty"`
	}
)

// view is the team as viewer may see it: only administrators are shown its e-mail address.
func (t *team) view(viewer *person) teamView {
	shown := teamView{Team: t.Team}
	if !viewer.isAdmin() {
		shown.Email = ""
	}
	return shown
}

// view is the person as viewer may see them. Failed logins, a verified address and the last password change are for
// themselves only; how they like to be notified for themselves and administrators.
func (p *person) view(viewer *person) *model.User {
	shown := p.User
	shown.MfaSecret = ""
	if viewer == p {
		return &shown
	}
	shown.LastPasswordUpdate, shown.FailedAttempts, shown.EmailVerified = 0, 0, false
	if !viewer.isAdmin() {
		shown.NotifyProps, shown.AuthData = nil, model.NewPointer("")
	}
	return &shown
}

func (c *channel) view() channelView { return channelView{Channel: c.Channel} }

func normal(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
