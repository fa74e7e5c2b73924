// Package gateway stands between browsers and Mattermost: everything on the chat
// host that is not Matterpass's own goes through it, pages, API, files and the
// WebSocket. It keeps the promises that a plain reverse proxy does not: a login
// obeys the same limits as our own, a session comes into being nowhere else, the
// pages can be framed by the configured origins and by nobody else, a client
// cannot say who it is, and what was decided about a path is what Mattermost is
// asked for.
//
// It knows Mattermost's HTTP surface, but neither its client library nor any
// password. It sends cookies, and leaves their shape to internal/cookie's
// middleware, which must be wrapped around it. It writes no log: what happened is
// told to function fields.
package gateway

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/middleware"
)

// Passwords opens a session for a password; *login.Service does. Its errors are
// those of login.Service.WithPassword.
type Passwords interface {
	WithPassword(context.Context, login.Attempt) (login.Session, error)
}

// Options shapes a Gateway. Upstream, Public and Login must be set; every other
// field has a useful zero value.
type Options struct {
	// Upstream is how we reach Mattermost, Public is the origin of the chat for
	// browsers. Their scheme and host are used, and the path of Upstream.
	Upstream, Public *url.URL
	// AllowedOrigins may frame the pages, beside the chat host itself.
	AllowedOrigins []string
	// SiteURL is Mattermost's own address as it is set there now. Empty, or nil:
	// not known, the upstream's origin stands in for it.
	SiteURL func() string
	// OriginRefused is told when Mattermost refuses a WebSocket for its Origin, as it
	// does when its SiteURL has changed; nil is nobody.
	OriginRefused func()

	// Login decides every POST /api/v4/users/login.
	Login Passwords
	// Allow opens groups of authentication routes that are refused otherwise; see
	// Groups. What is opened is still limited.
	Allow []string
	// Plugin is the id of our companion plugin, whose routes are not there for
	// browsers. Empty for none.
	Plugin string
	// Limit takes one of a client's tries at the limited routes and at signing in;
	// nil limits none.
	Limit func(*http.Request) login.Decision

	// Navigations signs in on the way to a page by the assertion in the ERP's cookie
	// AssertionCookie, which never goes on to Mattermost. Empty: off.
	Navigations     Navigations
	AssertionCookie string
	// Standing says who ended a browser's session here, "" while it may go on; nil is
	// always "". active: the person did something. Ended says so of the token of a
	// program, which may be no session's.
	Standing func(ctx context.Context, token string, active bool) string
	Ended    func(ctx context.Context, token string) string
	// SignedOut is told of a session that its person ended at Mattermost; nil is
	// nobody.
	SignedOut func(ctx context.Context, token string)

	// Seen remembers sessions that worked; nil is NewMemory(0). Away reports that
	// Mattermost's database is away, by no more than one question a second; nil is
	// never. Together they keep an outage from signing people out.
	Seen Seen
	Away func(context.Context) bool

	// HTTPS tells whether the browser used https; by default the connection's TLS
	// or the scheme of Public. ClientAddr is the person's address, by default the
	// TCP peer's.
	HTTPS      func(*http.Request) bool
	ClientAddr func(*http.Request) netip.Addr
	// Transport carries the requests; nil is NewTransport's.
	Transport http.RoundTripper
	// Stall is the longest wait for the next bytes of an answer, and for a side of a
	// WebSocket to take what it was sent, after which they are broken off; 60 s.
	Stall time.Duration

	// Own puts on an answer that is not Mattermost's what all of ours carry; nil is
	// nothing.
	Own func(http.Header, *http.Request)
	// Fail answers what went wrong with Mattermost, an error of package upstream;
	// where a person would see the answer as a page, it is one of our own.
	Fail func(http.ResponseWriter, *http.Request, error)
	// RateLimit describes the decision about an account in the headers of an
	// answer; by default as middleware.SetRateLimit does.
	RateLimit func(http.Header, login.Decision)
	// Note is told the route's pattern and a stable word for what became of the
	// request, "" where nothing special did. Both are of bounded number.
	Note func(r *http.Request, route, code string)
	// Tunnels is told of every WebSocket that opens (+1) and closes (-1);
	// TunnelEnded of why it closed, one of a few words, and how old it was.
	Tunnels     func(delta int)
	TunnelEnded func(why string, lasted time.Duration)

	// TunnelsMost is how many WebSockets there can be, 20 000, and
	// TunnelsPerClient how many of one client (an IPv4 address, an IPv6 /64, so
	// perhaps a whole office), 2 000.
	TunnelsMost, TunnelsPerClient int
	// TunnelIdle is how long nothing may be said on a WebSocket, 5 min; Mattermost's
	// web app says something every 30 s. It is kept to an eighth.
	TunnelIdle time.Duration
	// Alive asks whether Mattermost knows a session, or a token of a program's, and is asked about each that
	// has a WebSocket, once in AliveEvery (45 s). False ends its WebSockets, an error
	// does not. nil asks nobody.
	Alive      func(ctx context.Context, token string, program bool) (bool, error)
	AliveEvery time.Duration
}

// Gateway is an http.Handler. It is safe for concurrent use.
type Gateway struct {
	Options
	origin    string // of Public, as browsers spell it
	ancestors []string
	routes    []route
	forwarded forwarded
	carrier   carrier
	buffers   *buffers
	recent    *recent
	tunnels   tunnels
}

// New returns a Gateway.
func New(o Options) *Gateway {
	o.setDefaults()
	return &Gateway{
		Options:   o,
		origin:    originOf(o.Public),
		ancestors: append([]string{"'self'"}, o.AllowedOrigins...),
		routes:    routesFor(o.Plugin, o.Allow),
		forwarded: newForwarded(o.Public.Host),
		carrier:   newCarrier(o),
		buffers:   newBuffers(),
		recent:    newRecent(),
		tunnels:   newTunnels(),
	}
}

func (o *Options) setDefaults() {
	o.setQuestions()
	o.setReports()
	o.setKeeper()
	o.setTunnels()
	if o.Transport == nil {
		o.Transport = NewTransport()
	}
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
}

func (o *Options) setQuestions() {
	if o.SiteURL == nil {
		o.SiteURL = func() string { return "" }
	}
	if o.OriginRefused == nil {
		o.OriginRefused = func() {}
	}
	if o.Limit == nil {
		o.Limit = func(*http.Request) login.Decision { return login.Decision{OK: true} }
	}
	if o.HTTPS == nil {
		secure := o.Public.Scheme == "https"
		o.HTTPS = func(r *http.Request) bool { return secure || r.TLS != nil }
	}
	if o.ClientAddr == nil {
		o.ClientAddr = peer
	}
}

func (o *Options) setReports() {
	if o.Fail == nil {
		o.Fail = failAsMattermost
	}
	if o.Own == nil {
		o.Own = func(http.Header, *http.Request) {}
	}
	if o.RateLimit == nil {
		o.RateLimit = setAccountLimit
	}
	if o.Note == nil {
		o.Note = func(*http.Request, string, string) {}
	}
	if o.Tunnels == nil {
		o.Tunnels = func(int) {}
	}
	if o.TunnelEnded == nil {
		o.TunnelEnded = func(string, time.Duration) {}
	}
}

func (o *Options) setTunnels() {
	o.TunnelsMost = cmp.Or(o.TunnelsMost, 20_000)
	o.TunnelsPerClient = cmp.Or(o.TunnelsPerClient, 2000)
	o.TunnelIdle = cmp.Or(o.TunnelIdle, 5*time.Minute)
	o.AliveEvery = cmp.Or(o.AliveEvery, 45*time.Second)
}

// ServeHTTP decides what a request is, from its method and canonical path alone,
// and then does that.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isForwardable(r.Method) {
		w.Header().Set("Allow", strings.Join(methods(), ", "))
		g.hangUp(w, r, anyRoute, refuseMethod)
		return
	}
	path, err := canonical(r.URL)
	if err != nil {
		g.hangUp(w, r, anyRoute, refusePath)
		return
	}
	if path != r.URL.Path {
		g.redirect(w, r, path)
		return
	}
	found, heard := find(g.routes, r.Method, path), g.hear(r)
	ended := g.hasEnded(w, r, heard.sent)
	if ended {
		r = asStranger(r)
		heard = g.understand(r)
	}
	switch {
	case asksUpgrade(r) && ended:
		g.refuse(w, r, found, refuseEnded)
	case asksUpgrade(r):
		g.upgrade(w, r, heard, found)
	case found == anyRoute:
		g.page(w, r, heard)
	default:
		g.serve(w, r, heard, found)
	}
}

// page forwards what no row of the table is about. Its person may be signed in on
// the way.
func (g *Gateway) page(w http.ResponseWriter, r *http.Request, heard *said) {
	w, outcome := g.signInSilently(w, r, heard.assertion)
	g.forward(w, r, heard, anyRoute)
	if outcome != "" {
		g.Note(r, anyRoute.pattern, outcome)
	}
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, heard *said, found route) {
	switch found.class {
	case signIn:
		g.signIn(w, r, found)
	case hidden:
		g.refuse(w, r, found, refuseHidden)
	case refused:
		g.refuse(w, r, found, refuseRoute)
	case adminOnly:
		g.forAdmin(w, r, heard, found)
	case limited:
		g.limited(w, r, heard, found)
	default:
		g.forward(w, r, heard, found)
	}
}

// limited forwards what may be guessed at, while the client has tries left.
func (g *Gateway) limited(w http.ResponseWriter, r *http.Request, heard *said, found route) {
	if !g.mayTry(w, r) {
		g.refuse(w, r, found, refuseLimited)
		return
	}
	g.forward(w, r, heard, found)
}

// mayTry spends one of the client's tries and tells it how many are left.
func (g *Gateway) mayTry(w http.ResponseWriter, r *http.Request) bool {
	decision := g.Limit(r)
	if decision.Limit > 0 {
		middleware.SetRateLimit(w.Header(), "client", middleware.Decision(decision))
	}
	return decision.OK
}

// redirect answers a path that is not clean as Mattermost does
// (docs/mattermost.md A15), so that none such is ever forwarded.
func (g *Gateway) redirect(w http.ResponseWriter, r *http.Request, path string) {
	target := url.URL{Path: path, RawQuery: r.URL.RawQuery}
	g.Own(w.Header(), r)
	w.Header().Set("Location", target.String())
	w.WriteHeader(http.StatusMovedPermanently)
	g.Note(r, anyRoute.pattern, "redirected")
}

// methods lists what Mattermost's clients use.
func methods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
}

func isForwardable(method string) bool {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return true
	}
	return false
}

func peer(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr().Unmap()
}

// originOf is the origin of u as browsers spell it: lower case, and no port
// where it is the scheme's own (RFC 6454 section 6.2).
func originOf(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return scheme + "://" + host
}
