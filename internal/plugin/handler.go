package plugin

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"matterpass/internal/companion"
)

// question is an authentic request.
type question struct {
	*settings // as they were when it came
	companion.Envelope
	body []byte
}

// reply is what goes back: a status, something for the body, and the session that
// would be nobody's if it could not be delivered.
type reply struct {
	status    int
	body      any
	sessionID string
}

// ServeHTTP answers Matterpass. Everybody else gets a status without a body.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	settings := s.current.Load()
	method, answer := s.route(r.URL.Path)
	switch {
	case settings.keys.Empty() || answer == nil:
		w.WriteHeader(http.StatusNotFound)
		return
	case r.Method != method:
		w.Header().Set("Allow", method)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	q, err := authentic(settings, r)
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.send(w, q, answer(q))
}

func (s *Service) route(path string) (method string, answer func(question) reply) {
	switch path {
	case companion.RouteMint:
		return http.MethodPost, s.mint
	case companion.RoutePing:
		return http.MethodGet, s.ping
	default:
		return "", nil
	}
}

// authentic reads a request and checks its MAC, before anything in it is parsed.
func authentic(settings *settings, r *http.Request) (question, error) {
	headers := r.Header.Values(companion.Header)
	if len(headers) != 1 {
		return question{}, companion.ErrMAC
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, companion.BodyMost+1))
	if err != nil || len(body) > companion.BodyMost {
		return question{}, companion.ErrMAC
	}
	envelope, err := settings.keys.Open(headers[0], r.Method, r.URL.Path, body)
	return question{settings, envelope, body}, err
}

// id is the server's own, which a plugin that starts early may not get at once.
func (s *Service) id(q question) string {
	return cmp.Or(q.serverID, s.server.GetDiagnosticId())
}

// ping tells the server's id and the time. It changes nothing, so it may be late
// and come twice: that is how clocks that differ are found out.
func (s *Service) ping(q question) reply {
	return reply{status: http.StatusOK, body: companion.Pong{
		Version: s.version, ServerID: s.id(q), Now: s.now().UnixMilli(),
	}}
}

// send signs the reply. A session whose answer did not get away is ended.
func (s *Service) send(w http.ResponseWriter, q question, out reply) {
	body, err1 := json.Marshal(out.body)
	header, err2 := q.keys.SealAnswer(q.Envelope, out.status, body)
	if err := errors.Join(err1, err2); err != nil {
		s.disown(out.sessionID, "signing the answer")
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set(companion.Header, header)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(out.status)
	if _, err := w.Write(body); err != nil {
		s.disown(out.sessionID, "sending the answer")
	}
}

// disown ends a session that nobody will hold the token of.
func (s *Service) disown(sessionID, why string) {
	if sessionID == "" {
		return
	}
	if err := s.server.RevokeSession(sessionID); err != nil {
		s.server.LogError("A session could not be ended", "session_id", sessionID, "after", why, "error", err.Id)
		return
	}
	s.server.LogWarn("A session was ended", "session_id", sessionID, "after", why)
}
