package httpapi

import (
	"errors"
	"net/http"
	"net/url"

	"matterpass/internal/login"
	"matterpass/internal/middleware"
	"matterpass/internal/oidc"
)

// finishOIDC ends a sign-in: a tab goes on to chat, a pop-up hands a ticket back
// to the frame that opened it. It is a GET that changes state, as OpenID Connect
// wants it; the cookie of the sign-in is what keeps other pages from using it.
func (a *API) finishOIDC(w http.ResponseWriter, r *http.Request) error {
	if err := a.checkVisit(r); err != nil {
		return err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return a.outcome(w, r, oidc.Finished{}, oidc.ErrFlow)
	}
	id := oidc.FlowID(query)
	sealed, begun := a.Cookies(r).FlowsOf(r)[id]
	if begun {
		dropFlow(w, id)
	}
	finished, err := a.OIDC.Providers.Callback(r.Context(), query, sealed)
	switch {
	case err != nil:
		a.Login.Unproven(r.Context(), login.ByOIDC, visitOf(r, "").Client, err)
		return a.outcome(w, r, finished, err)
	case finished.Mode == oidc.Popup:
		return a.handBack(w, r, finished)
	default:
		return a.enter(w, r, finished)
	}
}

// enter signs in right here: the tab's cookies are those of its chat. Where
// somebody else is signed in, the launch page asks first: a GET takes nobody's
// place.
func (a *API) enter(w http.ResponseWriter, r *http.Request, finished oidc.Finished) error {
	another, err := a.isSomebodyElse(r, finished.Proof.Identity)
	if err != nil {
		return a.outcome(w, r, finished, err)
	}
	if another {
		return a.handBack(w, r, finished)
	}
	session, err := a.Login.WithProof(r.Context(), finished.Proof, visitOf(r, ""))
	switch {
	case errors.Is(err, login.ErrMFARequired):
		return a.handBack(w, r, finished) // the proof is unspent, and the launch page asks for codes
	case err != nil:
		return a.outcome(w, r, finished, err)
	}
	a.setSession(w, r, session)
	http.Redirect(w, r, a.frameURLTo(finished.Return), http.StatusSeeOther)
	return nil
}

func (a *API) handBack(w http.ResponseWriter, r *http.Request, finished oidc.Finished) error {
	ticket, err := a.OIDC.Handback(r.Context(), Handback{Proof: finished.Proof, Origin: finished.Origin, Target: finished.Return})
	if err != nil {
		return a.outcome(w, r, finished, err)
	}
	return a.OIDC.Outcome.send(w, http.StatusOK, outcome{Mode: finished.Mode, Handle: finished.Handle, Ticket: ticket})
}

// outcome says on a page what went wrong, and notes it in the record. Nothing
// that came with the request is shown.
func (a *API) outcome(w http.ResponseWriter, r *http.Request, finished oidc.Finished, err error) error {
	p := problemOf(err)
	record := middleware.RecordOf(r.Context())
	record.Code, record.Err = p.Code, err
	if isClientGone(r, err) {
		return nil // the record says 499
	}
	return a.OIDC.Outcome.send(w, p.Status, outcome{
		Mode: finished.Mode, Handle: finished.Handle, Code: p.Code, Sentence: p.Detail, RequestID: middleware.RequestID(r.Context()),
	})
}
