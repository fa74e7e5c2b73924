// Package servertest runs the servers that several instances share, PostgreSQL
// and Redis: each of a test's own, on a port of its own, to be killed,
// stopped and restarted at will, and gone with the test.
//
// It is for tests only: no other file may import it, and it knows nothing of
// the program.
package servertest

import (
	"fmt"
	"net"
	"os"
	"runtime"
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

// Host is an address of this machine's own, which no other process listens on or
// calls from: a port there that is free stays so until it is taken, and while a
// server is down nobody else answers in its place. Only Linux has such addresses
// without being asked.
func Host() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	pid := os.Getpid() // of at most 22 bits
	return fmt.Sprintf("127.%d.%d.%d", 64+pid>>16&63, pid>>8&255, pid&255)
}

// FreePort is one of Host that nobody listens on.
func FreePort() string {
	l, err := net.Listen("tcp", net.JoinHostPort(Host(), "0"))
	if err != nil {
		panic(err) // a machine without a loopback interface
	}
	defer l.Close() //nolint:errcheck // nothing was accepted
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// FreeAddr is Host with such a port.
func FreeAddr() string { return net.JoinHostPort(Host(), FreePort()) }
