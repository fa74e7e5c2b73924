package httpapi

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"matterpass/internal/oidc"
)

// outcome is what the page is told of a sign-in that does not end in chat by
// itself.
type outcome struct {
	Mode      string `json:"mode,omitempty"`
	Handle    string `json:"handle,omitempty"`
	Ticket    string `json:"ticket,omitempty"` // one-time; in no address
	Code      string `json:"code,omitempty"`   // of the problem
	Sentence  string `json:"sentence,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// OutcomePage is the page on which such a sign-in ends.
type OutcomePage struct {
	files  fs.FS
	page   *template.Template
	policy string
}

// NewOutcomePage reads the page (web.OIDC) for a chat origin.
func NewOutcomePage(files fs.FS, chatOrigin string) (OutcomePage, error) {
	page, err := template.ParseFS(files, "index.html")
	if err != nil {
		return OutcomePage{}, fmt.Errorf("page of identity providers: %w", err)
	}
	folder := chatOrigin + "/auth/oidc/"
	return OutcomePage{files, page, strings.Join([]string{
		"default-src 'none'", "script-src " + folder, "style-src " + folder, "frame-ancestors 'none'",
		"base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
	}, "; ")}, nil
}

// send writes the page. It must not cut the tie to the window that opened it:
// no Cross-Origin-Opener-Policy.
func (p OutcomePage) send(w http.ResponseWriter, status int, what outcome) error {
	var text bytes.Buffer
	if err := p.page.Execute(&text, what); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the client may have left; nothing to do about it
	return nil
}

func (a *API) oidcFile(name string) handler {
	return file(a.OIDC.Outcome.files, name, func(h http.Header) { h.Set("Cache-Control", "no-cache") })
}

var _ IdentityProviders = (*oidc.RelyingParty)(nil)
