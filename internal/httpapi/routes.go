package httpapi

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"matterpass/internal/middleware"
)

// route is one address of ours. audience decides the checks in front of it.
type route struct {
	method   string
	pattern  string
	audience audience
	handler  handler
}

// audience is who calls an address.
type audience int

const (
	// browser: the ERP's page or ours; CORS with credentials, exact origins.
	browser audience = iota
	// backend: the ERP's servers; an API key, never CORS.
	backend
	// anybody: no credentials and no state.
	anybody
	// page: a person; a page of ours, framed by the ERP's, and its files.
	page
	// ours: a page of ours, same origin only; never CORS.
	ours
	// entrance is browser, and a proof of who somebody is counts as theirs and not
	// as their address's (orLimited).
	entrance
	// ourEntrance is the same for a page of ours, of which browsers must say so.
	ourEntrance
	// visitor: a person's whole tab or pop-up, sent here by another site.
	visitor
	// issuer: an identity provider's servers, whose token is its own proof.
	issuer
)

// routes is every address of ours. Whatever is not here is Mattermost's.
func (a *API) routes() []route {
	return []route{
		{http.MethodPost, "/api/mattermost/login", entrance, a.signIn},
		{http.MethodPost, "/api/mattermost/logout", browser, a.signOut},
		{http.MethodGet, "/api/mattermost/session", browser, a.session},
		{http.MethodGet, "/api/mattermost/test-cookies", browser, a.testCookies},
		{http.MethodGet, "/api/mattermost/health", browser, a.health},
		{http.MethodPost, "/api/mattermost/provision", backend, a.provision},
		{http.MethodPost, "/api/mattermost/launch", backend, a.launch},
		{http.MethodPost, "/api/mattermost/launch/redeem", ourEntrance, a.redeem},
		{http.MethodGet, "/launch", page, a.launchPage()},
		{http.MethodGet, "/launch/launch.js", page, a.launchFile("launch.js")},
		{http.MethodGet, "/launch/embedder.js", page, a.launchFile("embedder.js")},
		{http.MethodGet, "/healthz", anybody, a.alive},
		{http.MethodGet, "/readyz", anybody, a.readiness},
		{http.MethodGet, "/widget/v1/matterpass.js", anybody, a.widget("matterpass.js")},
		{http.MethodGet, "/widget/v1/matterpass.d.ts", anybody, a.widget("matterpass.d.ts")},
		{http.MethodGet, "/embed", page, a.shell()},
		{http.MethodGet, "/embed/shell.css", page, a.shellFile("shell.css")},
		{http.MethodGet, "/embed/shell.js", page, a.shellFile("shell.js")},
		{http.MethodGet, "/embed/cards.js", page, a.shellFile("cards.js")},
		{http.MethodGet, "/embed/facts.js", page, a.shellFile("facts.js")},
		{http.MethodGet, "/embed/frame.js", page, a.shellFile("frame.js")},
		{http.MethodGet, "/embed/live.js", page, a.shellFile("live.js")},
		{http.MethodGet, "/embed/notify.js", page, a.shellFile("notify.js")},
		{http.MethodGet, "/embed/oidc.js", page, a.shellFile("oidc.js")},
		{http.MethodGet, "/embed/protocol.js", page, a.shellFile("protocol.js")},
		{http.MethodGet, "/embed/session.js", page, a.shellFile("session.js")},
		{http.MethodGet, "/embed/storage.js", page, a.shellFile("storage.js")},
		{http.MethodGet, "/embed/unread.js", page, a.shellFile("unread.js")},
		{http.MethodGet, "/embed-doctor", page, a.doctorPage()},
		{http.MethodGet, "/embed-doctor/doctor.js", page, a.doctorFile("doctor.js")},
		{http.MethodGet, "/embed-doctor/verdict.js", page, a.doctorFile("verdict.js")},
		{http.MethodGet, "/embed-doctor/doctor.css", page, a.doctorFile("doctor.css")},
		{http.MethodGet, "/embed-doctor/report", ours, a.report},
		{http.MethodGet, "/auth/oidc/start", visitor, a.startOIDC},
		{http.MethodGet, "/auth/oidc/callback", visitor, a.finishOIDC},
		{http.MethodGet, "/auth/oidc/outcome.js", page, a.oidcFile("outcome.js")},
		{http.MethodGet, "/auth/oidc/outcome.css", page, a.oidcFile("outcome.css")},
		{http.MethodPost, "/auth/oidc/backchannel-logout", issuer, a.backchannelLogout},
	}
}

// reserved are the first segments that are ours as a whole: an address below
// them that does not exist is our 404, not Mattermost's page. The operator's
// addresses are served on ADMIN_ADDR and exist nowhere else.
func reserved() []string { return []string{"/api/mattermost", "/metrics", "/debug", "/admin"} }

// Handler serves the API and hands everything else to Next.
func (a *API) Handler() http.Handler {
	mux := chi.NewMux()
	for pattern, h := range a.resources() {
		mux.Handle(pattern, h)
	}
	for _, segment := range reserved() {
		mux.Handle(segment, a.own(a.refuse(errNotFound)))
		mux.Handle(segment+"/*", a.own(a.refuse(errNotFound)))
	}
	mux.NotFound(a.next().ServeHTTP)
	mux.MethodNotAllowed(a.next().ServeHTTP) // a method that chi does not know
	return foreign(a.next(), byDecodedPath(mux))
}

// foreign spares Mattermost's API, most of what comes, the search for an address of
// ours. With an encoding of its own a path takes the long way.
func foreign(next, ours http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawPath == "" && strings.HasPrefix(r.URL.Path, "/api/v4/") {
			next.ServeHTTP(w, r)
			return
		}
		ours.ServeHTTP(w, r)
	})
}

// byDecodedPath has chi look at the path that Mattermost looks at: it would take
// the encoded one, to which /%6detrics is not /metrics. With an encoded slash
// there are two paths in one, of which none is ours.
func byDecodedPath(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if raw := r.URL.RawPath; raw != "" && !strings.Contains(strings.ToLower(raw), "%2f") {
			route := chi.NewRouteContext()
			route.RoutePath = r.URL.Path
			r = r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, route))
		}
		mux.ServeHTTP(w, r)
	})
}

// resource is an address with its methods.
type resource struct {
	methods map[string]http.Handler
	refuse  http.Handler
}

func (a *API) resources() map[string]resource {
	all := map[string]resource{}
	for _, rt := range a.routes() {
		res, known := all[rt.pattern]
		if !known {
			res = resource{methods: map[string]http.Handler{}, refuse: a.own(a.refuse(errMethod))}
			all[rt.pattern] = res
		}
		h := a.guard(rt)
		res.methods[rt.method] = h
		if rt.method == http.MethodGet {
			res.methods[http.MethodHead] = h
		}
		if rt.audience == browser || rt.audience == entrance {
			res.methods[http.MethodOptions] = a.own(a.cors()(http.HandlerFunc(noContent)))
		}
	}
	return all
}

func (res resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, ok := res.methods[r.Method]; ok {
		h.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(res.methods)), ", "))
	res.refuse.ServeHTTP(w, r)
}

func (a *API) next() http.Handler {
	if a.Next != nil {
		return a.Next
	}
	return a.own(a.refuse(errNotFound))
}

// guard puts the checks of its audience in front of a route, outermost first.
func (a *API) guard(rt route) http.Handler {
	var h http.Handler = a.named(rt)
	switch rt.audience {
	case browser:
		h = chi.Chain(a.cors(), a.origin(), a.limitClients(), a.body()).Handler(h)
	case entrance:
		h = chi.Chain(a.cors(), a.origin(), a.limitStrangers, a.body()).Handler(h)
	case ourEntrance:
		h = chi.Chain(a.ownPage, a.body()).Handler(h)
	case backend:
		h = chi.Chain(
			middleware.Networks(a.AdminNetworks, a.refuse(errNetwork)),
			a.limitClients(),
			a.body(),
			a.requireKey(rt.pattern),
		).Handler(h)
	case visitor:
		h = a.limitClients()(h)
	case issuer:
		h = a.body()(h)
	case page:
		h = a.page()(h)
	case ours:
		h = chi.Chain(
			a.sameOrigin,
			a.limitClients(),
		).Handler(h)
	}
	return a.own(h)
}

// limitStrangers counts a client's requests, but for those with an assertion.
func (a *API) limitStrangers(next http.Handler) http.Handler {
	limited := a.limitClients()(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hasAuthorization(r) {
			limited.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *API) origin() func(http.Handler) http.Handler {
	return middleware.Origin(a.origins(), a.refuse(errOrigin))
}

func (a *API) limitClients() func(http.Handler) http.Handler {
	return middleware.RateLimit(a.ClientLimiter, a.refuse(errClientLimited))
}

// own puts the security headers of this program's own answers on it.
func (a *API) own(h http.Handler) http.Handler { return middleware.Security(a.security())(h) }

// Secure puts them on an answer of the program's that is given elsewhere.
func (a *API) Secure(h http.Header, r *http.Request) { a.security().Secure(h, r) }

func (a *API) security() middleware.SecurityOptions {
	return middleware.SecurityOptions{StrictTransport: a.StrictTransport}
}

func (a *API) body() func(http.Handler) http.Handler {
	return middleware.BodyLimit(middleware.BodyLimitOptions{
		Max: maxBody, Timeout: a.BodyTimeout, Refuse: a.refuse(errTooLarge),
	})
}

func (a *API) origins() []string { return append([]string{a.ChatOrigin}, a.AllowedOrigins...) }

// named notes the route in the access record, by pattern and never by path.
func (a *API) named(rt route) http.Handler {
	serve := a.serve(rt.handler)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		middleware.RecordOf(r.Context()).Route = rt.pattern
		serve(w, r)
	})
}

// noContent answers an OPTIONS that is no preflight.
func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
