package shared

import (
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a Redis of the test's own.
type server struct {
	t       *testing.T
	port    string
	process *exec.Cmd
	args    []string
}

func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("no Redis here: ", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	s := &server{t: t, port: port, args: args}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	args := append([]string{"--port", s.port, "--bind", "127.0.0.1", "--save", "", "--dir", s.t.TempDir(), "--loglevel", "warning"}, s.args...)
	s.process = exec.Command("redis-server", args...)
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	for range 200 {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+s.port); err == nil {
			conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatal("redis-server does not answer")
}

func (s *server) kill() {
	if s.process != nil {
		s.process.Process.Kill()
		s.process.Wait()
		s.process = nil
	}
}

func (s *server) signal(sig syscall.Signal) { s.process.Process.Signal(sig) }

// do speaks with the server as its operator does.
func (s *server) do(name string, args ...any) any {
	s.t.Helper()
	conn, err := redis.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	reply, err := conn.Do(name, args...)
	if err != nil {
		s.t.Fatal(name, err)
	}
	return reply
}

func (s *server) keys() []string {
	keys, _ := redis.Strings(s.do("KEYS", "*"), nil)
	return keys
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
		o.URL = "redis://127.0.0.1:" + s.port + "/1"
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
