package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"matterpass/internal/cookie"
	"matterpass/internal/login"
	"matterpass/internal/oidc"
)

// OIDC wires the sign-in with an identity provider.
type OIDC struct {
	Providers IdentityProviders // nil: there are none; they need Options.Tickets
	Outcome   OutcomePage       // where a sign-in ends that does not end in chat
	// Handback makes a one-time ticket for the frame whose pop-up signed in: what
	// the pop-up's cookies say is not seen there (docs/webapp.md C2).
	Handback func(context.Context, Handback) (ticket string, err error)
	// Logout ends the sessions of an identity, or of one of its issuer's sessions.
	// It answers login.ErrSpent for a token that was accepted before.
	Logout func(context.Context, oidc.Logout) error
}

// IdentityProviders are the identity providers as a relying party sees them;
// oidc.RelyingParty says which errors there are.
type IdentityProviders interface {
	Providers() []oidc.Provider
	Start(context.Context, oidc.StartOptions) (oidc.Started, error)
	Callback(ctx context.Context, query url.Values, sealed string) (oidc.Finished, error)
	BackchannelLogout(ctx context.Context, token string) (oidc.Logout, error)
}

// Handback is a sign-in that goes on in another window.
type Handback struct {
	Proof  login.Proof
	Origin string // of the page that embeds the chat; empty: the chat is not embedded
	Target string // path on the chat host; empty: the default
}

func (o OIDC) list() []oidc.Provider {
	if o.Providers == nil {
		return nil
	}
	return o.Providers.Providers()
}

// handles are what the shell makes up to know its pop-up by.
var handles = regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`)

// startOIDC sends a tab or a pop-up to the identity provider.
func (a *API) startOIDC(w http.ResponseWriter, r *http.Request) error {
	if err := a.checkVisit(r); err != nil {
		return err
	}
	start, err := a.startOptions(r)
	if err != nil {
		return a.outcome(w, r, oidc.Finished{}, err)
	}
	started, err := a.OIDC.Providers.Start(r.Context(), start)
	if err != nil {
		return a.outcome(w, r, oidc.Finished{Mode: start.Mode, Handle: start.Handle, Return: start.Return}, err)
	}
	for _, id := range started.Drop {
		dropFlow(w, id)
	}
	http.SetCookie(w, &http.Cookie{Name: cookie.Flow + started.ID, Value: started.Sealed, MaxAge: int(oidc.Life.Seconds())})
	http.Redirect(w, r, started.URL, http.StatusSeeOther)
	return nil
}

func dropFlow(w http.ResponseWriter, id string) {
	http.SetCookie(w, &http.Cookie{Name: cookie.Flow + id, MaxAge: -1})
}

// checkVisit lets in only a person's own navigation of a whole window: identity
// providers refuse frames, and what merely looks ahead must not begin or end
// anything. HEAD looks ahead as well.
func (a *API) checkVisit(r *http.Request) error {
	dest := r.Header.Get("Sec-Fetch-Dest")
	switch {
	case a.OIDC.Providers == nil || a.Tickets == nil:
		return errNotFound
	case r.Method != http.MethodGet:
		return errMethod
	case r.Header.Get("Sec-Purpose") != "" || r.Header.Get("Purpose") != "":
		return &login.Invalid{Field: "Sec-Purpose", Want: "is not accepted here; this page cannot be fetched in advance"}
	case dest != "" && dest != "document":
		return &login.Invalid{Field: "Sec-Fetch-Dest", Want: "must be document; open this page in a tab or a pop-up"}
	}
	return nil
}

func (a *API) startOptions(r *http.Request) (oidc.StartOptions, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return oidc.StartOptions{}, &login.Invalid{Field: "query", Want: "is not a query"}
	}
	for name, values := range query {
		if !slices.Contains([]string{"provider", "mode", "target", "origin", "handle"}, name) || len(values) != 1 {
			return oidc.StartOptions{}, &login.Invalid{Field: "query", Want: "has a parameter that is unknown or sent twice"}
		}
	}
	start := oidc.StartOptions{
		Provider: query.Get("provider"), Mode: query.Get("mode"), Return: query.Get("target"),
		Origin: query.Get("origin"), Handle: query.Get("handle"), Pending: a.Cookies(r).FlowsOf(r),
	}
	if start.Mode == "" {
		start.Mode = oidc.Top
	}
	return start, a.checkStart(start)
}

func (a *API) checkStart(o oidc.StartOptions) error {
	switch {
	case o.Mode != oidc.Popup && o.Mode != oidc.Top:
		return &login.Invalid{Field: "mode", Want: "must be popup or top"}
	case o.Origin != "" && !slices.Contains(a.AllowedOrigins, o.Origin):
		return &login.Invalid{Field: "origin", Want: "must be one of the origins that may embed the chat"}
	case !handles.MatchString(o.Handle):
		return &login.Invalid{Field: "handle", Want: "must be up to 64 characters of A-Z a-z 0-9 _ -"}
	}
	return a.Tickets.CheckTarget(o.Return)
}
