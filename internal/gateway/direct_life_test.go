package gateway

import (
	"net"
	"testing"
	"time"
)

// TestAConnectionIsNotUsedForEver: one that is always busy would never be given up,
// and a new address of Mattermost's never noticed.
func TestAConnectionIsNotUsedForEver(t *testing.T) {
	s := newShelf(2, time.Minute)
	for age, kept := range map[time.Duration]bool{time.Minute: true, wireLife + time.Second: false} {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		c := newWire(ours)
		c.made = time.Now().Add(-age)
		s.put(c)
		if got := s.pop(); (got == c) != kept {
			t.Errorf("after %s: kept %t", age, got == c)
		}
		_ = c.Close()
	}
}
