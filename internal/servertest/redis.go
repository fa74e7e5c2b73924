package servertest

import (
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Redis is a redis-server that keeps nothing on disk.
type Redis struct {
	t       testing.TB
	addr    string
	process *exec.Cmd
	args    []string
}

// StartRedis is a server that the test may do anything to, ended with it; args
// are settings as on its command line. Where there is no redis-server the test
// is skipped, in CI it fails.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		Missing(t, "Redis", err)
	}
	r := &Redis{t: t, addr: FreeAddr(), args: args}
	r.Start()
	t.Cleanup(r.Kill)
	return r
}

// Start starts a server that was killed again, empty, and waits until it listens.
func (r *Redis) Start() {
	r.t.Helper()
	host, port, _ := net.SplitHostPort(r.addr)
	args := append([]string{"--port", port, "--bind", host, "--save", "", "--dir", r.t.TempDir(), "--loglevel", "warning"}, r.args...)
	r.process = exec.Command("redis-server", args...)
	if err := r.process.Start(); err != nil {
		r.t.Fatal(err)
	}
	for range 200 {
		if conn, err := net.Dial("tcp", r.Addr()); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.t.Fatal("redis-server does not answer")
}

// Kill ends the server, stopped or not.
func (r *Redis) Kill() {
	if r.process != nil {
		_ = r.process.Process.Kill()
		_ = r.process.Wait()
		r.process = nil
	}
}

// Signal is for SIGSTOP, a server that takes connections and never answers, and
// SIGCONT.
func (r *Redis) Signal(sig syscall.Signal) { _ = r.process.Process.Signal(sig) }

// Addr is host and port.
func (r *Redis) Addr() string { return r.addr }

// Do speaks with the server as its operator does.
func (r *Redis) Do(name string, args ...any) any {
	r.t.Helper()
	conn, err := redis.Dial("tcp", r.Addr())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the command was answered
	reply, err := conn.Do(name, args...)
	if err != nil {
		r.t.Fatal(name, err)
	}
	return reply
}

// Keys are all that the server holds.
func (r *Redis) Keys() []string {
	keys, _ := redis.Strings(r.Do("KEYS", "*"), nil)
	return keys
}
