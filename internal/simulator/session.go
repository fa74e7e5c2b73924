package simulator

import (
	"net/http"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
)

const (
	cookieToken = "MMAUTHTOKEN"
	cookieUser  = "MMUSERID"
	cookieCSRF  = "MMCSRF"
	// cookieEmbed marks Mattermost's own embedding, which alone earns SameSite=None (B3).
	cookieEmbed = "MMEMBED"

	// sessionsPerPerson is the most that one person can have; the oldest make room (C7).
	sessionsPerPerson = 500

	csrfProperty  = "csrf"
	tokenProperty = "user_access_token_id"
	yearMillis    = int64(365 * 24 * time.Hour / time.Millisecond)
)

type session struct {
	model.Session
	cached bool // known without the database (C6)
}

func (s *session) csrf() string { return s.Props[csrfProperty] }

func (s *session) ofAccessToken() bool { return s.Props[tokenProperty] != "" }

// newSession signs p in. Its CSRF value is what MMCSRF must carry.
func (s *Server) newSession(p *person, device string) *session {
	now := s.now().UnixMilli()
	made := &session{cached: true, Session: model.Session{
		Id: model.NewId(), Token: model.NewId(), UserId: p.Id, Roles: p.Roles, DeviceId: device,
		CreateAt: now, LastActivityAt: now, ExpiresAt: now + s.sessionLength().Milliseconds(),
		Props: model.StringMap{
			csrfProperty: model.NewId(), "browser": "Unknown/0.0", "os": "", "platform": "Unknown",
			"isMobile": "false", "isOAuthUser": "false", "isSaml": "false", "is_guest": "false",
		},
	}}
	s.keep(p, made)
	return made
}

// keep makes a session known; p is its owner, nil for nobody's.
func (s *Server) keep(p *person, made *session) {
	s.sessions[made.Token] = made
	if p == nil {
		return
	}
	p.signIns = append(p.signIns, made.Token)
	if len(p.signIns) > sessionsPerPerson {
		delete(s.sessions, p.signIns[0])
		p.signIns = p.signIns[1:]
	}
}

type tokenPlace int

const (
	nowhere tokenPlace = iota
	inCookie
	inHeader
	inQuery
)

// tokenOf finds the token as Mattermost does: the cookie wins, even an empty one (C1, C2).
func tokenOf(r *http.Request) (string, tokenPlace) {
	if cookie, err := r.Cookie(cookieToken); err == nil {
		return cookie.Value, inCookie
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token") {
		return token, inHeader
	}
	if token := r.URL.Query().Get("access_token"); token != "" {
		return token, inQuery
	}
	return "", nowhere
}

// authenticate finds the caller of c. A CSRF failure ends even a call that needs no session (A12, C4).
func (s *Server) authenticate(c *call, need access) error {
	token, place := tokenOf(c.Request)
	if token != "" {
		if err := s.recognise(c, token, place, need); err != nil {
			return err
		}
	}
	if need == anonymous {
		return nil
	}
	if c.session == nil || s.isSwitchedOff(c.session) {
		return refuseExpired
	}
	if !s.databaseUp {
		return refuseDatabase
	}
	c.session.LastActivityAt = s.now().UnixMilli()
	return nil
}

func (s *Server) recognise(c *call, token string, place tokenPlace, need access) error {
	found := s.liveSession(token)
	switch {
	case found == nil && need == anonymous:
		return nil
	case found == nil:
		return dropCookie(c)
	case place == inQuery:
		return refuseQueryToken
	case place == inCookie && c.Method != http.MethodGet && !s.provesOrigin(c.Request, found):
		return dropCookie(c)
	}
	if c.user = s.people[found.UserId]; c.user == nil {
		return refuseUserMissing // only a plugin makes sessions of nobody (F7)
	}
	c.session = found
	return nil
}

// provesOrigin is Mattermost's CSRF rule. A session without a CSRF value accepts a request without one: that is
// why a personal access token makes a bad cookie (C4, F1).
func (s *Server) provesOrigin(r *http.Request, of *session) bool {
	if r.Header.Get("X-CSRF-Token") == of.csrf() {
		return true
	}
	strict := s.settings.ServiceSettings.ExperimentalStrictCSRFEnforcement
	return !strict && r.Header.Get("X-Requested-With") == model.HeaderRequestedWithXML
}

// liveSession returns the session of token, or nil. Without the database only cached sessions are known (I3).
func (s *Server) liveSession(token string) *session {
	found := s.sessions[token]
	if found == nil {
		found = s.renewedByToken(token)
	}
	if found == nil || (!s.databaseUp && !found.cached) {
		return nil
	}
	if found.ExpiresAt > 0 && s.now().UnixMilli() > found.ExpiresAt {
		return nil
	}
	found.cached = true
	return found
}

func (s *Server) isSwitchedOff(of *session) bool {
	return of.ofAccessToken() && !s.settings.ServiceSettings.EnableUserAccessTokens
}

func dropCookie(c *call) error {
	deleteCookie(c.w)
	return refuseExpired
}

// deleteCookie is all that Mattermost ever deletes: one of the three, without Secure or Domain (B7).
func deleteCookie(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: cookieToken, Path: "/", MaxAge: -1, HttpOnly: true})
}

// setCookies sends the three session cookies, always in this order (B1 to B6).
func (s *Server) setCookies(c *call, of *session) {
	length := s.sessionLength()
	secure := c.TLS != nil || c.Header.Get("X-Forwarded-Proto") == "https"
	embedded, _ := c.Cookie(cookieEmbed)
	for _, cookie := range []http.Cookie{
		{Name: cookieToken, Value: of.Token, HttpOnly: true},
		{Name: cookieUser, Value: of.UserId},
		{Name: cookieCSRF, Value: of.csrf()},
	} {
		cookie.Path, cookie.Secure, cookie.Domain = "/", secure, s.cookieDomain()
		cookie.MaxAge, cookie.Expires = int(length/time.Second), s.now().Add(length)
		if secure && embedded != nil && embedded.Value == "1" {
			cookie.SameSite = http.SameSiteNoneMode
		}
		http.SetCookie(c.w, &cookie)
	}
}

// cookieDomain is the SiteURL's own host, not its parent (B4).
func (s *Server) cookieDomain() string {
	if !s.settings.ServiceSettings.AllowCookiesForSubdomains {
		return ""
	}
	return hostOf(s.settings.ServiceSettings.SiteURL)
}

// extend renews a session that is older than a hundredth of its length, and with it the cookies, even when the
// caller used none (B8).
func (s *Server) extend(c *call) {
	if !s.settings.ServiceSettings.ExtendSessionLengthWithActivity || c.session.ofAccessToken() {
		return
	}
	length := s.sessionLength()
	threshold := max(length/100, 5*time.Minute)
	now := s.now()
	renewed := now.Add(length).UnixMilli()
	if renewed-c.session.ExpiresAt < threshold.Milliseconds() {
		return
	}
	c.session.ExpiresAt = renewed
	s.setCookies(c, c.session)
}

// endSessions ends all sessions of a person, those of access tokens too unless spared, and except the given one.
func (s *Server) endSessions(userID string, spareTokens bool, except *session) {
	for token, of := range s.sessions {
		if of.UserId != userID || of == except || (spareTokens && of.ofAccessToken()) {
			continue
		}
		delete(s.sessions, token)
	}
}
