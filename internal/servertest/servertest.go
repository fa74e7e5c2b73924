// Package servertest runs the servers that several instances share, PostgreSQL
// and Redis: each of a test's own, on a loopback port of its own, to be killed,
// stopped and restarted at will, and gone with the test.
//
// It is for tests only: no other file may import it, and it knows nothing of
// the program.
package servertest

import (
	"net"
	"os"
	"testing"
)

// Missing skips where people develop, and fails where everything is to be tested.
func Missing(t testing.TB, what string, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip("no ", what, " here: ", err)
}

// FreePort is one that nobody listened on a moment ago.
func FreePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // a machine without a loopback interface
	}
	defer l.Close() //nolint:errcheck // nothing was accepted
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
