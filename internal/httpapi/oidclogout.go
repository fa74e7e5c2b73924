package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"matterpass/internal/login"
	"matterpass/internal/middleware"
	"matterpass/internal/oidc"
)

// backchannelLogout ends sessions on an identity provider's word, Back-Channel
// Logout 1.0 section 2.8: 200 or 400, and nothing that a cache may keep.
func (a *API) backchannelLogout(w http.ResponseWriter, r *http.Request) error {
	if a.OIDC.Providers == nil {
		return errNotFound
	}
	token, err := logoutToken(r)
	if err != nil {
		return a.strangersLogout(w, r, err)
	}
	logout, err := a.OIDC.Providers.BackchannelLogout(r.Context(), token)
	if err != nil {
		return a.strangersLogout(w, r, err)
	}
	if err := a.OIDC.Logout(r.Context(), logout); err != nil {
		return a.logoutFailed(w, r, err)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

// logoutToken reads the form by hand: Request.PostForm would also take what is
// said in the address.
func logoutToken(r *http.Request) (string, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return "", &login.Invalid{Field: "Content-Type", Want: "must be application/x-www-form-urlencoded"}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", bodyError(err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["logout_token"]) != 1 {
		return "", &login.Invalid{Field: "logout_token", Want: "must be sent once"}
	}
	return form.Get("logout_token"), nil
}

// strangersLogout counts what anybody can send. A provider that signs out everybody
// sends thousands of good ones.
func (a *API) strangersLogout(w http.ResponseWriter, r *http.Request, err error) error {
	if a.ClientLimiter == nil {
		return a.logoutFailed(w, r, err)
	}
	decision := a.ClientLimiter.Allow(r)
	middleware.SetRateLimit(w.Header(), "client", decision)
	if !decision.OK {
		return errClientLimited
	}
	return a.logoutFailed(w, r, err)
}

// logoutFailed answers in the words of RFC 6749 section 5.2. The status is 400
// whatever failed: that is the one by which providers know.
func (a *API) logoutFailed(w http.ResponseWriter, r *http.Request, err error) error {
	p := problemOf(err)
	record := middleware.RecordOf(r.Context())
	record.Code, record.Err = p.Code, err
	word := "invalid_request"
	if errors.Is(err, oidc.ErrUnavailable) || errors.Is(err, login.ErrStoreUnavailable) {
		word = "temporarily_unavailable"
	}
	return reply(w, http.StatusBadRequest, map[string]string{"error": word})
}
