package store

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// server is a PostgreSQL of the tests' own.
type server struct {
	dir, port string
	process   *exec.Cmd
	owner     *syscall.Credential
}

var shared struct {
	once sync.Once
	srv  *server
	err  error
	n    int
	mu   sync.Mutex
}

func TestMain(m *testing.M) {
	if job := os.Getenv("STORE_TEST_CHILD"); job != "" {
		os.Exit(child(job))
	}
	code := m.Run()
	if shared.srv != nil {
		shared.srv.kill()
		os.RemoveAll(filepath.Dir(shared.srv.dir))
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Println(err)
		code = 1
	}
	os.Exit(code)
}

// database makes an empty database on the server that all tests share.
func database(t *testing.T) string {
	t.Helper()
	shared.once.Do(func() { shared.srv, shared.err = newServer(0) })
	if shared.err != nil {
		missingTool(t, shared.err)
	}
	shared.mu.Lock()
	shared.n++
	name := fmt.Sprintf("db%d", shared.n)
	shared.mu.Unlock()
	shared.srv.run(t, "postgres", "CREATE DATABASE "+name)
	return shared.srv.address(name)
}

// missingTool skips where people develop, and fails where everything is to be tested.
func missingTool(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip("no PostgreSQL here: ", err)
}

// ownServer is one that the test may do anything to.
func ownServer(t *testing.T, maxConns int) *server {
	t.Helper()
	s, err := newServer(maxConns)
	if err != nil {
		missingTool(t, err)
	}
	t.Cleanup(func() {
		s.kill()
		os.RemoveAll(filepath.Dir(s.dir))
	})
	return s
}

func newServer(maxConns int) (*server, error) {
	base, err := os.MkdirTemp("", "matterpass-postgres-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: filepath.Join(base, "data"), port: freePort()}
	if os.Getuid() == 0 { // the server refuses to run as root
		if s.owner, err = unprivileged(base); err != nil {
			return nil, err
		}
	}
	initdb := s.command("initdb", "-D", s.dir, "-A", "trust", "-U", "matterpass", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if maxConns > 0 {
		settings := fmt.Sprintf("\nmax_connections = %d\nsuperuser_reserved_connections = 0\n", maxConns)
		if err := appendTo(filepath.Join(s.dir, "postgresql.conf"), settings); err != nil {
			return nil, err
		}
	}
	return s, s.start()
}

func unprivileged(dir string) (*syscall.Credential, error) {
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}

func appendTo(name, text string) error {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(text)
	return err
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	path, err := exec.LookPath(name)
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
		if len(found) > 0 {
			path = found[len(found)-1]
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = filepath.Dir(s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (s *server) start() error {
	s.process = s.command("postgres", "-D", s.dir, "-p", s.port, "-k", filepath.Dir(s.dir),
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_worker_processes=0", "-c", "shared_buffers=16MB")
	if err := s.process.Start(); err != nil {
		return err
	}
	for range 200 {
		if conn, err := pgx.Connect(context.Background(), s.address("postgres")); err == nil {
			return conn.Close(context.Background())
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the server on port %s does not answer", s.port)
}

// kill stops the server as a power cut does, with what it started.
func (s *server) kill() {
	if s.process != nil && s.process.Process != nil {
		s.process.Process.Signal(syscall.SIGQUIT) // immediate shutdown: no checkpoint, sessions cut
		s.process.Wait()
		s.process = nil
	}
}

func (s *server) address(name string) string {
	return "postgres://matterpass:hush-hush@127.0.0.1:" + s.port + "/" + name + "?sslmode=disable"
}

func (s *server) run(t *testing.T, name, statement string) {
	t.Helper()
	conn := s.connect(t, name)
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

func (s *server) connect(t *testing.T, name string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.address(name))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
