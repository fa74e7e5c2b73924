package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"matterpass/internal/cookie"
	"matterpass/internal/login"
)

// Navigations opens a session on the way to a page; *login.Service does. It
// answers login.ErrNotNeeded where nobody is to be signed in.
type Navigations interface {
	WithNavigation(ctx context.Context, assertion string, v login.Visit) (login.Session, error)
}

// assertionOf is what the ERP's cookie says. Of several nobody knows which is meant.
func (g *Gateway) assertionOf(r *http.Request) string {
	if !g.mayCarryAssertion(r) {
		return ""
	}
	found := r.CookiesNamed(g.AssertionCookie)
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

// mayCarryAssertion costs a request without the ERP's cookie next to nothing.
func (g *Gateway) mayCarryAssertion(r *http.Request) bool {
	return g.AssertionCookie != "" && slices.ContainsFunc(r.Header["Cookie"], func(line string) bool {
		return strings.Contains(line, g.AssertionCookie)
	})
}

// signInSilently signs in who asks for a page and carries the ERP's word for it.
// The page itself then comes from Mattermost as ever, with the cookies on it: there
// is no redirect, so there is no loop where a browser keeps no cookies. What does
// not work out leaves the page as it would have been.
func (g *Gateway) signInSilently(w http.ResponseWriter, r *http.Request, assertion string) (http.ResponseWriter, string) {
	if assertion == "" || !asksForPage(r) {
		return w, ""
	}
	session, err := g.Navigations.WithNavigation(r.Context(), assertion, login.Visit{
		Device: cookie.DeviceOf(r), Previous: cookie.TokenOf(r),
		Client: login.Client{Addr: g.ClientAddr(r), UserAgent: r.UserAgent()},
	})
	switch {
	case errors.Is(err, login.ErrNotNeeded):
		return w, ""
	case err != nil:
		return w, "not_signed_in"
	}
	setSession(w.Header(), session)
	w.Header().Set("Cache-Control", "no-store") // for a page of our own, which writes no status
	if session.Switched {
		w.Header().Set("Clear-Site-Data", `"storage"`) // what the former person typed (docs/webapp.md G2)
	}
	return uncached{w}, "signed_in"
}

// Arrive signs in on the way to a page of our own, as on the way to Mattermost's,
// and answers where to write the page.
func (g *Gateway) Arrive(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	w, outcome := g.signInSilently(w, r, g.assertionOf(r))
	if outcome != "" {
		g.Note(r, r.URL.Path, outcome)
	}
	return w
}

// asksForPage reports that a person will see the answer, now: a page that is
// loaded ahead may never be looked at.
func asksForPage(r *http.Request) bool {
	h := r.Header
	dest := h.Get("Sec-Fetch-Dest")
	return r.Method == http.MethodGet && h.Get("Sec-Fetch-Mode") == "navigate" && (dest == "iframe" || dest == "document") &&
		h.Get("Sec-Purpose") == "" && h.Get("Purpose") == "" && !isUnder(r.URL.Path[1:], "api") && !isUnder(r.URL.Path[1:], "static")
}

// uncached keeps an answer with a session in it out of every cache, whatever
// Mattermost says of the page.
type uncached struct{ http.ResponseWriter }

func (u uncached) WriteHeader(status int) {
	u.Header().Set("Cache-Control", "no-store")
	u.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach Flush and the deadlines.
func (u uncached) Unwrap() http.ResponseWriter { return u.ResponseWriter }
