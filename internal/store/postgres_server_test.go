package store

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"matterpass/internal/servertest"
)

// shared is the server of all tests that do nothing to it.
var shared struct {
	once sync.Once
	srv  *servertest.Postgres
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
		shared.srv.Close()
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
	shared.once.Do(func() { shared.srv, shared.err = servertest.NewPostgres(servertest.PostgresOptions{}) })
	if shared.err != nil {
		servertest.Missing(t, "PostgreSQL", shared.err)
	}
	shared.mu.Lock()
	shared.n++
	name := fmt.Sprintf("db%d", shared.n)
	shared.mu.Unlock()
	shared.srv.Exec(t, "postgres", "CREATE DATABASE "+name)
	return shared.srv.Address(name)
}

// ownServer is one that the test may do anything to. It takes a while to make:
// such tests run beside others.
func ownServer(t *testing.T, maxConns int) *servertest.Postgres {
	t.Helper()
	t.Parallel()
	return servertest.StartPostgres(t, servertest.PostgresOptions{MaxConns: maxConns})
}
