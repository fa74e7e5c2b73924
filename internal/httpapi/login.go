package httpapi

import (
	"errors"
	"net/http"
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
}

type user struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Email    string `json:"email"`
}

func (a *API) signIn(w http.ResponseWriter, r *http.Request) error {
	attempt, err := a.attempt(r)
	if err != nil {
		return err
	}
	session, err := a.Login.WithPassword(r.Context(), attempt)
	if err != nil {
		return err
	}
	cookie.SetSession(w.Header(), session.Token, session.User.ID, session.CSRF)
	http.SetCookie(w, &http.Cookie{Name: cookie.Device, Value: session.Device})
	return reply(w, http.StatusOK, a.signedIn(session))
}

func (a *API) attempt(r *http.Request) (login.Attempt, error) {
	if r.Header.Get("Authorization") != "" {
		return login.Attempt{}, &login.Invalid{Field: "Authorization", Want: "is not accepted here; send email and password in the body"}
	}
	if r.URL.RawQuery != "" {
		return login.Attempt{}, &login.Invalid{Field: "query", Want: "is not accepted; send everything in the body"}
	}
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
	return login.Attempt{
		Name: name, Password: *in.Password, Visit: login.Visit{
			Code: in.MFACode, Device: cookie.DeviceOf(r), Previous: cookie.TokenOf(r),
			Client: login.Client{Addr: middleware.ClientAddr(r.Context()), UserAgent: r.UserAgent()},
		},
	}, nil
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
	return reply(w, http.StatusOK, a.signedIn(session))
}

type signOutRequest struct {
	Everywhere bool `json:"everywhere"`
	Forget     bool `json:"forget"`
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
	if err := a.Login.SignOut(r.Context(), cookie.TokenOf(r), in.Everywhere); err != nil && !errors.Is(err, login.ErrSignedOut) {
		record := middleware.RecordOf(r.Context())
		record.Code, record.Err = "not_revoked", err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
