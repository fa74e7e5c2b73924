package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"time"

	"matterpass/internal/cookie"
	"matterpass/internal/login"
	"matterpass/internal/middleware"
)

// signInRequest has pointers where an absent key must be told from an empty one.
type signInRequest struct {
	Email    *string `json:"email"`
	Password *string `json:"password"`
	MFACode  string  `json:"mfa_code"`
}

// signedIn is the answer of login and session.
type signedIn struct {
	User      user       `json:"user"`
	Team      string     `json:"team"`
	URL       string     `json:"url"`        // for the iframe
	ExpiresAt *time.Time `json:"expires_at"` // null where Mattermost does not say
	// Subjects are known to session alone, and missing where they cannot be looked up.
	Subjects []string `json:"subjects,omitzero"`
}

type user struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Email    string `json:"email"`
}

func (a *API) signIn(w http.ResponseWriter, r *http.Request) error {
	session, err := a.openSession(w, r)
	if err != nil {
		return err
	}
	a.setSession(w, r, session)
	return reply(w, http.StatusOK, a.signedIn(session))
}

// setSession puts a new session on an answer. Where somebody else used this browser
// before, the shell clears what they left in it, unless that was just done: then
// what is there is the new person's.
func (a *API) setSession(w http.ResponseWriter, r *http.Request, session login.Session) {
	cookie.SetSession(w.Header(), session.Token, session.User.ID, session.CSRF)
	http.SetCookie(w, &http.Cookie{Name: cookie.Device, Value: session.Device})
	if cleared := forgotten(w, r); session.Switched && !cleared {
		forgetNext(w)
	}
}

// openSession takes one kind of proof: an assertion in the header or a password in
// the body.
func (a *API) openSession(w http.ResponseWriter, r *http.Request) (login.Session, error) {
	if hasAuthorization(r) {
		session, err := a.byAssertion(r)
		return session, a.orLimited(w, r, err)
	}
	if err := withoutQuery(r); err != nil {
		return login.Session{}, err
	}
	attempt, err := attempt(r)
	if err != nil {
		return login.Session{}, err
	}
	return a.Login.WithPassword(r.Context(), attempt)
}

// withoutQuery keeps secrets out of addresses, which are written down everywhere.
func withoutQuery(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	return &login.Invalid{Field: "query", Want: "is not accepted; send everything in the body"}
}

// codeRequest is what may go along with an assertion.
type codeRequest struct {
	MFACode string `json:"mfa_code"`
}

// hasAuthorization also counts an empty one: behind it there may be another.
func hasAuthorization(r *http.Request) bool { return len(r.Header.Values("Authorization")) > 0 }

func (a *API) byAssertion(r *http.Request) (login.Session, error) {
	if err := withoutQuery(r); err != nil {
		return login.Session{}, err
	}
	assertion := bearerOf(r.Header)
	if assertion == "" {
		return login.Session{}, &login.Invalid{Field: "Authorization", Want: "is not one bearer token"}
	}
	in, err := decodeOptional[codeRequest](r)
	if err != nil {
		return login.Session{}, err
	}
	return a.Login.WithAssertion(r.Context(), assertion, visitOf(r, in.MFACode))
}

// orLimited has strangers pay: whoever shows a good proof is limited by whom it
// speaks of, and everybody else by where they come from.
func (a *API) orLimited(w http.ResponseWriter, r *http.Request, err error) error {
	if a.ClientLimiter == nil || !isUnproven(err) {
		return err
	}
	decision := a.ClientLimiter.Allow(r)
	middleware.SetRateLimit(w.Header(), "client", decision)
	if !decision.OK {
		return errClientLimited
	}
	return err
}

// isUnproven is true of what anybody can send.
func isUnproven(err error) bool {
	var malformed *login.Invalid
	return errors.As(err, &malformed) || slices.ContainsFunc([]error{
		login.ErrRefused, login.ErrSpent, login.ErrKeysUnavailable, errTicketSpent, errMediaType, errTooLarge, errTooSlow,
	}, func(is error) bool { return errors.Is(err, is) })
}

func attempt(r *http.Request) (login.Attempt, error) {
	in, err := decode[signInRequest](r)
	if err != nil {
		return login.Attempt{}, err
	}
	if in.Email == nil {
		return login.Attempt{}, &login.Invalid{Field: "email", Want: "is required"}
	}
	if in.Password == nil {
		return login.Attempt{}, &login.Invalid{Field: "password", Want: "is required"}
	}
	name, err := login.EmailName(*in.Email)
	if err != nil {
		return login.Attempt{}, err
	}
	return login.Attempt{Name: name, Password: *in.Password, Visit: visitOf(r, in.MFACode)}, nil
}

// visitOf is the browser's side of a sign-in.
func visitOf(r *http.Request, code string) login.Visit {
	return login.Visit{
		Code: code, Device: cookie.DeviceOf(r), Previous: cookie.TokenOf(r),
		Client: login.Client{Addr: middleware.ClientAddr(r.Context()), UserAgent: r.UserAgent()},
	}
}

func (a *API) signedIn(s login.Session) signedIn {
	out := signedIn{
		User: user{s.User.ID, s.User.Username, string(s.User.Email)},
		Team: a.Team, URL: a.frameURL(),
	}
	if !s.ExpiresAt.IsZero() {
		at := s.ExpiresAt.UTC().Truncate(time.Second)
		out.ExpiresAt = &at
	}
	return out
}

// frameURL is what the ERP's iframe loads.
func (a *API) frameURL() string {
	if a.Shell == nil {
		return a.ChatURL
	}
	return a.ChatOrigin + shellPath
}

// session answers who this browser is. It deletes no cookie on a 401: the
// session may only be unknown for the moment.
func (a *API) session(w http.ResponseWriter, r *http.Request) error {
	session, err := a.Login.Current(r.Context(), cookie.TokenOf(r), cookie.CSRFOf(r))
	if err != nil {
		return err
	}
	out := a.signedIn(session)
	out.Subjects = a.subjects(r.Context(), session.User)
	return reply(w, http.StatusOK, out)
}

// subjects are the names by which a page can mean a person without telling who that
// is: SHA-256, in hexadecimal, of their address, and of what those who vouch for them
// call them, alone and behind the issuer.
func (a *API) subjects(ctx context.Context, who login.User) []string {
	links, err := a.Login.LinksOf(ctx, who.ID)
	if err != nil {
		return nil
	}
	names := []string{}
	if who.Email != "" { // it may be one that is never signed in by
		names = append(names, hashed(string(who.Email)))
	}
	for _, link := range links {
		names = append(names, hashed(link.Subject), hashed(link.Issuer+"\n"+link.Subject))
	}
	return names
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

type signOutRequest struct {
	Everywhere bool `json:"everywhere"`
	Forget     bool `json:"forget"`
}

// by is who ends it: another person who follows, or the one who is signed in.
func (in signOutRequest) by() string {
	switch {
	case in.Everywhere:
		return login.EndedEverywhere
	case in.Forget:
		return login.EndedBySwitch
	default:
		return login.EndedByUser
	}
}

// signOut deletes the cookies whatever Mattermost answers: a person who signs
// out on a shared computer must not stay signed in because a server is down.
func (a *API) signOut(w http.ResponseWriter, r *http.Request) error {
	in, err := decodeOptional[signOutRequest](r)
	if err != nil {
		return err
	}
	cookie.SignOut(w.Header())
	if in.Forget {
		forgetNext(w)
	}
	if err := a.Login.SignOut(r.Context(), cookie.TokenOf(r), in.by()); err != nil && !errors.Is(err, login.ErrSignedOut) {
		record := middleware.RecordOf(r.Context())
		record.Code, record.Err = "not_revoked", err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
