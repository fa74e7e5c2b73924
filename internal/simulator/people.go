package simulator

import (
	"cmp"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
)

// Person describes an account to add. Only the e-mail address is needed.
type Person struct {
	Email               string
	Username            string // default: what stands before the @
	Password            string // default: Server.Password
	FirstName, LastName string
	MFASecret           string // base32; asks for a code at every login
	AuthService         string // "gitlab", "ldap", "saml": then there is no password login
	Admin               bool
	Bot                 bool
	Unverified          bool
	Inactive            bool
	FailedAttempts      int
	Teams               []string // by name; must exist
}

// AddPerson adds an account, whatever Mattermost's rules would say to it, and returns its id.
func (s *Server) AddPerson(p Person) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addPerson(p).Id
}

func (s *Server) addPerson(in Person) *person {
	local, _, _ := strings.Cut(in.Email, "@")
	p := &person{password: cmp.Or(in.Password, s.Password()), User: newUser(model.User{
		Email: in.Email, Username: cmp.Or(in.Username, local), FirstName: in.FirstName, LastName: in.LastName,
		AuthService: in.AuthService, EmailVerified: !in.Unverified}, true)}
	p.MfaActive, p.MfaSecret = in.MFASecret != "", in.MFASecret
	p.IsBot, p.FailedAttempts = in.Bot, in.FailedAttempts
	if in.Bot {
		p.RemoteId = nil // as recorded
	}
	if in.Admin {
		p.Roles = model.SystemAdminRoleId + " " + model.SystemUserRoleId
	}
	s.admit(p)
	for _, name := range in.Teams {
		s.joinTeam(s.teamByName(name), p, in.Admin)
	}
	if in.Inactive {
		s.activate(p, false)
	}
	return p
}

// change runs f on the person with that e-mail address; nobody there is no error.
func (s *Server) change(email string, f func(*person)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.find(byEmail, normal(email)); p != nil {
		f(p)
	}
}

// SetActive activates or deactivates an account; deactivation ends its sessions (E7).
func (s *Server) SetActive(email string, active bool) {
	s.change(email, func(p *person) { s.activate(p, active) })
}

// SetMFA asks for codes of the base32 secret from now on; an empty one switches the second factor off.
func (s *Server) SetMFA(email, secret string) {
	s.change(email, func(p *person) { p.MfaActive, p.MfaSecret, p.lastTOTP = secret != "", secret, 0 })
}

// SetVerified says whether the account's e-mail address is verified (A9).
func (s *Server) SetVerified(email string, verified bool) {
	s.change(email, func(p *person) { p.EmailVerified = verified })
}

// SetFailedAttempts sets the number of failed logins; at MaximumLoginAttempts the account is locked (A8).
func (s *Server) SetFailedAttempts(email string, n int) {
	s.change(email, func(p *person) { p.FailedAttempts = n })
}

// FailedAttempts is the number of failed logins since the last success; -1 if there is no such account.
func (s *Server) FailedAttempts(email string) int {
	n := -1
	s.change(email, func(p *person) { n = p.FailedAttempts })
	return n
}

// SetPassword is what the account's owner does in Mattermost's own settings; it ends no session of theirs.
func (s *Server) SetPassword(email, password string) {
	s.change(email, func(p *person) { s.storePassword(p, password, nil) })
}

// Mails is the number of mails sent to an account because its password was changed (E8).
func (s *Server) Mails(email string) int {
	n := 0
	s.change(email, func(p *person) { n = p.mails })
	return n
}

// AddToken makes a personal access token for an account, as an administrator may (F1), and returns its secret.
func (s *Server) AddToken(email string) (secret string) {
	s.change(email, func(p *person) { secret = s.newToken(p, model.NewId(), "added").Token })
	return secret
}

// RevokeSessions ends the sessions of an account. Open WebSockets stay open and fall silent (G3).
func (s *Server) RevokeSessions(email string) {
	s.change(email, func(p *person) { s.endSessions(p.Id, false, nil) })
}

// AgeSessions makes the sessions of an account older by d, so that they expire sooner and are extended (B8).
func (s *Server) AgeSessions(email string, d time.Duration) {
	s.change(email, func(p *person) {
		for _, of := range s.sessions {
			if of.UserId == p.Id {
				of.CreateAt -= d.Milliseconds()
				of.ExpiresAt -= d.Milliseconds()
			}
		}
	})
}

// Sessions is the number of live sessions of an account, those of access tokens included.
func (s *Server) Sessions(email string) int {
	n := 0
	s.change(email, func(p *person) {
		for token, of := range s.sessions {
			if of.UserId == p.Id && s.liveSession(token) != nil {
				n++
			}
		}
	})
	return n
}

// UserID is the id of the account with that e-mail address, or empty.
func (s *Server) UserID(email string) (id string) {
	s.change(email, func(p *person) { id = p.Id })
	return id
}

// SignIn makes a session without a password, as a plugin may (F7), and returns its token and CSRF value.
func (s *Server) SignIn(email string) (token, csrf string) {
	s.change(email, func(p *person) {
		made := s.newSession(p, "")
		token, csrf = made.Token, made.csrf()
	})
	return token, csrf
}

// Say posts into a channel of the team "erp" in somebody's name and tells the open WebSockets.
func (s *Server) Say(email, channelName, message string) {
	s.change(email, func(p *person) {
		t := s.teamByName(DemoTeam)
		if t == nil {
			return
		}
		if ch := s.channelByName(t.Id, channelName); ch != nil {
			s.write(ch, p, message, "")
		}
	})
}

// FailDatabase takes the database away, or gives it back: logins are then refused as if the password were wrong,
// sessions that are not cached are "expired", and only the ping that asks tells the truth (A11, D2, I3).
func (s *Server) FailDatabase(failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.databaseUp = !failed
}

// InvalidateCaches forgets which sessions are known without the database (C6).
func (s *Server) InvalidateCaches() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetCaches()
}

// Logins is the number of login requests that reached the server, good or bad.
func (s *Server) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Mints is the number of sessions that plugins made.
func (s *Server) Mints() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mints
}

// Sockets is the number of open WebSockets.
func (s *Server) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets)
}
