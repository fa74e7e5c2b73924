package gateway

import (
	"net/http"
	"strings"

	"matterpass/internal/cookie"
)

// refuseEnded is Mattermost's own answer to a session that it does not know.
var refuseEnded = refusal{
	ID: expiredID, Message: "Invalid or expired session, please login again.", Status: http.StatusUnauthorized,
}

// withoutEnded takes the cookies of a session that ended here off a request, and
// out of the browser: Mattermost may not know of the end yet. What is left is a
// stranger's request, and is answered as such.
func (g *Gateway) withoutEnded(w http.ResponseWriter, r *http.Request) (stranger *http.Request, ended bool) {
	if g.Standing == nil {
		return r, false
	}
	token := cookie.TokenOf(r)
	if token == "" || g.Standing(r.Context(), token, isActivity(r)) == "" {
		return r, false
	}
	cookie.SignOut(w.Header())
	stranger = r.Clone(r.Context())
	cookie.Drop(stranger, cookie.Session()...)
	return stranger, true
}

// isActivity tells what a person does from what the web app does by itself as long
// as it is open, which must not keep a session alive.
func isActivity(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.Header.Get("Sec-Fetch-Mode") == "navigate"
	}
	rest, isAPI := strings.CutPrefix(r.URL.Path, "/api/v4/")
	if !isAPI {
		return true
	}
	for _, own := range []string{"users/status/ids", "users/ids", "users/usernames", "posts/ids", "client_perf", "logs"} {
		if isUnder(rest, own) {
			return false
		}
	}
	return true
}
