package httpapi

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"matterpass/internal/cookie"
	"matterpass/internal/doctor"
	"matterpass/internal/login"
	"matterpass/internal/middleware"
)

// navigation is what a browser said about the way it came to a page, by the
// words of the Fetch Metadata specification; "" for any other.
type navigation struct{ Site, Dest string }

func navigationOf(r *http.Request) navigation {
	return navigation{
		known(r.Header.Get("Sec-Fetch-Site"), "same-origin", "same-site", "cross-site", "none"),
		known(r.Header.Get("Sec-Fetch-Dest"), "document", "iframe", "frame", "embed", "object"),
	}
}

func known(word string, words ...string) string {
	if slices.Contains(words, word) {
		return word
	}
	return ""
}

// doctorPage serves the embed doctor. Only its own navigation shows how the
// browser relates it to the page around it, so the page is told with itself.
func (a *API) doctorPage() handler {
	if a.Doctor == nil {
		return func(http.ResponseWriter, *http.Request) error { return errNotFound }
	}
	page, err := template.ParseFS(a.Doctor, "index.html")
	return func(w http.ResponseWriter, r *http.Request) error {
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if err := page.Execute(&text, navigationOf(r)); err != nil {
			return err
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Vary", "Sec-Fetch-Site, Sec-Fetch-Dest")
		_, _ = w.Write(text.Bytes()) // the client may have left; nothing to do about it
		return nil
	}
}

// doctorFile serves what the page loads; to a frame without an origin as well,
// where the style sheet is all that speaks.
func (a *API) doctorFile(name string) handler {
	return file(a.Doctor, name, func(h http.Header) {
		h.Set("Cache-Control", "no-cache")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	})
}

// doctorReport is what the server sees of a browser: names, never values.
type doctorReport struct {
	Time       string        `json:"time"` // RFC 3339, UTC, with milliseconds
	Host       string        `json:"host"`
	Scheme     string        `json:"scheme"` // by which the cookies are shaped
	Production bool          `json:"production"`
	Gateway    bool          `json:"gateway"`
	Chat       string        `json:"chat"` // what the shell's frame loads
	Cookies    cookiesSeen   `json:"cookies"`
	Embedder   *embedderSeen `json:"embedder,omitempty"`
}

type cookiesSeen struct {
	Kind       string   `json:"kind"`       // the probe with the shape of the session's cookies
	Attributes string   `json:"attributes"` // of the cookies we set
	Session    []string `json:"session"`    // names of those that came
	Twins      bool     `json:"twins"`
}

type embedderSeen struct {
	Origin  string `json:"origin"`
	Allowed bool   `json:"allowed"` // in ALLOWED_ORIGINS
	Site    string `json:"site"`    // same-origin, same-site, cross-site
}

// report tells the doctor's page what the server sees of its browser, and what
// it thinks of the page that embeds it.
func (a *API) report(w http.ResponseWriter, r *http.Request) error {
	embedder, err := a.embedder(r.URL.Query().Get("embedder"))
	if err != nil {
		return err
	}
	scheme := "http"
	if middleware.Secure(r) {
		scheme = "https"
	}
	return reply(w, http.StatusOK, doctorReport{
		Time: time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		Host: r.Host, Scheme: scheme, Production: !a.Development, Gateway: a.Next != nil, Chat: a.ChatURL,
		Cookies: a.cookiesOf(r), Embedder: embedder,
	})
}

func (a *API) cookiesOf(r *http.Request) cookiesSeen {
	policy := a.Cookies(r)
	line := policy.Shape(http.Cookie{Name: "x"})
	seen := cookiesSeen{
		Kind: kindOf(policy), Attributes: strings.TrimPrefix(line.String(), "x=; "),
		Session: []string{}, Twins: cookie.Twins(r),
	}
	for _, name := range cookie.Session() {
		if len(r.CookiesNamed(name)) > 0 {
			seen.Session = append(seen.Session, name)
		}
	}
	return seen
}

func (a *API) embedder(origin string) (*embedderSeen, error) {
	if origin == "" {
		return nil, nil
	}
	page, err := url.Parse(origin)
	if err != nil || !slices.Contains([]string{"http", "https"}, page.Scheme) || page.Scheme+"://"+page.Host != origin {
		return nil, &login.Invalid{Field: "embedder", Want: "is not an origin such as https://erp.example.com"}
	}
	chat, err := url.Parse(a.ChatOrigin)
	if err != nil {
		return nil, err
	}
	return &embedderSeen{origin, slices.Contains(a.origins(), origin), doctor.Relation(page, chat)}, nil
}
