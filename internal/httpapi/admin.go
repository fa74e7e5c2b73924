package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"matterpass/internal/login"
	"matterpass/internal/middleware"
)

// AdminOptions are the operator's pages that other packages serve.
type AdminOptions struct {
	Metrics  http.Handler
	Profiles http.Handler // nil: off
}

// Admin serves ADMIN_ADDR: metrics, readiness with every check named, profiles
// where they are on, and what needs an API key with the scope admin.
func (a *API) Admin(o AdminOptions) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", o.Metrics)
	mux.Handle("GET /healthz", a.serve(a.alive))
	mux.Handle("GET /readyz", a.Readiness())
	mux.Handle("POST /admin/unlock", a.requireAdmin(a.serve(a.unlock)))
	mux.Handle("POST /admin/links", a.requireAdmin(a.serve(a.link)))
	mux.Handle("DELETE /admin/links", a.requireAdmin(a.serve(a.unlink)))
	if o.Profiles != nil {
		mux.Handle("/debug/pprof/", o.Profiles)
	}
	mux.Handle("/", a.refuse(errNotFound))
	return a.own(recorded(mux))
}

// recorded notes the pattern that a request matches.
func recorded(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		middleware.RecordOf(r.Context()).Route = pattern[strings.IndexByte(pattern, '/'):]
		mux.ServeHTTP(w, r)
	})
}

// requireAdmin wants a key with the scope admin and a caller that is no web
// page: a page of any origin can reach a loopback address from its visitor's
// browser.
func (a *API) requireAdmin(next http.Handler) http.Handler {
	return a.body()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := a.keys.find(bearerOf(r.Header))
		switch {
		case r.Header.Get("Origin") != "":
			a.Fail(w, r, errOrigin)
		case !ok:
			w.Header().Set("WWW-Authenticate", `Bearer realm="matterpass"`)
			a.Fail(w, r, errNoKey)
		case !slices.Contains(key.scopes, scopeAdmin):
			a.Fail(w, r, errKeyScope)
		default:
			middleware.RecordOf(r.Context()).Key = key.id
			next.ServeHTTP(w, r)
		}
	}))
}

// scopeAdmin is the scope of every call under /admin.
const scopeAdmin = "admin"

type unlockRequest struct {
	Email string `json:"email"`
}

// unlock forgets an account's failed tries, ours and Mattermost's.
func (a *API) unlock(w http.ResponseWriter, r *http.Request) error {
	in, err := decode[unlockRequest](r)
	if err != nil {
		return err
	}
	name, err := login.EmailName(in.Email)
	if err != nil {
		return err
	}
	if err := a.Login.Unlock(r.Context(), name); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
