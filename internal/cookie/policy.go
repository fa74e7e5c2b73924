// Package cookie owns every Set-Cookie that leaves this program, Mattermost's
// as well as ours. Policy is the pure part: how a cookie must look in this
// environment. Middleware applies it, so that no handler and no proxied answer
// can send a cookie of another shape.
package cookie

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// The three cookies that make a Mattermost browser session. Its web app reads
// the second and third with JavaScript, and signs the session out if it cannot
// see the second (docs/webapp.md A3): only the token is HttpOnly.
const (
	Token = "MMAUTHTOKEN"
	User  = "MMUSERID"
	CSRF  = "MMCSRF"
)

// embedFlag makes Mattermost send unpartitioned twins of its cookies
// (docs/webapp.md C6); it never reaches a browser through us.
const embedFlag = "MMEMBED"

// Probe is the prefix of the diagnostic cookies, which must keep whatever
// attributes their test is about.
const Probe = "mp_probe_"

// Device is the name under which handlers set the device cookie. Where cookies
// are Secure it leaves with the prefix __Host-, which no other host and no other
// path can imitate.
const (
	Device     = "mp_device"
	hostDevice = "__Host-" + Device
)

// Forget marks, for the next load of the shell, a browser that changes hands.
const Forget = "mp_forget"

// Forgotten says, to the sign-in that follows, that the browser was cleared.
const Forgotten = "mp_forgotten"

// Flow is the prefix of the names under which handlers set what a sign-in with
// an identity provider has to find again; the sign-in's id follows. It is Lax,
// because it comes back with a navigation that another site began, and in no
// partition, because that navigation is at the top.
const (
	Flow     = "mp_oidc_"
	hostFlow = "__Host-" + Flow
)

// deviceAge is how long a browser counts as known, in seconds.
const deviceAge = 180 * 24 * 60 * 60

// Session lists the three names in the order in which Mattermost sends them.
func Session() []string { return []string{Token, User, CSRF} }

// Policy is the shape of a cookie. The zero value is development over plain
// HTTP: a path, and nothing else.
type Policy struct {
	Secure      bool
	SameSite    http.SameSite // 0 sends none
	Partitioned bool
	Domain      string // empty: host-only
	MaxAge      int    // of the session's cookies, in seconds; zero: they end with the browser
}

// Mode overrides one attribute of a Policy.
type Mode string

// The modes of Settings; SameSite takes the last three instead of Always.
const (
	Auto   Mode = "auto"
	Always Mode = "always"
	Never  Mode = "never"
	Lax    Mode = "lax"
	Strict Mode = "strict"
	None   Mode = "none"
)

// Settings is what an operator may override. The zero value is right for
// development and for production.
type Settings struct {
	Secure, Partitioned, SameSite Mode
	Domain                        string
	MaxAge                        time.Duration // longest life of a session; zero for none
}

// Policy is the shape for requests that came over HTTPS, or did not. Over HTTPS
// it is the one that works in an iframe of another site, also where third-party
// cookies are blocked (docs/webapp.md C1): SameSite=None; Secure; Partitioned.
func (s Settings) Policy(https bool) Policy {
	p := Policy{Domain: s.Domain, MaxAge: int(s.MaxAge / time.Second)}
	p.Secure = s.Secure == Always || https && s.Secure != Never
	p.SameSite = s.sameSite(p.Secure)
	crossSite := p.Secure && p.SameSite == http.SameSiteNoneMode
	p.Partitioned = p.Secure && (s.Partitioned == Always || crossSite && s.Partitioned != Never)
	return p
}

// sameSite sends nothing over plain HTTP, where browsers refuse None.
func (s Settings) sameSite(secure bool) http.SameSite {
	switch {
	case s.SameSite == Lax:
		return http.SameSiteLaxMode
	case s.SameSite == Strict:
		return http.SameSiteStrictMode
	case secure:
		return http.SameSiteNoneMode
	default:
		return 0
	}
}

// Shape returns c with this policy's attributes. A cookie of the session ends as the
// policy says and is HttpOnly by its name; any other keeps its own path,
// lifetime and HttpOnly.
func (p Policy) Shape(c http.Cookie) http.Cookie {
	shaped := http.Cookie{
		Name: c.Name, Value: c.Value, Path: "/", MaxAge: c.MaxAge, Expires: c.Expires, HttpOnly: c.HttpOnly,
		Secure: p.Secure, SameSite: p.SameSite, Partitioned: p.Partitioned, Domain: p.Domain,
	}
	switch {
	case isSession(c.Name):
		shaped.HttpOnly = c.Name == Token
		if !isDeletion(c) {
			shaped.MaxAge, shaped.Expires = p.MaxAge, time.Time{}
		}
	case c.Name == Device:
		shaped.MaxAge, shaped.HttpOnly, shaped.Domain = deviceAge, true, ""
		if p.Secure {
			shaped.Name = hostDevice
		}
	case strings.HasPrefix(c.Name, Flow):
		shaped.HttpOnly, shaped.SameSite, shaped.Partitioned, shaped.Domain = true, http.SameSiteLaxMode, false, ""
		if p.Secure {
			shaped.Name = "__Host-" + c.Name
		}
	case isHostPrefixed(c.Name):
		shaped.Domain = ""
	case c.Path != "":
		shaped.Path = c.Path
	}
	return shaped
}

// Delete returns the lines that remove the cookie in this policy's own shape.
func (p Policy) Delete(name string) http.Cookie {
	return p.Shape(http.Cookie{Name: name, MaxAge: -1, HttpOnly: name == Token})
}

// DeleteOthers returns what removes the cookie in every other shape that could
// be in a browser: Mattermost's own, ours from before a change of
// configuration, and the unpartitioned twin of a partitioned one. A cookie is
// identified by name, domain, path and partition, so other attributes need no
// line of their own. host is the request's host without a port.
func (p Policy) DeleteOthers(name, host string) []http.Cookie {
	var others []http.Cookie
	for _, partitioned := range []bool{true, false} {
		for _, domain := range domainsOf(p.Domain, host) {
			other := p
			other.Partitioned, other.Domain = partitioned, domain
			impossible := partitioned && !p.Secure // Partitioned needs Secure
			if other != p && !impossible {
				others = append(others, other.Delete(name))
			}
		}
	}
	return others
}

// domainsOf lists the Domain attributes under which a cookie for host can
// stand: none, the host itself (Mattermost's AllowCookiesForSubdomains,
// docs/mattermost.md B4), its parent, and the configured one.
func domainsOf(configured, host string) []string {
	domains := []string{""}
	if strings.Contains(host, ".") && !isAddress(host) {
		domains = append(domains, host)
		if _, parent, _ := strings.Cut(host, "."); strings.Contains(parent, ".") {
			domains = append(domains, parent)
		}
	}
	if configured != "" && !slices.Contains(domains, configured) {
		domains = append(domains, configured)
	}
	return domains
}

func isAddress(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool { return r != '.' && r != ':' && (r < '0' || r > '9') })
}

func isSession(name string) bool {
	return name == Token || name == User || name == CSRF
}

func isHostPrefixed(name string) bool {
	return strings.HasPrefix(strings.ToLower(name), "__host-")
}

func isDeletion(c http.Cookie) bool {
	return c.MaxAge < 0 || c.Value == ""
}
