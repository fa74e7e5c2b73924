// Package httpapi is the JSON API: it decodes a request, calls one thing of the
// domain, and replies. It holds the one table that maps errors to problems.
//
// It knows no Mattermost and no configuration: values and ports are handed in.
package httpapi

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/netip"
	"time"

	"matterpass/internal/cookie"
	"matterpass/internal/doctor"
	"matterpass/internal/login"
	"matterpass/internal/middleware"
	"matterpass/internal/provision"
	"matterpass/internal/ticket"
)

// Options wires an API.
type Options struct {
	Login     *login.Service
	Provision *provision.Service // nil: provisioning is off (no admin token)
	Tickets   *ticket.Service    // nil: launching is off
	Board     *doctor.Board
	OIDC      OIDC // the zero value: nobody signs in with an identity provider
	Cookies   func(*http.Request) cookie.Policy

	Development bool   // details of causes in answers
	Team        string // MM_TEAM_SLUG
	ChatURL     string // what the shell's frame loads

	AllowedOrigins  []string // the ERP's, exact
	InsecureOrigins bool     // some of them are http
	ChatOrigin      string
	StrictTransport bool // browsers shall use https for a year

	Keys           []Key
	SigningKeys    []Key          // never accepted as a bearer
	Signatures     Signatures     // nil: no signed requests
	AdminNetworks  []netip.Prefix // empty: any
	ClientLimiter  middleware.Limiter
	ProvisionLimit func(key string) middleware.Decision
	BodyTimeout    time.Duration // for the whole body; 10 s

	Widget fs.FS        // the files under /widget/v1/
	Doctor fs.FS        // the embed doctor: index.html and the files under /embed-doctor/
	Shell  fs.FS        // the page and files under /embed; nil: none, and the iframe loads ChatURL
	Launch fs.FS        // the page and files under /launch; nil: none
	Next   http.Handler // everything that is not ours, the gateway; nil: 404
	// Arrive may sign somebody in on the way to the shell, and answers where to write
	// the page; nil does not.
	Arrive func(http.ResponseWriter, *http.Request) http.ResponseWriter
}

// API answers the program's own addresses.
type API struct {
	Options
	keys    keyRing
	signers keyRing
}

// New returns an API; Handler serves it.
func New(o Options) *API {
	if o.BodyTimeout == 0 {
		o.BodyTimeout = 10 * time.Second
	}
	return &API{Options: o, keys: newKeyRing(o.Keys), signers: newKeyRing(o.SigningKeys)}
}

// handler is how this package's handlers look: they return before they write.
type handler func(http.ResponseWriter, *http.Request) error

func (a *API) serve(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			a.Fail(w, r, err)
		}
	}
}

// refuse answers with one error, for middlewares.
func (a *API) refuse(err error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.Fail(w, r, err) }
}

// reply writes a JSON answer that nobody may keep.
func reply(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may have left; nothing to do about it
	return nil
}

// SetAccountLimit tells a client the state of its account's bucket.
func SetAccountLimit(h http.Header, d login.Decision) {
	middleware.SetRateLimit(h, "account", middleware.Decision(d))
}

// Panicked answers for a handler that panicked; value and stack are in the
// record already.
func (a *API) Panicked(w http.ResponseWriter, r *http.Request, _ any, _ []byte) {
	a.Fail(w, r, errPanic)
}

// Misdirected answers a request for a host that is not ours, RFC 9110 section
// 15.5.20.
func (a *API) Misdirected() http.Handler { return a.own(a.refuse(errHost)) }
