package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Wanted is what an installation is meant to be.
type Wanted struct {
	Chat     string   // the origin at which browsers reach Mattermost
	Gateway  bool     // Matterpass stands in front of all of Mattermost
	Origins  []string // of the pages that embed chat
	Tries    int      // wrong passwords that we let through in a row
	MaxAge   time.Duration
	OwnPaths []string // first segments of paths that never reach Mattermost
}

// Live is what Mattermost is set to: the part of its configuration that embedding
// rests on, by its own names.
type Live struct {
	ServiceSettings struct {
		SiteURL                         string
		WebsocketURL                    string
		AllowCorsFrom                   string
		AllowCookiesForSubdomains       bool
		FrameAncestors                  string
		SessionLengthWebInHours         int
		ExtendSessionLengthWithActivity bool
		MaximumLoginAttempts            int
		TrustedProxyIPHeader            []string
		EnableDesktopLandingPage        bool
		EnableOnboardingFlow            bool
		EnableTutorial                  bool
	}
	TeamSettings struct {
		MaxUsersPerTeam    int
		EnableOpenServer   bool
		EnableUserCreation bool
	}
	RateLimitSettings struct{ Enable bool }
	EmailSettings     struct{ EnableSignInWithEmail bool }
}

// Settings compares what Mattermost is set to with what is wanted of it. Where the
// facts behind a rule were measured is said in docs/mattermost.md.
func Settings(w Wanted, l Live) []Finding {
	return append([]Finding{
		siteURL(w, l), websocketURL(l), frameAncestors(w, l), subdomains(l), signInByEmail(l), loginAttempts(w, l),
		rateLimit(l), clientAddresses(l), sessionLength(w, l), sessionEnd(l), signUp(w, l), cors(l),
	}, newcomerScreens(l)...)
}

func siteURL(w Wanted, l Live) Finding {
	site := strings.TrimSuffix(l.ServiceSettings.SiteURL, "/")
	cors := strings.Fields(l.ServiceSettings.AllowCorsFrom)
	switch {
	case strings.EqualFold(site, w.Chat):
		return Found("site_url", Fine, "Mattermost knows its address, "+w.Chat)
	case w.Gateway || slices.Contains(cors, w.Chat) || slices.Contains(cors, "*"):
		return Found("site_url", Warning, fmt.Sprintf("Mattermost believes its address to be %s: links in its mails and notifications lead there", orNothing(site))).
			To("ServiceSettings.SiteURL", w.Chat)
	default: // docs/mattermost.md G2
		return Found("site_url", Failed, fmt.Sprintf("Mattermost believes its address to be %s and refuses WebSockets of %s: messages arrive only after a reload", orNothing(site), w.Chat)).
			To("ServiceSettings.SiteURL", w.Chat)
	}
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// websocketURL overrides the origin that Mattermost's page takes by itself
// (docs/webapp.md A7).
func websocketURL(l Live) Finding {
	if l.ServiceSettings.WebsocketURL == "" {
		return Found("websocket_url", Fine, "Mattermost's page opens its WebSocket where it came from")
	}
	return Found("websocket_url", Failed, fmt.Sprintf("Mattermost's page opens its WebSocket at %s, past Matterpass and without its cookies", l.ServiceSettings.WebsocketURL)).
		To("ServiceSettings.WebsocketURL", "")
}

// frameAncestors are the gateway's to say where there is one.
func frameAncestors(w Wanted, l Live) Finding {
	has := strings.Fields(l.ServiceSettings.FrameAncestors)
	missing := slices.DeleteFunc(slices.Clone(w.Origins), func(origin string) bool { return permits(has, origin) })
	if w.Gateway || len(missing) == 0 {
		return Found("frame_ancestors", Fine, "the pages of ALLOWED_ORIGINS may frame chat")
	}
	return Found("frame_ancestors", Failed, "Mattermost forbids to frame it on "+strings.Join(missing, ", ")).
		To("ServiceSettings.FrameAncestors", strings.Join(append(has, missing...), " "))
}

// subdomains: such cookies are not those that it deletes (docs/mattermost.md B4).
func subdomains(l Live) Finding {
	if !l.ServiceSettings.AllowCookiesForSubdomains {
		return Found("cookie_domain", Fine, "Mattermost's cookies belong to its host alone")
	}
	return Found("cookie_domain", Warning, "Mattermost sets cookies for a domain and never deletes those: people keep two sessions at once").
		To("ServiceSettings.AllowCookiesForSubdomains", false)
}

func signInByEmail(l Live) Finding {
	if l.EmailSettings.EnableSignInWithEmail {
		return Found("sign_in_by_email", Fine, "people may sign in by their e-mail address")
	}
	return Found("sign_in_by_email", Failed, "Mattermost lets nobody sign in by e-mail address and password").
		To("EmailSettings.EnableSignInWithEmail", true)
}

func loginAttempts(w Wanted, l Live) Finding {
	most := l.ServiceSettings.MaximumLoginAttempts
	if most > w.Tries {
		return Found("login_attempts", Fine, fmt.Sprintf("Mattermost locks an account after %d wrong passwords; Matterpass lets fewer through", most))
	}
	return Found("login_attempts", Warning, fmt.Sprintf("Mattermost locks an account after %d wrong passwords, no more than RATE_LIMIT_LOGIN lets through in one go: people are turned away to keep their accounts from the lock", most)).
		To("ServiceSettings.MaximumLoginAttempts", max(10, w.Tries+1))
}

// rateLimit: its bucket for sign-ins is one for all of us (docs/mattermost.md A14).
func rateLimit(l Live) Finding {
	if !l.RateLimitSettings.Enable {
		return Found("rate_limit", Fine, "Mattermost leaves limits to Matterpass")
	}
	f := Found("rate_limit", Warning, "Mattermost limits sign-ins to five a second for everybody together, because all of them come from Matterpass").
		To("RateLimitSettings.Enable", false)
	f.Restart = true
	return f
}

// clientAddresses: it reads no header that it was not told of (docs/mattermost.md H6).
func clientAddresses(l Live) Finding {
	const header = "X-Forwarded-For"
	if slices.ContainsFunc(l.ServiceSettings.TrustedProxyIPHeader, func(name string) bool { return strings.EqualFold(name, header) }) {
		return Found("client_addresses", Fine, "Mattermost's records show people's own addresses")
	}
	return Found("client_addresses", Warning, "Mattermost's records and audits show Matterpass's address in place of people's").
		To("ServiceSettings.TrustedProxyIPHeader", []string{header})
}

func sessionLength(w Wanted, l Live) Finding {
	hours := time.Duration(l.ServiceSettings.SessionLengthWebInHours) * time.Hour
	if w.MaxAge > hours {
		return Found("session_length", Warning, fmt.Sprintf("SESSION_MAX_AGE is %s, and Mattermost ends sessions after %s", plain(w.MaxAge), plain(hours))).
			Change("SESSION_MAX_AGE")
	}
	return Found("session_length", Fine, "sessions last "+plain(cmp.Or(w.MaxAge, hours))+" at most")
}

// sessionEnd: a Mattermost whose configuration named a SiteURL before its first start
// took itself for an old one (docs/mattermost.md C8).
func sessionEnd(l Live) Finding {
	if l.ServiceSettings.ExtendSessionLengthWithActivity {
		return Found("session_end", Fine, "sessions go on while they are used")
	}
	return Found("session_end", Warning, "Mattermost ends sessions after their time although they are in use").
		To("ServiceSettings.ExtendSessionLengthWithActivity", true)
}

// plain is a duration without the minutes and seconds that it does not have.
func plain(d time.Duration) string {
	if d%time.Hour == 0 {
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return d.String()
}

// newcomerScreens stand between people and their chat (docs/webapp.md E1, E2). The
// shell keeps them away from those who come through it.
func newcomerScreens(l Live) []Finding {
	var shown []Finding
	for _, screen := range []struct {
		on        bool
		key, what string
	}{
		{l.ServiceSettings.EnableDesktopLandingPage, "EnableDesktopLandingPage", "the question whether to open the desktop app"},
		{l.ServiceSettings.EnableOnboardingFlow, "EnableOnboardingFlow", "a check list for newcomers"},
		{l.ServiceSettings.EnableTutorial, "EnableTutorial", "a tour for newcomers"},
	} {
		if screen.on {
			shown = append(shown, Found("newcomer_screens", Warning, "Mattermost shows "+screen.what+" to those who do not come through /embed").
				To("ServiceSettings."+screen.key, false))
		}
	}
	if len(shown) == 0 {
		return []Finding{Found("newcomer_screens", Fine, "nothing of Mattermost's stands between newcomers and their chat")}
	}
	return shown
}

// signUp is open by default (docs/mattermost.md I5); the gateway refuses it. Who
// may join is for people to decide, not for a repair.
func signUp(w Wanted, l Live) Finding {
	if !l.TeamSettings.EnableOpenServer || !l.TeamSettings.EnableUserCreation {
		return Found("sign_up", Fine, "nobody makes an account of their own")
	}
	how := "whoever reaches Mattermost can make an account"
	if w.Gateway {
		how = "whoever reaches Mattermost past Matterpass can make an account"
	}
	return Found("sign_up", Warning, how).To("TeamSettings.EnableOpenServer", false).byHand()
}

// cors: what may read Mattermost's answers is nothing that Matterpass needs.
func cors(l Live) Finding {
	if !slices.Contains(strings.Fields(l.ServiceSettings.AllowCorsFrom), "*") {
		return Found("cors", Fine, "Mattermost's API is not open to every page")
	}
	return Found("cors", Warning, "every page of the web may ask Mattermost's API").To("ServiceSettings.AllowCorsFrom", "").byHand()
}

// Seats says whether more people can come: licences and teams have a last seat.
func Seats(check, setting string, taken, most int) Finding {
	says := fmt.Sprintf("%d of %d seats are taken", taken, most)
	switch {
	case most <= 0:
		return Found(check, Fine, fmt.Sprintf("%d people, and no limit", taken))
	case taken >= most:
		return Found(check, Failed, says+": nobody else can come").Change(setting)
	case taken*10 >= most*9:
		return Found(check, Warning, says+": soon nobody else can come").Change(setting)
	default:
		return Found(check, Fine, says)
	}
}

// Hidden names the teams that nobody can open, because their addresses begin with a
// path that Matterpass answers itself.
func Hidden(w Wanted, teams []string) Finding {
	hidden := slices.DeleteFunc(slices.Clone(teams), func(name string) bool { return !slices.Contains(w.OwnPaths, name) })
	if len(hidden) == 0 {
		return Found("team_addresses", Fine, "every team can be opened")
	}
	return Found("team_addresses", Warning, "these teams have the address of a path of Matterpass's own and cannot be opened: "+strings.Join(hidden, ", ")).
		Change("the team's address, in Mattermost")
}
