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

// hasEnded reports that the session of a request ended here, and takes its cookies out
// of the browser: Mattermost may not know of the end yet.
func (g *Gateway) hasEnded(w http.ResponseWriter, r *http.Request, sent carried) bool {
	switch {
	case sent.token == "":
		return false
	case !sent.cookie:
		return g.Ended(r.Context(), sent.token) != ""
	case g.Standing(r.Context(), sent.token, isActivity(r)) == "":
		return false
	}
	cookie.SignOut(w.Header())
	return true
}

// asStranger is a request without its session, nor another that would have come
// after it. It is answered as such.
func asStranger(r *http.Request) *http.Request {
	stranger := r.Clone(r.Context())
	cookie.Drop(stranger, cookie.Session()...)
	stranger.Header.Del("Authorization")
	return stranger
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
