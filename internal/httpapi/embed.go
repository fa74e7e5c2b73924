package httpapi

import (
	"bytes"
	"html/template"
	"net/http"
	"strings"

	"matterpass/internal/cookie"
	"matterpass/internal/oidc"
)

// shellPath is the page around Mattermost; its files lie below it.
const shellPath = "/embed"

// apiPath is above everything that a browser calls here.
const apiPath = "/api/mattermost"

// shellConfig is what the page is told. Everybody may read it.
type shellConfig struct {
	Origins []string `json:"origins"` // whose messages it takes
	Chat    string   `json:"chat"`    // what its child frame loads
	Team    string   `json:"team"`

	OIDC []oidc.Provider `json:"oidc,omitempty"` // the person may choose one
}

// shell serves the page that signs in and holds Mattermost in a frame of its own
// origin.
func (a *API) shell() handler {
	if a.Shell == nil {
		return func(http.ResponseWriter, *http.Request) error { return errNotFound }
	}
	page, err := a.renderShell()
	policy := a.shellPolicy()
	return func(w http.ResponseWriter, r *http.Request) error {
		if err != nil {
			return err
		}
		if a.Arrive != nil {
			w = a.Arrive(w, r)
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policy)
		forget(w, r)
		_, _ = w.Write(page) // the client may have left; nothing to do about it
		return nil
	}
}

func (a *API) renderShell() ([]byte, error) {
	page, err := template.ParseFS(a.Shell, "index.html")
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = page.Execute(&text, shellConfig{append([]string{}, a.AllowedOrigins...), a.ChatURL, a.Team, a.OIDC.list()})
	return text.Bytes(), err
}

// shellPolicy names the shell's own folder as the place of scripts: 'self' would
// let in whatever is uploaded to Mattermost on the same origin.
func (a *API) shellPolicy() string {
	folder := a.ChatOrigin + shellPath + "/"
	return strings.Join([]string{
		"default-src 'none'", "script-src " + folder, "style-src " + folder, "img-src 'self'",
		// Not every browser takes 'self' for the WebSocket of the same host.
		"connect-src 'self' ws" + strings.TrimPrefix(a.ChatOrigin, "http"),
		"frame-src 'self' " + originOf(a.ChatURL),
		"frame-ancestors " + strings.Join(append([]string{"'self'"}, a.AllowedOrigins...), " "),
		"base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
	}, "; ")
}

// originOf cuts an address that is known to be one.
func originOf(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// shellFile serves what the page loads. Modules of two versions do not fit
// together, so each is asked for again.
func (a *API) shellFile(name string) handler {
	return file(a.Shell, name, func(h http.Header) { h.Set("Cache-Control", "no-cache") })
}

// forgetSeconds is ample for the navigation that follows, and for the sign-in
// after that.
const forgetSeconds = 60

// forgetNext marks this browser: the next answer of the shell clears what
// Mattermost stored there, the former person's drafts among it.
func forgetNext(w http.ResponseWriter) { mark(w, cookie.Forget, shellPath, forgetSeconds) }

// forget clears a marked browser. It has to be the answer of a navigation: on
// that of a fetch the header does nothing (docs/webapp.md G3). The mark, and not
// the address, decides: no other page can make somebody lose their drafts.
func forget(w http.ResponseWriter, r *http.Request) {
	if _, err := r.Cookie(cookie.Forget); err != nil {
		return
	}
	w.Header().Set("Clear-Site-Data", `"storage"`)
	mark(w, cookie.Forget, shellPath, -1)
	mark(w, cookie.Forgotten, apiPath, forgetSeconds)
}

// forgotten reports, once, that the browser was cleared for the person who comes
// now.
func forgotten(w http.ResponseWriter, r *http.Request) bool {
	_, err := r.Cookie(cookie.Forgotten)
	if err == nil {
		mark(w, cookie.Forgotten, apiPath, -1)
	}
	return err == nil
}

func mark(w http.ResponseWriter, name, path string, seconds int) {
	c := &http.Cookie{Name: name, Path: path, MaxAge: seconds, HttpOnly: true}
	if seconds > 0 {
		c.Value = "1"
	}
	http.SetCookie(w, c)
}
