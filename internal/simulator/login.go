package simulator

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const totpStep = 30 // seconds

type credentials struct {
	loginID, userID, password, mfaCode, device string
}

// readCredentials is as lenient as Mattermost: any content type, and whatever isn't an object of strings is as if
// nothing had been sent (A1).
func readCredentials(body []byte) credentials {
	fields := map[string]string{}
	if json.NewDecoder(bytes.NewReader(body)).Decode(&fields) != nil {
		return credentials{}
	}
	return credentials{fields["login_id"], fields["id"], fields["password"], fields["token"], fields["device_id"]}
}

func (s *Server) login(c *call) (any, error) {
	s.logins++
	in := readCredentials(c.body)
	if in.password == "" {
		return nil, refuseBlankPassword
	}
	p := s.nameHolder(in)
	if p == nil || !s.databaseUp {
		return nil, s.refuseCredentials()
	}
	if err := s.check(p, in); err != nil {
		return nil, err
	}
	answer := p.view(p) // with the failures before this success
	p.FailedAttempts, p.UpdateAt = 0, s.millis()
	made := s.newSession(p, in.device)
	c.w.Header().Set("Token", made.Token)
	if c.Header.Get("X-Requested-With") == model.HeaderRequestedWithXML {
		s.setCookies(c, made)
	}
	return answer, nil
}

// nameHolder finds the account by id, e-mail or username. A login by id ignores the two settings.
func (s *Server) nameHolder(in credentials) *person {
	if in.userID != "" {
		return s.people[in.userID]
	}
	name := normal(in.loginID)
	if name == "" {
		return nil
	}
	if s.settings.EmailSettings.EnableSignInWithEmail {
		if p := s.find(byEmail, name); p != nil {
			return p
		}
	}
	if s.settings.EmailSettings.EnableSignInWithUsername {
		return s.find(byUsername, name)
	}
	return nil
}

// check goes through the criteria in Mattermost's order: what comes before the password tells a stranger something
// about the account (A5, A8), what comes after does not (A6, A9).
func (s *Server) check(p *person, in credentials) error {
	if err := s.admissible(p); err != nil {
		return err
	}
	if !s.passwordIs(p, in.password) {
		p.FailedAttempts++
		return s.refuseCredentials()
	}
	// Others were served while the password was being checked.
	if err := s.admissible(p); err != nil {
		return err
	}
	if err := s.checkMFA(p, in.mfaCode); err != nil {
		if in.mfaCode != "" {
			p.FailedAttempts++
		}
		return err
	}
	if s.settings.EmailSettings.RequireEmailVerification && !p.EmailVerified {
		return refuseUnverified
	}
	return nil
}

func (s *Server) admissible(p *person) error {
	switch {
	case !p.active():
		return refuseInactive
	case p.IsBot:
		return refuseBot
	case p.FailedAttempts >= s.settings.ServiceSettings.MaximumLoginAttempts:
		return refuseLocked
	case p.AuthService != "":
		return s.refuseCredentials()
	}
	return nil
}

// passwordIs pays the price of a password check with the server unlocked, one check at a time (I2). What is longer
// than any password can be is refused for free (A13).
func (s *Server) passwordIs(p *person, password string) bool {
	if len(password) > model.UserPasswordMaxLength {
		return false
	}
	handedOver, fits := p.hash, p.password == password
	if s.options.HashTime > 0 || handedOver != nil {
		s.mu.Unlock()
		s.hashing <- struct{}{}
		fits = handedOver == nil && fits || handedOver != nil && handedOver.matches(password)
		time.Sleep(s.options.HashTime)
		<-s.hashing
		s.mu.Lock()
	}
	if fits && handedOver != nil && p.hash == handedOver {
		p.password, p.hash = password, nil // Mattermost hashes it anew, with its own rounds
	}
	return fits
}

// checkMFA accepts the code of the previous, the current and the next half minute, each once and never one older
// than the last used (A6, A7).
func (s *Server) checkMFA(p *person, code string) error {
	if !p.MfaActive || !s.settings.ServiceSettings.EnableMultifactorAuthentication {
		return nil
	}
	code = strings.TrimSpace(code)
	if _, err := strconv.Atoi(code); err != nil {
		return refuseMFARequired
	}
	step := s.stepOf(p.MfaSecret, code)
	if step <= p.lastTOTP {
		return refuseMFACode
	}
	p.lastTOTP = step
	return nil
}

// stepOf is the half minute that code belongs to, or 0.
func (s *Server) stepOf(secret, code string) int64 {
	now := s.now().Unix() / totpStep
	for step := now - 1; step <= now+1; step++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix})
		if err == nil && want == code {
			return step
		}
	}
	return 0
}

// logout answers the same to anybody. It ends this session only; a personal access token would make it anew (C5).
func (s *Server) logout(c *call) (any, error) {
	if c.session != nil {
		s.setStatus(c.user, model.StatusOffline, false)
		delete(s.sessions, c.session.Token)
	}
	deleteCookie(c.w)
	return done, nil
}
