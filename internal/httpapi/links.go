package httpapi

import (
	"errors"
	"net/http"

	"matterpass/internal/login"
)

type linkRequest struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	Email   string `json:"email"`   // of the account; or its user_id
	UserID  string `json:"user_id"` // Mattermost's
}

type linkAnswer struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	UserID  string `json:"user_id"`
}

// link makes an account somebody's, where signing in would not.
func (a *API) link(w http.ResponseWriter, r *http.Request) error {
	if a.Login.Minter == nil {
		return errNoWay
	}
	in, err := decode[linkRequest](r)
	if err != nil {
		return err
	}
	name, err := in.account()
	if err != nil {
		return err
	}
	link, err := a.Login.Link(r.Context(), login.Identity{Issuer: in.Issuer, Subject: in.Subject}, name)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, linkAnswer{link.Issuer, link.Subject, link.UserID})
}

func (in linkRequest) account() (login.Name, error) {
	switch {
	case in.Email != "" && in.UserID != "":
		return login.Name{}, &login.Invalid{Field: "user_id", Want: "is there beside email; send one of them"}
	case in.UserID != "":
		return login.IDName(in.UserID)
	default:
		return login.EmailName(in.Email)
	}
}

type unlinkRequest struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

// unlink takes an account from an identity and ends its sessions.
func (a *API) unlink(w http.ResponseWriter, r *http.Request) error {
	if a.Login.Minter == nil {
		return errNoLink
	}
	in, err := decode[unlinkRequest](r)
	if err != nil {
		return err
	}
	err = a.Login.Unlink(r.Context(), in.Issuer, in.Subject)
	switch {
	case errors.Is(err, login.ErrUnknown):
		return errNoLink
	case err != nil:
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
