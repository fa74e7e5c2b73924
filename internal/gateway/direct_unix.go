//go:build unix

package gateway

import (
	"net"
	"syscall"
)

// canBeQuiet: this system tells whether something came without waiting for it.
const canBeQuiet = true

// watchQuiet returns a function that looks at the socket below conn. Under TLS a
// session ticket can be there, too: then a good connection is given up.
func watchQuiet(conn net.Conn) func() bool {
	for {
		below, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = below.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return func() bool { return false }
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return func() bool { return false }
	}
	var came error
	look := func(fd uintptr) {
		var one [1]byte
		_, came = syscall.Read(int(fd), one[:]) // the runtime's sockets do not block
	}
	return func() bool {
		return raw.Control(look) == nil && came == syscall.EAGAIN
	}
}
