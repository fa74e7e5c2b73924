package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"
	"github.com/mattermost/mattermost/server/public/model"
)

// backlog is how many frames a socket may be behind before it is dropped: a reader that has stopped must not keep
// anybody else waiting, nor fill the memory.
const backlog = 256

// socket is one open WebSocket. Its fields are guarded by Server.mu, all but the queue.
type socket struct {
	id      string
	session *session // nil until authenticated
	next    int64    // number of the next event
	queue   chan []byte
	drop    context.CancelFunc
}

func (k *socket) send(frame any) {
	b, err := json.Marshal(frame)
	if err != nil {
		return
	}
	k.enqueue(b)
}

func (k *socket) sendEvent(e *event) {
	own := e.forPerson(k.session.UserId).SetSequence(k.next)
	k.next++
	if b, err := own.ToJSON(); err == nil {
		k.enqueue(b)
	}
}

func (k *socket) enqueue(frame []byte) {
	select {
	case k.queue <- frame:
	default:
		k.drop()
	}
}

// serveSocket upgrades, with the caller's token if it has one; without, the socket waits silently for a challenge
// (G1). Only the Origin can refuse the upgrade (G2).
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	if origin := r.Header.Get("Origin"); !s.acceptsOrigin(origin, r.Host) {
		refuseUpgrade(w, http.StatusForbidden, "URL Blocked because of CORS. Url: "+origin)
		return
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		refuseUpgrade(w, http.StatusBadRequest, "Failed to upgrade websocket connection.")
		return
	}
	if !s.begin() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer s.open.Done()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	s.attend(conn, r)
}

// begin counts a socket in, unless the server is closing.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.living.Err() != nil {
		return false
	}
	s.open.Add(1)
	return true
}

// refuseUpgrade answers in gorilla's two lines: the status text, then Mattermost's error.
func refuseUpgrade(w http.ResponseWriter, code int, message string) {
	id := commonHeaders(w)
	e := refusal{"api.web_socket.connect.upgrade.app_error", message, http.StatusBadRequest}.err()
	e.RequestId = id
	h := w.Header()
	h.Set("Vary", "Accept-Encoding")
	h.Set("Expires", "0")
	h.Set("Sec-Websocket-Version", "13")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, "%s\n%s", http.StatusText(code), asText(e))
}

func (s *Server) acceptsOrigin(origin, host string) bool {
	if origin == "" {
		return true
	}
	s.mu.Lock()
	service := s.settings.ServiceSettings
	s.mu.Unlock()
	if allowsOrigin(service.AllowCorsFrom, origin) {
		return true
	}
	asked, err := url.Parse(origin)
	if err != nil || asked.Host == "" {
		return false
	}
	if service.SiteURL == "" {
		return asked.Host == host
	}
	site, err := url.Parse(service.SiteURL)
	return err == nil && asked.Scheme == site.Scheme && asked.Host == site.Host
}

// attend serves a socket until either side leaves, the reader is too slow, or the server closes.
func (s *Server) attend(conn *websocket.Conn, r *http.Request) {
	ctx, drop := context.WithCancel(s.living)
	defer drop()
	k := &socket{id: model.NewId(), queue: make(chan []byte, backlog), drop: drop}
	token, _ := tokenOf(r)
	s.arrive(k, token)
	defer s.leave(k)

	s.open.Go(func() {
		defer drop()
		pump(ctx, conn, k.queue)
	})
	for {
		_, frame, err := conn.Read(ctx)
		if err != nil || !s.react(k, frame) {
			return
		}
	}
}

func pump(ctx context.Context, conn *websocket.Conn, queue <-chan []byte) {
	for {
		select {
		case <-ctx.Done():
			return
		case frame := <-queue:
			if conn.Write(ctx, websocket.MessageText, frame) != nil {
				return
			}
		}
	}
}

func (s *Server) arrive(k *socket, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets[k] = struct{}{}
	s.recogniseSocket(k, token)
}

func (s *Server) leave(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, k)
	if k.session == nil {
		return
	}
	for other := range s.sockets {
		if other.session != nil && other.session.UserId == k.session.UserId {
			return
		}
	}
	if p := s.people[k.session.UserId]; p != nil {
		s.setStatus(p, model.StatusOffline, false)
	}
}

// recogniseSocket greets k if token is a live session's.
func (s *Server) recogniseSocket(k *socket, token string) bool {
	found := s.liveSession(token)
	if token == "" || found == nil || s.isSwitchedOff(found) {
		return false
	}
	k.session = found
	k.sendEvent(newEvent(model.WebsocketEventHello, to{user: found.UserId}).
		with("server_version", versionID).
		with("connection_id", k.id).
		with("server_hostname", "simulator"))
	if p := s.people[found.UserId]; p != nil {
		s.setStatus(p, model.StatusOnline, false)
	}
	return true
}

// react answers one frame of the client; false ends the socket, as a bad challenge does (G1).
func (s *Server) react(k *socket, frame []byte) bool {
	var in model.WebSocketRequest
	if json.Unmarshal(frame, &in) != nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case in.Action == "":
		k.fail(in.Seq, "api.web_socket_router.no_action.app_error", "No websocket action.", http.StatusBadRequest)
	case in.Seq <= 0:
		k.fail(in.Seq, "api.web_socket_router.no_seq.app_error", "Invalid sequence for WebSocket message.", http.StatusBadRequest)
	case in.Action == string(model.WebsocketAuthenticationChallenge):
		return s.challenge(k, in)
	case k.session == nil || s.sessions[k.session.Token] != k.session:
		k.fail(in.Seq, "api.web_socket_router.not_authenticated.app_error",
			"WebSocket connection is not authenticated. Please log in and try again.", http.StatusUnauthorized)
	default:
		s.act(k, in)
	}
	return true
}

func (s *Server) challenge(k *socket, in model.WebSocketRequest) bool {
	token, _ := in.Data["token"].(string)
	if k.session != nil {
		return true
	}
	if !s.recogniseSocket(k, token) {
		return false
	}
	k.reply(in.Seq, nil)
	return true
}

func (s *Server) act(k *socket, in model.WebSocketRequest) {
	switch in.Action {
	case "ping":
		k.reply(in.Seq, map[string]any{"text": "pong", "version": version, "server_time": s.now().UnixMilli(), "node_id": ""})
	case "get_statuses":
		k.reply(in.Seq, s.statuses())
	case "user_typing":
		s.typing(k, in)
		k.reply(in.Seq, nil)
	default:
		k.fail(in.Seq, "api.web_socket_router.bad_action.app_error", "Unknown WebSocket action.", http.StatusInternalServerError)
	}
}

func (s *Server) statuses() map[string]any {
	online := map[string]any{}
	for id, p := range s.people {
		if p.status.Status != model.StatusOffline {
			online[id] = p.status.Status
		}
	}
	return online
}

func (s *Server) typing(k *socket, in model.WebSocketRequest) {
	channelID, _ := in.Data["channel_id"].(string)
	parent, _ := in.Data["parent_id"].(string)
	e := newEvent(model.WebsocketEventTyping, to{channel: channelID}).
		with("parent_id", parent).with("user_id", k.session.UserId)
	e.GetBroadcast().OmitConnectionId = k.id
	s.publish(e)
}

func (k *socket) reply(seq int64, data map[string]any) {
	k.send(model.WebSocketResponse{Status: model.StatusOk, SeqReply: seq, Data: data})
}

func (k *socket) fail(seq int64, id, message string, code int) {
	k.send(model.WebSocketResponse{Status: model.StatusFail, SeqReply: seq, Error: refusal{id, message, code}.err()})
}
