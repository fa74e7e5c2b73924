// Package erp is the stand-in ERP of `matterpass demo`: one page with an order
// list and the chat beside it, on an origin of its own, and a switch between a
// few known people instead of a login. Its back end vouches for its users: the
// page gets a signed assertion about whoever is signed in, and no password.
//
// It imports nothing of ours: the page and the people are handed in.
package erp

import (
	"encoding/json"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// cookieName remembers the chosen person per browser. Its value is an e-mail
// address, not a secret: whoever sets it could as well use the switch.
const cookieName = "erp_user"

// maxBody is ample for {"email":"…"} with the longest address there is.
const maxBody = 1 << 10

// Person is somebody who may use the ERP, with an account in Mattermost.
type Person struct {
	Name  string
	Email string
}

// Options for New. The zero value serves nothing but errors.
type Options struct {
	ChatURL string   // how browsers reach Matterpass, e.g. "http://localhost:8080"
	Issuer  string   // what assertions say in iss
	Secret  string   // with which they are signed; Matterpass's JWT_SECRET
	People  []Person // the first one is signed in at the start
	Assets  fs.FS    // index.html, erp.css, erp.js
}

type server struct {
	chat           string
	issuer, secret string
	people         []Person
}

// New is the whole ERP: its page at /, GET and POST /erp/me, and POST
// /erp/assertion.
func New(o Options) http.Handler {
	s := &server{strings.TrimSuffix(o.ChatURL, "/"), o.Issuer, o.Secret, o.People}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /erp/me", s.me)
	mux.HandleFunc("POST /erp/me", s.switchTo)
	mux.HandleFunc("POST /erp/assertion", s.assertion)
	if o.Assets != nil {
		mux.Handle("GET /", http.FileServerFS(o.Assets))
	}
	guarded := http.NewCrossOriginProtection().Handler(mux)
	policy := contentSecurityPolicy(s.chat)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store") // a demo is looked at while it is changed
		guarded.ServeHTTP(w, r)
	})
}

// contentSecurityPolicy allows this origin and the chat's, nothing inline.
func contentSecurityPolicy(chatURL string) string {
	chat := ""
	if u, err := url.Parse(chatURL); err == nil && u.Host != "" {
		chat = " " + u.Scheme + "://" + u.Host
	}
	frames := chat
	if frames == "" {
		frames = " 'none'"
	}
	return "default-src 'none'; script-src 'self'" + chat + "; style-src 'self'; img-src 'self'" +
		"; connect-src 'self'" + chat + "; frame-src" + frames +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// person is what the page gets to know of somebody.
type person struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type me struct {
	Chat    string   `json:"chat"`
	User    person   `json:"user"`
	Subject string   `json:"subject"` // for the element
	People  []person `json:"people"`
}

func (s *server) me(w http.ResponseWriter, r *http.Request) {
	who, ok := s.current(r)
	if !ok {
		http.Error(w, "nobody works here", http.StatusNotFound)
		return
	}
	s.reply(w, who)
}

func (s *server) switchTo(w http.ResponseWriter, r *http.Request) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		http.Error(w, "send application/json", http.StatusUnsupportedMediaType)
		return
	}
	var in struct {
		Email string `json:"email"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		http.Error(w, `send {"email":"…"}`, http.StatusBadRequest)
		return
	}
	who, ok := s.find(in.Email)
	if !ok {
		http.Error(w, "no such person", http.StatusBadRequest)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: who.Email, Path: "/",
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
	s.reply(w, who)
}

// current is the person this browser chose, or the first one.
func (s *server) current(r *http.Request) (Person, bool) {
	if c, err := r.Cookie(cookieName); err == nil {
		if person, ok := s.find(c.Value); ok {
			return person, true
		}
	}
	if len(s.people) == 0 {
		return Person{}, false
	}
	return s.people[0], true
}

func (s *server) find(email string) (Person, bool) {
	for _, p := range s.people {
		if strings.EqualFold(p.Email, email) {
			return p, true
		}
	}
	return Person{}, false
}

func (s *server) reply(w http.ResponseWriter, p Person) {
	out := me{Chat: s.chat, User: person(p), Subject: hash(subject(p))}
	for _, other := range s.people {
		out.People = append(out.People, person(other))
	}
	write(w, out)
}

func write(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the page is gone: nobody to tell
}
