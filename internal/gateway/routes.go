package gateway

import (
	"slices"
	"strings"
)

// class is what is done with a request on a route.
type class int

const (
	passed    class = iota // forwarded
	signIn                 // ours: internal/login decides
	signOut                // forwarded; a success deletes the cookies
	socket                 // the one place for upgrades
	limited                // forwarded while the client has tries left
	refused                // makes sessions or accounts past us
	adminOnly              // forwarded for Mattermost's administrators
	hidden                 // not there
)

// route is one row of the table of Mattermost's authentication routes.
type route struct {
	method  string // empty for any
	pattern string // "*" is one segment, a trailing "**" one or more
	class   class
	group   string // by which Options.Allow opens it
}

// anyRoute is everything that the table does not name.
var anyRoute = route{pattern: "/**"}

// Groups lists the words of Options.Allow: sign-up by oneself, sign-in by other
// ways than a password, Mattermost as an OAuth provider, the forgotten password,
// and making access tokens.
func Groups() []string { return []string{"signup", "sso", "oauth", "reset", "tokens"} }

// authentication is every route of Mattermost 11.6 that makes or widens a
// session or an account without one (docs/mattermost.md B9), in the order in
// which they are tried. Ending things (logout, revoking sessions and tokens) is
// never in the way. Paths match exactly, as Mattermost's do: another case and a
// trailing slash are other paths (A15).
var authentication = []route{
	{"POST", "/api/v4/users/login", signIn, ""},
	{"POST", "/api/v4/users/logout", signOut, ""},
	{"", "/api/v4/websocket", socket, ""},

	// desktop_token, cws, sso/code-exchange, switch; type tells what accounts exist.
	{"", "/api/v4/users/login/**", refused, "sso"},
	{"", "/api/v3/oauth/**", refused, "sso"},
	{"", "/login/sso/**", refused, "sso"},
	{"", "/login/one_time_link", refused, "sso"},
	{"", "/login/*/complete", refused, "sso"},
	{"", "/signup/*/complete", refused, "sso"},
	{"", "/oauth/intune", refused, "sso"},
	{"", "/oauth/*/login", refused, "sso"},
	{"", "/oauth/*/mobile_login", refused, "sso"},
	{"", "/oauth/*/signup", refused, "sso"},
	{"", "/oauth/*/complete", refused, "sso"},
	{"", "/oauth/**", refused, "oauth"},

	// Anonymous by default, and the first account becomes an administrator (I5, I6).
	{"POST", "/api/v4/users", adminOnly, "signup"},
	{"POST", "/api/v4/users/password/reset", refused, "reset"},
	{"POST", "/api/v4/users/password/reset/send", refused, "reset"},
	// A personal access token is a session without CSRF protection or end (F1).
	{"POST", "/api/v4/users/*/tokens", refused, "tokens"},
	{"POST", "/api/v4/users/tokens/enable", refused, "tokens"},

	// What people do with their own account, in its settings; each can be guessed at.
	{"PUT", "/api/v4/users/*/password", limited, ""},
	{"PUT", "/api/v4/users/*/auth", limited, ""},
	{"PUT", "/api/v4/users/*/mfa", limited, ""},
	{"POST", "/api/v4/users/*/mfa/generate", limited, ""},
	{"POST", "/api/v4/users/mfa", limited, ""},
	{"POST", "/api/v4/users/email/verify", limited, ""},
	{"POST", "/api/v4/users/email/verify/send", limited, ""},
}

// routesFor is the table with the companion plugin hidden and the allowed groups
// opened.
func routesFor(plugin string, allow []string) []route {
	routes := slices.Clone(authentication)
	for i := range routes {
		if routes[i].group != "" && slices.Contains(allow, routes[i].group) {
			routes[i].class = limited
		}
	}
	if plugin == "" {
		return routes
	}
	return append(routes,
		route{"", "/plugins/" + plugin, hidden, ""},
		route{"", "/plugins/" + plugin + "/", hidden, ""},
		route{"", "/plugins/" + plugin + "/**", hidden, ""})
}

// find is the first row that matches, or anyRoute.
func find(routes []route, method, path string) route {
	for i := range routes {
		if routes[i].method != "" && routes[i].method != method {
			continue
		}
		if matches(routes[i].pattern, path) {
			return routes[i]
		}
	}
	return anyRoute
}

// matches runs many times for every request: it allocates nothing, and most rows
// end at the first byte that differs.
func matches(pattern, path string) bool {
	for i := range len(pattern) {
		if pattern[i] == '*' {
			return matchesRest(pattern[i:], path[i:])
		}
		if i == len(path) || pattern[i] != path[i] {
			return false
		}
	}
	return len(pattern) == len(path)
}

// matchesRest takes a pattern that begins with an asterisk.
func matchesRest(pattern, path string) bool {
	if pattern == "**" {
		return path != ""
	}
	end := strings.IndexByte(path, '/')
	if end < 0 {
		end = len(path)
	}
	return end > 0 && matches(pattern[1:], path[end:])
}
