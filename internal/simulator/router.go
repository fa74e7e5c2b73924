package simulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
)

// route is one API call. The first that matches wins, so literal paths stand before those with parameters.
type route struct {
	method  string
	path    []string // segments after /api/v4; "{name}" takes any segment that is not empty
	status  int      // of a good answer
	access  access
	handler handler
	payload int64 // bytes of a request's body; a longer one counts as none
}

type access int

const (
	signedIn  access = iota // a live session, else 401
	anonymous               // anybody; a bad token is overlooked
	admin                   // a live session of a system administrator, else 403
)

// call is one API request on its way through a handler, which runs with Server.mu held.
type call struct {
	*http.Request
	w       http.ResponseWriter
	params  map[string]string
	body    []byte // nil when there was none or it was too long
	session *session
	user    *person
}

// status is the answer of calls that have nothing to tell.
type status struct {
	Status string `json:"status"`
}

var done = status{"OK"}

// ServeHTTP answers as Mattermost does: a path that is not clean is redirected, the API and the static files have
// their own headers, and everything else is the chat page.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch clean := cleanPath(r.URL.Path); {
	case clean != r.URL.Path:
		s.redirect(w, r, clean)
	case clean == "/api/v4/websocket" && r.Method == http.MethodGet:
		s.serveSocket(w, r)
	case strings.HasPrefix(clean, "/api/v4/"):
		s.serveAPI(w, r)
	case strings.HasPrefix(clean, pluginsPath):
		s.servePlugin(w, r)
	case clean == "/robots.txt":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "User-agent: *\nDisallow: /\n")
	case strings.HasPrefix(clean, "/static/"):
		s.serveStatic(w, r)
	default:
		s.servePage(w, r)
	}
}

// cleanPath is the canonical path: one slash between segments, no dots, a trailing slash kept.
func cleanPath(p string) string {
	clean := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

func (s *Server) redirect(w http.ResponseWriter, r *http.Request, clean string) {
	target := *r.URL
	target.Scheme, target.Host, target.Path, target.RawPath = "", "", clean, ""
	w.Header().Set("Location", target.String())
	w.WriteHeader(http.StatusMovedPermanently)
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	if s.cors(w, r) {
		return
	}
	found, params := s.match(r)
	if found == nil {
		writeJSON(w, http.StatusNotFound, refuseUnknownPath(r.URL.Path))
		return
	}
	requestID := commonHeaders(w)
	w.Header().Add("Vary", "Accept-Encoding")
	if r.Method == http.MethodGet {
		w.Header().Set("Expires", "0")
	}
	c := &call{Request: r, w: w, params: params, body: readBody(w, r, found.payload)}
	answer, err := s.run(found, c)
	if sick, ok := errors.AsType[unhealthy](err); ok {
		writeJSON(w, http.StatusInternalServerError, sick)
		return
	}
	if err != nil {
		refused := asAppError(err)
		refused.RequestId = requestID
		writeJSON(w, refused.StatusCode, refused)
		return
	}
	s.reply(w, r, found.status, answer)
}

// reply sends a good answer; nil is one that the handler has sent.
func (s *Server) reply(w http.ResponseWriter, r *http.Request, status int, answer any) {
	etag := w.Header().Get("Etag")
	switch answer := answer.(type) {
	case nil:
	case *file:
		answer.serve(w, r)
	default:
		if r.Method == http.MethodGet && etag != "" && r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		writeJSON(w, status, answer)
	}
}

// run authenticates and calls the handler under the lock. The body has been read before: a client that sends
// slowly must not hold the lock.
func (s *Server) run(found *route, c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.authenticate(c, found.access); err != nil {
		return nil, err
	}
	if found.access == admin && !c.user.isAdmin() {
		return nil, refusePermission
	}
	answer, err := found.handler(c)
	if err != nil || answer == nil {
		return nil, err
	}
	return snapshot(answer)
}

// snapshot encodes an answer while the lock is still held: what it points to may change right after.
func snapshot(answer any) (any, error) {
	switch answer := answer.(type) {
	case json.RawMessage, *file:
		return answer, nil
	default:
		encoded, err := json.Marshal(answer)
		return json.RawMessage(encoded), err
	}
}

func (s *Server) match(r *http.Request) (*route, map[string]string) {
	segments := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/v4/"), "/")
	for i := range s.routes {
		if s.routes[i].method != r.Method {
			continue
		}
		if params, ok := s.routes[i].takes(segments); ok {
			return &s.routes[i], params
		}
	}
	return nil, nil
}

func (r route) takes(segments []string) (map[string]string, bool) {
	if len(segments) != len(r.path) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range r.path {
		name, isParameter := strings.CutPrefix(want, "{")
		switch {
		case isParameter && segments[i] != "":
			params[strings.TrimSuffix(name, "}")] = segments[i]
		case want != segments[i]:
			return nil, false
		}
	}
	return params, true
}

// commonHeaders sets what the API and the pages share, and returns the request's id (H1, H2, D4).
func commonHeaders(w http.ResponseWriter) (requestID string) {
	requestID = model.NewId()
	staticHeaders(w)
	w.Header().Set("X-Request-Id", requestID)
	w.Header().Set("X-Version-Id", versionID)
	return requestID
}

func staticHeaders(w http.ResponseWriter) {
	w.Header().Set("Permissions-Policy", "")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

func readBody(w http.ResponseWriter, r *http.Request, most int64) []byte {
	if r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		return nil
	}
	return body
}

func writeJSON(w http.ResponseWriter, code int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}

func asAppError(err error) *model.AppError {
	if f, ok := errors.AsType[refusal](err); ok {
		return f.err()
	}
	return refusal{"api.context.internal.app_error", err.Error(), http.StatusInternalServerError}.err()
}

// decode reads the body's JSON; parameter is the name that a refusal gives.
func decode[T any](c *call, parameter string) (T, error) {
	var v T
	if json.Unmarshal(c.body, &v) != nil {
		return v, refuseBody(parameter)
	}
	return v, nil
}
