package simulator

import (
	"net/http"

	"github.com/mattermost/mattermost/server/public/model"
)

// Install lets the server run another plugin.
func (s *Server) Install(id string, plugin http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plugins[id] = plugin
}

// CreateSession is what plugins call.
func (s *Server) CreateSession(wanted *model.Session) (*model.Session, *model.AppError) {
	return (&pluginAPI{s: s}).CreateSession(wanted)
}
