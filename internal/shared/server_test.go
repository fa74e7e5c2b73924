package shared

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"matterpass/internal/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a Redis of the test's own.
type server struct {
	*servertest.Redis
	t *testing.T
}

func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	return &server{servertest.StartRedis(t, args...), t}
}

// changes collects what was told of comings and goings.
type changes struct {
	mu   sync.Mutex
	list []string
}

func (c *changes) note(away string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, away)
}

func (c *changes) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.list...)
}

// client opens the server with a budget that a busy machine keeps.
func (s *server) client(o Options) *Redis {
	s.t.Helper()
	if o.URL == "" {
		o.URL = "redis://" + s.Addr() + "/1"
	}
	if o.Budget == 0 {
		o.Budget = time.Second
	}
	o.Secret = []byte("secret")
	r, err := Open(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { r.Close() })
	return r
}
