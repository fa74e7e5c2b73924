package plugin

import (
	"strconv"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/companion"
)

// propFactor keeps how the second factor was dealt with, for whoever looks at the
// session later.
const propFactor = "matterpass_mfa"

// sessionFor is the session as Mattermost's own sign-in makes it: the user's
// roles and no others, a CSRF value (without one Mattermost asks for none), an
// end, and what the list of sessions shows. Mattermost takes all of it as given
// (docs/mattermost.md F7).
func (s *Service) sessionFor(q question, wanted companion.Mint, user *model.User, factor string) *model.Session {
	length := q.sessionLength
	if wanted.MaxAge > 0 {
		length = min(length, time.Duration(min(wanted.MaxAge, maxAgeMost))*time.Second)
	}
	session := &model.Session{
		UserId:    user.Id,
		Roles:     user.GetRawRoles(),
		ExpiresAt: s.now().Add(length).UnixMilli(),
		Props: model.StringMap{
			model.UserAuthServiceIsMobile: "false",
			model.UserAuthServiceIsSaml:   "false",
			model.UserAuthServiceIsOAuth:  "false",
			model.SessionPropIsGuest:      strconv.FormatBool(user.IsGuest()),
			propFactor:                    factor,
		},
	}
	session.GenerateCSRF()
	platform, os, browser := device(wanted.UserAgent)
	session.AddProp(model.SessionPropPlatform, platform)
	session.AddProp(model.SessionPropOs, os)
	session.AddProp(model.SessionPropBrowser, browser)
	return session
}

// maxAgeMost keeps a duration from overflowing: a hundred years, in seconds.
const maxAgeMost = 100 * 365 * 24 * 60 * 60

// token is a part of a User-Agent and the word that Mattermost has for it.
type token struct{ part, name string }

// device names platform, system and browser in Mattermost's words, for the list
// of sessions in a person's settings. What it does not know is as unknown as there.
func device(userAgent string) (platform, os, browser string) {
	platforms := []token{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Linux"},
		{"Windows", "Windows"}, {"Macintosh", "Macintosh"}, {"CrOS", "Linux"}, {"Linux", "Linux"},
	}
	systems := []token{
		{"iPhone", "iOS"}, {"iPad", "iOS"}, {"Android", "Android"},
		{"Windows NT 10", "Windows 10"}, {"Windows", "Windows"}, {"Macintosh", "Mac OS"}, {"CrOS", "Chrome OS"}, {"Linux", "Linux"},
	}
	// Each names those below it as well.
	browsers := []token{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Version/", "Safari"},
	}
	platform, _ = first(platforms, userAgent, "Unknown")
	os, _ = first(systems, userAgent, "")
	browser, rest := first(browsers, userAgent, "Unknown")
	return platform, os, browser + "/" + versionIn(rest)
}

// first is the name of the first part that text has, and what follows it there.
func first(tokens []token, text, otherwise string) (name, rest string) {
	for _, t := range tokens {
		if _, after, found := strings.Cut(text, t.part); found {
			return t.name, after
		}
	}
	return otherwise, ""
}

// versionIn reads "150.0.1 …" as 150.0.
func versionIn(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end >= 0 {
		text = text[:end]
	}
	major, rest, _ := strings.Cut(text, ".")
	minor, _, _ := strings.Cut(rest, ".")
	if major == "" || len(major)+len(minor) > 8 {
		return "0.0"
	}
	if minor == "" {
		minor = "0"
	}
	return major + "." + minor
}
