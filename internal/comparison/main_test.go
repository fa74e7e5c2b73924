package comparison_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"testing"
)

// role makes the test binary one of the processes that a benchmark needs; of
// names the address behind it.
const (
	role = "COMPARISON_ROLE"
	of   = "COMPARISON_OF"
)

func TestMain(m *testing.M) {
	serve, isChild := map[string]func(net.Listener, string){
		"upstream": func(l net.Listener, _ string) { serveUpstream(l) },
		"standard": serveStandard,
	}[os.Getenv(role)]
	if !isChild {
		os.Exit(m.Run())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go serve(l, os.Getenv(of))
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // ends with the parent
}
