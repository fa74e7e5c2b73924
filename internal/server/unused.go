package server

import (
	"net"
	"net/http"
	"sync"
)

// unused keeps the connections on which nothing was ever asked. Browsers open
// some in advance; Shutdown would wait five seconds for each, in case a request
// is on its way.
type unused struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// watch is an http.Server's ConnState.
func (u *unused) watch(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state == http.StateNew {
		u.conns[c] = struct{}{}
	} else {
		delete(u.conns, c)
	}
}

// close ends them; a client that was about to ask takes it for an idle
// connection that timed out, and asks again on another.
func (u *unused) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		_ = c.Close() // nobody uses it
	}
}
