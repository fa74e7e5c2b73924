//go:build !unix

package gateway

import "net"

const canBeQuiet = false

func watchQuiet(net.Conn) func() bool { return func() bool { return false } }
