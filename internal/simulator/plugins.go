package simulator

import (
	"net/http"
	"strings"

	"matterpass/internal/companion"
	"matterpass/internal/plugin"
)

const pluginsPath = "/plugins/"

// servePlugin hands a request to a plugin as Mattermost does: without the prefix and without what would let the
// plugin act as the caller. Plugins' answers get none of Mattermost's headers (F7).
func (s *Server) servePlugin(w http.ResponseWriter, r *http.Request) {
	id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, pluginsPath), "/")
	handler := s.pluginByID(id)
	if handler == nil {
		http.NotFound(w, r)
		return
	}
	inner := r.Clone(r.Context())
	inner.URL.Path, inner.URL.RawPath = strings.TrimPrefix(r.URL.Path, pluginsPath+id), ""
	for _, name := range []string{"Authorization", "Referer", "Cookie", headerUser} {
		inner.Header.Del(name)
	}
	for _, cookie := range r.Cookies() {
		if cookie.Name != cookieToken {
			inner.AddCookie(cookie)
		}
	}
	if userID := s.callerOf(r); userID != "" {
		inner.Header.Set(headerUser, userID)
	}
	handler.ServeHTTP(w, inner)
}

// headerUser tells a plugin who asks; nobody else may set it.
const headerUser = "Mattermost-User-Id"

// callerOf is whose session a request shows, if its origin is proven too.
func (s *Server) callerOf(r *http.Request) string {
	token, place := tokenOf(r)
	if token == "" {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.liveSession(token)
	if found == nil || place == inCookie && r.Method != http.MethodGet && !s.provesOrigin(r, found) {
		return ""
	}
	return found.UserId
}

// pluginByID returns nil where no such plugin runs. Mattermost tells plugins when a setting changes; here they look
// before every request.
func (s *Server) pluginByID(id string) http.Handler {
	s.mu.Lock()
	handler, installed := s.plugins[id], s.options.Plugin != ""
	s.mu.Unlock()
	ours, isOurs := handler.(*plugin.Service)
	if isOurs && (!installed || ours.Reload() != nil) {
		return nil
	}
	return handler
}

// SetPlugin changes the companion plugin's secrets, with commas between them; empty removes the plugin.
func (s *Server) SetPlugin(secrets string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Plugin = secrets
}

// installCompanion runs the very plugin that Mattermost runs.
func (s *Server) installCompanion() {
	s.plugins = map[string]http.Handler{companion.PluginID: plugin.New(&pluginAPI{s: s, stored: map[string]stored{}}, "simulator", s.now)}
}
