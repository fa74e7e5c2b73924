package gateway

import (
	"net/http"
	"strings"

	"matterpass/internal/cookie"
)

// endings are the calls of Mattermost 11.6 by which sessions other than the
// caller's end. The first asterisk is the user whose they are; where there is none
// they can be anybody's.
var endings = []route{
	{"POST", "/api/v4/users/*/sessions/revoke", passed, ""},
	{"POST", "/api/v4/users/*/sessions/revoke/all", passed, ""},
	{"POST", "/api/v4/users/sessions/revoke/all", passed, ""},
	{"DELETE", "/api/v4/users/*", passed, ""},
	{"PUT", "/api/v4/users/*/active", passed, ""},
	{"PUT", "/api/v4/users/*/password", passed, ""},
	{"PUT", "/api/v4/users/*/roles", passed, ""},
	{"PUT", "/api/v4/users/*/auth", passed, ""},
	{"POST", "/api/v4/users/*/convert_to_bot", passed, ""},
	{"POST", "/api/v4/users/tokens/revoke", passed, ""},
	{"POST", "/api/v4/users/tokens/disable", passed, ""},
	{"POST", "/api/v4/users/password/reset", passed, ""},
	{"POST", "/api/v4/users/login/switch", passed, ""},
}

const usersPath = "/api/v4/users/"

// endsSessions reports that a request, once it succeeded, may have ended sessions:
// those of a user, who may be "me", or anybody's where that is empty.
func endsSessions(r *http.Request) (user string, ends bool) {
	if r.Method == http.MethodGet || !strings.HasPrefix(r.URL.Path, usersPath) {
		return "", false
	}
	for i := range endings {
		if endings[i].method == r.Method && matches(endings[i].pattern, r.URL.Path) {
			return userIn(endings[i].pattern, r.URL.Path), true
		}
	}
	return "", false
}

func userIn(pattern, path string) string {
	if !strings.HasPrefix(pattern, usersPath+"*") {
		return ""
	}
	user, _, _ := strings.Cut(path[len(usersPath):], "/")
	return user
}

// noticeRevocations has Mattermost asked about the WebSockets of those whose
// sessions may have ended: it leaves them open (docs/mattermost.md G3).
func (x *exchange) noticeRevocations(res *http.Response) {
	if res.StatusCode/100 != 2 {
		return
	}
	user, ends := endsSessions(x.r)
	if !ends {
		return
	}
	if user == "me" {
		user = userOf(x.r)
	}
	x.Recheck(user)
}

// userOf is who the browser claims to be, empty where it does not.
func userOf(r *http.Request) string {
	user := cookie.UserOf(r)
	if !isID(user) {
		return ""
	}
	return user
}

// isID has the shape of Mattermost's ids: 26 characters of their base32.
func isID(s string) bool {
	if len(s) != 26 {
		return false
	}
	for i := range len(s) {
		if (s[i] < 'a' || s[i] > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}
