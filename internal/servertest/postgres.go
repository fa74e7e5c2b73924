package servertest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresOptions of [NewPostgres]. The zero value is a server with its defaults.
type PostgresOptions struct {
	MaxConns int  // no place is kept for superusers then; 0: the server's own default
	Sync     bool // commits wait for the disk, as they do where it matters; tests have no power cuts
}

// Postgres is a PostgreSQL server in a folder of its own.
type Postgres struct {
	dir, port string
	sync      bool
	process   *exec.Cmd
	owner     *syscall.Credential
}

// StartPostgres is a server that the test may do anything to, ended with it.
// Where there are no binaries the test is skipped, in CI it fails.
func StartPostgres(t testing.TB, o PostgresOptions) *Postgres {
	t.Helper()
	p, err := NewPostgres(o)
	if err != nil {
		Missing(t, "PostgreSQL", err)
	}
	t.Cleanup(p.Close)
	return p
}

// NewPostgres is for a server that several tests share: whoever makes it closes it.
func NewPostgres(o PostgresOptions) (*Postgres, error) {
	base, err := os.MkdirTemp("", "matterpass-postgres-")
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: filepath.Join(base, "data"), port: FreePort(), sync: o.Sync}
	if err := p.init(base, o); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Postgres) init(base string, o PostgresOptions) (err error) {
	if os.Getuid() == 0 { // the server refuses to run as root
		if p.owner, err = unprivileged(base); err != nil {
			return err
		}
	}
	initdb := p.command("initdb", "-D", p.dir, "-A", "trust", "-U", "matterpass", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if o.MaxConns > 0 {
		settings := fmt.Sprintf("\nmax_connections = %d\nsuperuser_reserved_connections = 0\n", o.MaxConns)
		if err := appendTo(filepath.Join(p.dir, "postgresql.conf"), settings); err != nil {
			return err
		}
	}
	return p.Start()
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

// command finds a binary also where Debian keeps it, beside the PATH.
func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	path := name
	if _, err := exec.LookPath(name); err != nil {
		if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
			path = found[len(found)-1]
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = filepath.Dir(p.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner}
	return cmd
}

// Start starts a server that was killed again, and waits until it answers.
func (p *Postgres) Start() error {
	fsync := "fsync=off"
	if p.sync {
		fsync = "fsync=on"
	}
	p.process = p.command("postgres", "-D", p.dir, "-p", p.port, "-k", filepath.Dir(p.dir),
		"-c", "listen_addresses="+Host(), "-c", fsync, "-c", "max_worker_processes=0", "-c", "shared_buffers=16MB")
	if err := p.process.Start(); err != nil {
		return err
	}
	for range 200 {
		if conn, err := pgx.Connect(context.Background(), p.Address("postgres")); err == nil {
			return conn.Close(context.Background())
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the server on port %s does not answer", p.port)
}

// Kill stops the server as a power cut does, with what it started. What it
// acknowledged is there after the next Start.
func (p *Postgres) Kill() {
	if p.process != nil && p.process.Process != nil {
		_ = p.process.Process.Signal(syscall.SIGQUIT) // immediate shutdown: no checkpoint, sessions cut
		_ = p.process.Wait()
		p.process = nil
	}
}

// Close kills the server and removes its folder.
func (p *Postgres) Close() {
	p.Kill()
	_ = os.RemoveAll(filepath.Dir(p.dir))
}

// Address names one of the server's databases, with a password in it: it must
// turn up nowhere.
func (p *Postgres) Address(database string) string {
	return "postgres://matterpass:hush-hush@" + net.JoinHostPort(Host(), p.port) + "/" + database + "?sslmode=disable"
}

// Exec makes one statement as an operator would.
func (p *Postgres) Exec(t testing.TB, database, statement string) {
	t.Helper()
	conn := p.Connect(t, database)
	defer conn.Close(context.Background()) //nolint:errcheck // the statement was answered
	if _, err := conn.Exec(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

// Connect is a connection beside the program's; the caller closes it.
func (p *Postgres) Connect(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), p.Address(database))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
