package cookie

import (
	"net/http"
	"slices"
	"strings"
)

// TokenOf returns the browser's session token: the last MMAUTHTOKEN where there
// are several, because browsers send the oldest first and the newest is the one
// that was just set. Empty where there is none.
func TokenOf(r *http.Request) string { return lastOf(r, Token) }

// UserOf is the user's id in the User cookie, empty without one. Anybody can set
// it: it is a claim.
func UserOf(r *http.Request) string { return lastOf(r, User) }

// CSRFOf returns the browser's CSRF value in the same way.
func CSRFOf(r *http.Request) string { return lastOf(r, CSRF) }

// DeviceOf returns the value of the device cookie, empty where there is none.
func DeviceOf(r *http.Request) string {
	if value := lastOf(r, hostDevice); value != "" {
		return value
	}
	return lastOf(r, Device)
}

// FlowsOf returns the sign-ins with an identity provider that are under way in a
// browser, by their ids. Where cookies are Secure a name without __Host- is
// somebody else's: a neighbouring host could place its own sign-in with it.
func (p Policy) FlowsOf(r *http.Request) map[string]string {
	prefix := Flow
	if p.Secure {
		prefix = hostFlow
	}
	flows := map[string]string{}
	for _, c := range r.Cookies() {
		if id, ok := strings.CutPrefix(c.Name, prefix); ok {
			flows[id] = c.Value
		}
	}
	return flows
}

func lastOf(r *http.Request, name string) string {
	all := r.CookiesNamed(name)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1].Value
}

// Twins reports whether a browser sent two cookies of the session under one
// name. The older one wins at Mattermost (docs/webapp.md C5), so the person
// looks signed out although the newer one is good.
func Twins(r *http.Request) bool {
	for i, n := range mentions(r.Header["Cookie"]) {
		if n > 1 && len(r.CookiesNamed(Session()[i])) > 1 {
			return true
		}
	}
	return false
}

// mentions is at least the number of cookies of each name of the session. It runs for
// every request, and parses and allocates nothing.
func mentions(lines []string) (n [3]int) {
	const common = "MM"
	for _, line := range lines {
		for {
			_, after, found := strings.Cut(line, common)
			if !found {
				break
			}
			for i, rest := range [...]string{Token[len(common):], User[len(common):], CSRF[len(common):]} {
				if strings.HasPrefix(after, rest) {
					n[i]++
				}
			}
			line = after
		}
	}
	return n
}

// disagree reports that there are twins of the token and not all are the same
// session.
func disagree(r *http.Request) bool {
	tokens := r.CookiesNamed(Token)
	return slices.ContainsFunc(tokens, func(c *http.Cookie) bool { return c.Value != tokens[0].Value })
}

// ForUpstream rewrites the Cookie header of a request that goes to Mattermost:
// one cookie a name, the newest, and none of ours or of a shape that parsers
// read differently. It returns the session token that goes along, and whether
// one does: to Mattermost an empty cookie is one, too (docs/mattermost.md C2).
func ForUpstream(r *http.Request) (token string, sent bool) {
	if lines := r.Header["Cookie"]; len(lines) == 1 {
		if token, sent, ok := asItIs(lines[0]); ok {
			return token, sent
		}
	}
	cookies := r.Cookies()
	r.Header.Del("Cookie")
	newest := make(map[string]int, len(cookies))
	for i, c := range cookies {
		newest[c.Name] = i
	}
	var kept []string
	for i, c := range cookies {
		if newest[c.Name] == i && !isOurs(c.Name) {
			kept = append(kept, c.Name+"="+c.Value)
		}
	}
	if len(kept) > 0 {
		r.Header.Set("Cookie", strings.Join(kept, "; "))
	}
	if i, ok := newest[Token]; ok {
		return cookies[i].Value, true
	}
	return "", false
}

// Drop takes cookies off a request.
func Drop(r *http.Request, names ...string) {
	var kept []string
	for _, c := range r.Cookies() {
		if !slices.Contains(names, c.Name) {
			kept = append(kept, c.Name+"="+c.Value)
		}
	}
	r.Header.Del("Cookie")
	if len(kept) > 0 {
		r.Header.Set("Cookie", strings.Join(kept, "; "))
	}
}

// asItIs is ForUpstream for a line in which there is nothing to change, as most of
// them are: each name once, none of ours, and every parser reads it alike.
func asItIs(line string) (token string, sent, ok bool) {
	var room [16]string
	names := room[:0]
	for pair := range strings.SplitSeq(line, "; ") {
		name, value, _ := strings.Cut(pair, "=")
		if len(pair) == len(name) || !isPlain(name, value) || isOurs(name) || slices.Contains(names, name) || len(names) == len(room) {
			return "", false, false
		}
		names = append(names, name)
		if name == Token {
			token, sent = value, true
		}
	}
	return token, sent, true
}

// isPlain is stricter than any parser.
func isPlain(name, value string) bool {
	for _, c := range []byte(name) {
		if !isLetterOrDigit(c) && c != '_' && c != '-' {
			return false
		}
	}
	for _, c := range []byte(value) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\' {
			return false
		}
	}
	return name != ""
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isOurs(name string) bool {
	return name == Device || name == hostDevice || name == embedFlag || name == Forget || name == Forgotten ||
		strings.HasPrefix(name, Probe) || strings.HasPrefix(name, Flow) || strings.HasPrefix(name, hostFlow)
}
