package gateway

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/middleware"
	"matterpass/internal/upstream"
)

// refusal is an answer in the shape of Mattermost's own errors, since those who
// get it are Mattermost's web app and its other clients.
type refusal struct {
	ID      string `json:"id"`
	Message string `json:"message"`
	Detail  string `json:"detailed_error"`
	Request string `json:"request_id"`
	Status  int    `json:"status_code"`
}

// Refusals of our own. The id without its prefix is the word for
// Options.Note.
var (
	refuseMethod        = ours("method_not_allowed", http.StatusMethodNotAllowed, "This method is not allowed here.")
	refusePath          = ours("path_ambiguous", http.StatusBadRequest, "This address can be read in two ways.")
	refuseHidden        = ours("not_found", http.StatusNotFound, "There is nothing at this address.")
	refuseRoute         = ours("route_refused", http.StatusForbidden, "This way into chat is closed here. Sign in with your password or through the application.")
	refuseLimited       = ours("rate_limited", http.StatusTooManyRequests, "Too many tries. Wait a moment and try again.")
	refuseUpgrade       = ours("upgrade_refused", http.StatusBadRequest, "This connection cannot be switched to another protocol.")
	refuseOrigin        = ours("origin_refused", http.StatusForbidden, "This request came from a page of another site.")
	refuseTooLarge      = ours("too_large", http.StatusRequestEntityTooLarge, "The request is too large.")
	refuseBody          = ours("body_unreadable", http.StatusBadRequest, "The request could not be read.")
	refuseTooSlow       = ours("too_slow", http.StatusRequestTimeout, "The request was not sent in time.")
	refuseDraining      = ours("draining", http.StatusServiceUnavailable, "The server is restarting. Try again in a moment.")
	refuseTunnels       = ours("sockets_busy", http.StatusServiceUnavailable, "Too many people are connected right now. Try again in a moment.")
	refuseClientTunnels = ours("sockets_limited", http.StatusTooManyRequests, "Too many connections from this address. Close some tabs and try again.")
	refuseBusy          = ours("busy", http.StatusServiceUnavailable, "Too many people are signing in right now. Try again in a moment.")
	refuseDown          = ours("upstream_unavailable", http.StatusServiceUnavailable, "Chat is not available right now.")
	refuseSlow          = ours("upstream_timeout", http.StatusGatewayTimeout, "Chat did not answer in time.")
	refuseNonsense      = ours("upstream_invalid", http.StatusBadGateway, "Chat gave an answer that cannot be used.")
	refuseAdminOnly     = ours("signup_refused", http.StatusForbidden, "Accounts are made by an administrator here.")
)

func ours(word string, status int, message string) refusal {
	return refusal{ID: idPrefix + word, Message: message, Status: status}
}

const idPrefix = "matterpass.gateway."

// refuse answers on the gateway's behalf and tells Note why.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, on route, why refusal) {
	g.answer(w, r, why)
	g.Note(r, on.pattern, why.word())
}

func (g *Gateway) answer(w http.ResponseWriter, r *http.Request, why refusal) {
	g.Own(w.Header(), r)
	why.write(w)
}

// hangUp refuses and ends the connection: what follows on it is for a protocol, or
// a server, that the client took us for.
func (g *Gateway) hangUp(w http.ResponseWriter, r *http.Request, on route, why refusal) {
	if r.ProtoMajor == 1 { // HTTP/2 would end the other streams as well
		w.Header().Set("Connection", "close")
	}
	g.refuse(w, r, on, why)
}

// word is for Note: what Mattermost's own ids tell apart is not told there.
func (f refusal) word() string {
	if word, isOurs := strings.CutPrefix(f.ID, idPrefix); isOurs {
		return word
	}
	if f.ID == expiredID {
		return "session_ended"
	}
	return "login_refused"
}

func (f refusal) write(w http.ResponseWriter) {
	h := w.Header()
	f.Request = h.Get("X-Request-Id")
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(f) // the client is gone; nobody to tell
}

// failAsMattermost is the default of Options.Fail.
func failAsMattermost(w http.ResponseWriter, _ *http.Request, err error) {
	w.Header().Set("Retry-After", retryUpstream)
	refusalFor(err).write(w)
}

// retryUpstream is when to come back where nothing better is known, in seconds.
const retryUpstream = "5"

// refusalFor is what may be said about an error of package upstream.
func refusalFor(err error) refusal {
	var throttled *upstream.Throttled
	switch {
	case errors.Is(err, upstream.ErrTimeout):
		return refuseSlow
	case errors.Is(err, upstream.ErrInvalid):
		return refuseNonsense
	case errors.As(err, &throttled):
		return refuseBusy
	default:
		return refuseDown
	}
}

// setAccountLimit is the default of Options.RateLimit.
func setAccountLimit(h http.Header, d login.Decision) {
	middleware.SetRateLimit(h, "account", middleware.Decision(d))
}

// seconds is d in whole seconds, rounded up, at least one (RFC 9110 section 10.2.3).
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
