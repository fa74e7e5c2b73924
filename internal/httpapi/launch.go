package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"matterpass/internal/cookie"
	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/ticket"
)

// launchPath is the page to which a ticket leads; its files lie below it.
const launchPath = "/launch"

type launchRequest struct {
	Subject       string  `json:"subject"`
	Email         string  `json:"email"`
	EmailVerified bool    `json:"email_verified"`
	Name          string  `json:"name"`
	Target        string  `json:"target"` // path on the chat host
	Origin        *string `json:"origin"` // of the page that will embed the chat; empty for a tab of its own
}

type launchAnswer struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// errNoWay is for the log: whoever asks can only wait for an operator.
var errNoWay = fmt.Errorf("%w: neither the companion plugin nor managed passwords are set up (PLUGIN_SECRET, MINT_SECRET), or there is no admin token", login.ErrMintUnavailable)

// launch makes a ticket for somebody whom the ERP's back end vouches for.
func (a *API) launch(w http.ResponseWriter, r *http.Request) error {
	if a.Tickets == nil {
		return errNoWay
	}
	in, err := decode[launchRequest](r)
	if err != nil {
		return err
	}
	address, err := email.Parse(in.Email)
	if err != nil {
		return &login.Invalid{Field: "email", Want: err.Error()}
	}
	if in.Origin == nil { // forgotten, it would only be missed in the frame
		return missing("origin")
	}
	text, expires, err := a.Tickets.Issue(r.Context(), ticket.Ticket{
		Identity: login.Identity{
			Issuer: callerOf(r.Context()).issuer, Subject: in.Subject, Email: address, EmailVerified: in.EmailVerified, Name: in.Name,
		},
		Origin: *in.Origin, Target: in.Target,
	})
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, launchAnswer{a.ChatOrigin + launchPath + "#" + text, expires.UTC().Truncate(time.Second)})
}

// launchPage is the same for everybody: which ticket it is for, no server sees.
func (a *API) launchPage() handler {
	if a.Launch == nil {
		return func(http.ResponseWriter, *http.Request) error { return errNotFound }
	}
	var text bytes.Buffer
	page, err := template.ParseFS(a.Launch, "index.html")
	if err == nil {
		err = page.Execute(&text, launchConfig{append([]string{}, a.AllowedOrigins...)})
	}
	return func(w http.ResponseWriter, _ *http.Request) error {
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(text.Bytes()) // the client may have left; nothing to do about it
		return nil
	}
}

// launchConfig is what the page is told. Everybody may read it.
type launchConfig struct {
	Origins []string `json:"origins"` // who may embed it
}

func (a *API) launchFile(name string) handler {
	return file(a.Launch, name, func(h http.Header) { h.Set("Cache-Control", "no-cache") })
}

type redeemRequest struct {
	Ticket    *string `json:"ticket"`
	Embedder  string  `json:"embedder"` // origin of the page around; empty at top level
	Confirmed bool    `json:"confirmed"`
	MFACode   string  `json:"mfa_code"`
}

// redeem opens a session for a ticket, once.
func (a *API) redeem(w http.ResponseWriter, r *http.Request) error {
	if a.Tickets == nil {
		return errTicketSpent
	}
	session, target, err := a.redeemed(r)
	if err != nil {
		return a.orLimited(w, r, err)
	}
	a.setSession(w, r, session)
	answer := a.signedIn(session)
	answer.URL = a.frameURLTo(target)
	return reply(w, http.StatusOK, answer)
}

// redeemed looks before it spends: what is refused for the page's sake, or waits
// for a click, leaves the ticket good.
func (a *API) redeemed(r *http.Request) (session login.Session, target string, err error) {
	in, err := decode[redeemRequest](r)
	if err != nil {
		return session, "", err
	}
	if in.Ticket == nil {
		return session, "", missing("ticket")
	}
	t, proof, err := a.opened(r, in)
	if err != nil {
		return session, "", err
	}
	if err := a.checkConfirmed(r, in, t.Identity); err != nil {
		return session, "", err
	}
	proof.Spend = func(ctx context.Context) error { return a.Tickets.Spend(ctx, *in.Ticket) }
	session, err = a.Login.WithProof(r.Context(), proof, visitOf(r, in.MFACode))
	return session, t.Target, asTicket(err)
}

// opened is a good ticket in the page that it was made for. Anything else is
// written down as a sign-in that was refused.
func (a *API) opened(r *http.Request, in redeemRequest) (ticket.Ticket, login.Proof, error) {
	t, proof, err := a.Tickets.Open(r.Context(), *in.Ticket)
	if err == nil {
		err = t.CheckEmbedder(in.Embedder)
	}
	if err != nil {
		a.Login.Unproven(r.Context(), login.ByTicket, visitOf(r, "").Client, err)
	}
	return t, proof, asTicket(err)
}

// asTicket speaks of tickets where login speaks of any proof.
func asTicket(err error) error {
	if errors.Is(err, login.ErrSpent) {
		return errTicketSpent
	}
	return err
}

// checkConfirmed asks the person where nobody embeds the page, or somebody else is
// signed in in this browser. Where that cannot be known now, nobody is replaced.
func (a *API) checkConfirmed(r *http.Request, in redeemRequest, who login.Identity) error {
	if in.Confirmed {
		return nil
	}
	another, err := in.Embedder == "", error(nil)
	if !another {
		another, err = a.isSomebodyElse(r, who)
	}
	if another {
		return &confirmation{nameOf(who)}
	}
	return err
}

// isSomebodyElse reports that another person is signed in in this browser.
func (a *API) isSomebodyElse(r *http.Request, who login.Identity) (bool, error) {
	session, err := a.Login.Current(r.Context(), cookie.TokenOf(r), "")
	if errors.Is(err, login.ErrSignedOut) {
		return false, nil
	}
	if err != nil || session.User.Email == who.Email {
		return false, err
	}
	links, err := a.Login.LinksOf(r.Context(), session.User.ID)
	return err == nil && !slices.ContainsFunc(links, func(l login.Link) bool {
		return l.Issuer == who.Issuer && l.Subject == who.Subject
	}), err
}

func nameOf(who login.Identity) string {
	if who.Name != "" {
		return who.Name
	}
	return string(who.Email)
}

// frameURLTo is what the ERP's iframe loads to come to a place in the chat.
func (a *API) frameURLTo(target string) string {
	switch {
	case target == "":
		return a.frameURL()
	case a.Shell == nil:
		return originOf(a.ChatURL) + target
	default:
		return a.ChatOrigin + shellPath + "?target=" + url.QueryEscape(target)
	}
}

// ownPage lets only a page of ours through: unlike sameOrigin it wants the browser's
// word for it.
func (a *API) ownPage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
		if site != "same-origin" && (site != "" || origin != a.ChatOrigin) {
			a.Fail(w, r, errOrigin)
			return
		}
		next.ServeHTTP(w, r)
	})
}
