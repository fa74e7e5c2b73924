package mint

import (
	"context"
	"sync"
)

const (
	serverPin = "mint_server"
	// unnamed stands for a server that shows no id.
	unnamed = "unnamed"
)

// Server knows the id of the Mattermost server, as it was when it was first asked
// for: passwords are derived from it, so they must outlive a server that shows
// another one, or none. It is safe for concurrent use.
type Server struct {
	Ask  func(context.Context) (string, error) // "" where it shows none
	Pins Pins

	mu sync.Mutex
	id string
}

// ID answers the id.
func (s *Server) ID(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != "" {
		return s.id, nil
	}
	id, err := s.Pins.Pinned(ctx, serverPin)
	if err == nil && id == "" {
		id, err = s.first(ctx)
	}
	if err != nil {
		return "", err
	}
	s.id = id
	return id, nil
}

func (s *Server) first(ctx context.Context) (string, error) {
	id, err := s.Ask(ctx)
	if err != nil {
		return "", err
	}
	if id == "" {
		id = unnamed
	}
	return s.Pins.Pin(ctx, serverPin, id)
}
