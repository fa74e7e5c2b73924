package httpapi

import (
	"net/http"

	"matterpass/internal/cookie"
	"matterpass/internal/login"
)

// probes are the kinds of cookies that test-cookies sets, by the attributes that
// decide their fate in an iframe.
func probes() []http.Cookie {
	return []http.Cookie{
		{Name: "plain"},
		{Name: "lax", SameSite: http.SameSiteLaxMode},
		{Name: "none", SameSite: http.SameSiteNoneMode, Secure: true},
		{Name: "partitioned", SameSite: http.SameSiteNoneMode, Secure: true, Partitioned: true},
	}
}

const (
	probePath    = "/api/mattermost/test-cookies"
	probeSeconds = 60
)

type probesSet struct {
	Step string `json:"step"`
}

type probesRead struct {
	Verdict  string        `json:"verdict"` // works, blocked, twins
	Sentence string        `json:"sentence"`
	Cookies  []probeAnswer `json:"cookies"`
}

type probeAnswer struct {
	Kind     string `json:"kind"`
	Returned bool   `json:"returned"`
}

// testCookies finds out which kinds of cookies this browser keeps for us in this
// place: set first, then ask with ?step=read. No value is ever shown.
func (a *API) testCookies(w http.ResponseWriter, r *http.Request) error {
	switch r.URL.Query().Get("step") {
	case "", "set":
		for _, probe := range probes() {
			setProbe(w, probe, probeSeconds)
		}
		return reply(w, http.StatusOK, probesSet{Step: "set"})
	case "read":
		return a.readProbes(w, r)
	default:
		return &login.Invalid{Field: "step", Want: "is neither set nor read"}
	}
}

func (a *API) readProbes(w http.ResponseWriter, r *http.Request) error {
	answer := probesRead{}
	returned := map[string]bool{}
	for _, probe := range probes() {
		_, err := r.Cookie(cookie.Probe + probe.Name)
		returned[probe.Name] = err == nil
		answer.Cookies = append(answer.Cookies, probeAnswer{probe.Name, err == nil})
		setProbe(w, probe, -1)
	}
	answer.Verdict, answer.Sentence = verdict(kindOf(a.Cookies(r)), returned, cookie.Twins(r), r.Header.Get("Sec-Fetch-Site"))
	return reply(w, http.StatusOK, answer)
}

func setProbe(w http.ResponseWriter, probe http.Cookie, maxAge int) {
	probe.Name = cookie.Probe + probe.Name
	probe.Value, probe.Path, probe.MaxAge, probe.HttpOnly = "1", probePath, maxAge, true
	http.SetCookie(w, &probe)
}

// kindOf is the probe that has the shape of the session's own cookies.
func kindOf(p cookie.Policy) string {
	switch {
	case p.Partitioned:
		return "partitioned"
	case p.SameSite == http.SameSiteNoneMode:
		return "none"
	case p.SameSite != 0:
		return "lax"
	default:
		return "plain"
	}
}

// verdict says in one sentence what came back means for a session, whose
// cookies are of the given kind.
func verdict(kind string, returned map[string]bool, twins bool, site string) (word, sentence string) {
	switch {
	case twins:
		return "twins", "This browser holds two chat sessions at once; sign out of chat and in again to remove the older one."
	case returned[kind]:
		return "works", "This browser keeps the cookies that chat needs."
	case !returned["plain"] && !returned["lax"] && !returned["none"] && !returned["partitioned"]:
		return "blocked", "This browser kept no cookie at all: cookies are blocked for this page. Allow cookies for the chat address, or open chat in a tab of its own."
	case kind == "plain" || kind == "lax":
		return "blocked", crossSiteSentence(site)
	default:
		return "blocked", "This browser kept some cookies, but not those for an embedded chat: it is out of date, or the chat address is not reached over HTTPS. Use HTTPS for PUBLIC_URL, or open chat in a tab of its own."
	}
}

func crossSiteSentence(site string) string {
	if site == "cross-site" {
		return "Chat and this page are on different sites, and chat's cookies are set for one site only. Serve chat over HTTPS with COOKIE_SAMESITE=auto, or on a sub-domain of this page's site."
	}
	return "This browser kept some cookies, but not those of chat. Set COOKIE_SAMESITE=auto and COOKIE_SECURE=auto."
}
