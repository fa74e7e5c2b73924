//go:build !linux

package gateway

import "net"

// poller is Linux's alone; elsewhere each direction of a tunnel has a goroutine.
type poller struct{}

func newPoller() (*poller, error) { return &poller{}, nil }

func (*poller) run() {}

func (*poller) close() {}

func (*Gateway) source(c net.Conn) source { return &blocking{Conn: c} }
