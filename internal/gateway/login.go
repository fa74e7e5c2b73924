package gateway

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"matterpass/internal/cookie"
	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

// loginBodyMost is far more than Mattermost's web app ever sends, in bytes.
const loginBodyMost = 64 << 10

// signIn is Mattermost's POST users/login on internal/login's terms: it answers
// as Mattermost would, but for the Token header, which is a session for whoever
// can read it.
func (g *Gateway) signIn(w http.ResponseWriter, r *http.Request, on route) {
	g.Own(w.Header(), r)
	w.Header().Set("Cache-Control", "no-store")
	if !g.isOwnPage(r) {
		g.refuse(w, r, on, refuseOrigin)
		return
	}
	if !g.mayTry(w, r) {
		g.refuse(w, r, on, refuseLimited)
		return
	}
	attempt, err := g.attempt(w, r)
	if err != nil {
		g.refuseSignIn(w, r, on, err)
		return
	}
	session, err := g.Login.WithPassword(r.Context(), attempt)
	if err != nil {
		g.refuseSignIn(w, r, on, err)
		return
	}
	signedIn(w, session)
	g.Note(r, on.pattern, "signed_in")
}

// isOwnPage keeps other sites from signing somebody in, also those that may
// frame the chat: a form post needs no permission of ours. Programs that send
// neither header are not browsers.
func (g *Gateway) isOwnPage(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origins := r.Header["Origin"]
	return len(origins) == 0 || len(origins) == 1 && origins[0] == g.origin
}

// signedIn answers with the account as Mattermost's web app expects it.
func signedIn(w http.ResponseWriter, s login.Session) {
	setSession(w.Header(), s)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(profile(s)) // the client is gone; nobody to tell
}

// setSession puts a new session in the place of one that may have ended on the same
// request.
func setSession(h http.Header, s login.Session) {
	cookie.KeepOut(h)
	cookie.SetSession(h, s.Token, s.User.ID, s.CSRF)
	if s.Device != "" {
		h.Add("Set-Cookie", (&http.Cookie{Name: cookie.Device, Value: s.Device}).String())
	}
}

// profile is Mattermost's own rendering, or the least that names the account.
func profile(s login.Session) any {
	if s.Profile != nil {
		return json.RawMessage(s.Profile)
	}
	return map[string]string{"id": s.User.ID, "username": s.User.Username, "email": string(s.User.Email)}
}

// attempt reads the request: leniently where Mattermost's clients differ, and
// not at all where two readers could see two accounts in it.
func (g *Gateway) attempt(w http.ResponseWriter, r *http.Request) (login.Attempt, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, loginBodyMost))
	if err != nil {
		return login.Attempt{}, &malformed{refusalOfBody(err)}
	}
	in, err := readCredentials(body)
	if err != nil {
		return login.Attempt{}, err
	}
	name, err := in.name()
	return login.Attempt{
		Name: name, Password: in.Password, Visit: login.Visit{
			Code: in.Code, Device: cookie.DeviceOf(r), Previous: cookie.TokenOf(r),
			Client: login.Client{Addr: g.ClientAddr(r), UserAgent: r.UserAgent()},
		},
	}, err
}

// Mattermost's own answers to a login (docs/mattermost.md A3, A4, A6). One stands
// for unknown, wrong, deactivated, locked and unverified alike.
var (
	refuseCredentials = refusal{
		ID:      "api.user.login.invalid_credentials_email_username",
		Message: "Enter a valid email or username and/or password.", Status: http.StatusUnauthorized,
	}
	refuseBlankPassword = refusal{
		ID:      "api.user.login.blank_pwd.app_error",
		Message: "Password field must not be blank", Status: http.StatusBadRequest,
	}
	refuseNoCode = refusal{
		ID:      "mfa.validate_token.authenticate.app_error",
		Message: "Invalid MFA token.", Status: http.StatusUnauthorized,
	}
	refuseWrongCode = refusal{
		ID:      "api.user.check_user_mfa.bad_code.app_error",
		Message: "Invalid MFA token.", Status: http.StatusUnauthorized,
	}
)

// refuseSignIn is the error table of a login through the gateway.
func (g *Gateway) refuseSignIn(w http.ResponseWriter, r *http.Request, on route, err error) {
	var (
		limited *login.Limited
		busy    *login.Busy
		invalid *login.Invalid
		shape   *malformed
		slow    *upstream.Throttled
	)
	switch {
	case isClientGone(r, err):
		g.abandon(w, r, on)
	case errors.As(err, &limited):
		g.RateLimit(w.Header(), limited.Decision)
		g.refuse(w, r, on, refuseLimited)
	case errors.As(err, &busy):
		w.Header().Set("Retry-After", seconds(busy.RetryAfter))
		g.refuse(w, r, on, refuseBusy)
	case errors.As(err, &slow):
		w.Header().Set("Retry-After", seconds(slow.RetryAfter))
		g.refuse(w, r, on, refuseBusy)
	case errors.As(err, &shape):
		g.refuse(w, r, on, shape.refusal)
	case errors.As(err, &invalid):
		g.refuse(w, r, on, refusalOf(invalid))
	case errors.Is(err, login.ErrMFARequired):
		g.refuse(w, r, on, refusalOfCode(err))
	case errors.Is(err, login.ErrRefused):
		g.refuse(w, r, on, refuseCredentials)
	default:
		g.refuse(w, r, on, refusalFor(err))
	}
}

func refusalOfCode(err error) refusal {
	var denied *login.Denied
	if errors.As(err, &denied) && denied.CodeWasWrong {
		return refuseWrongCode
	}
	return refuseNoCode
}

// refusalOf says what Mattermost says: a name or a password that no account can
// have are wrong credentials to it (A3, A13).
func refusalOf(invalid *login.Invalid) refusal {
	if invalid.Field == "mfa_code" {
		return refuseField("token")
	}
	return refuseCredentials
}
