package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// spent are the answers to a proof that is used up, and unknown those of an
// instance that cannot find out.
var (
	spent   = map[string]bool{"assertion_spent": true, "ticket_spent": true}
	unknown = map[string]bool{"store_unavailable": true, "mint_unavailable": true}
)

// TestAProofOpensChatOnceOverThreeInstances has a hundred browsers use the same
// ticket or assertion at once over three processes, while something goes wrong,
// and more of them when it has. Whatever happens there is at most one success,
// and every session that was made is in an answer.
func TestAProofOpensChatOnceOverThreeInstances(t *testing.T) {
	c := startCluster(t, map[string]string{"RATE_LIMIT_CLIENT": "100000/1s", "RATE_LIMIT_IDENTITY": "100000/1s"})
	faults := []struct {
		name    string
		befall  func()
		recover func()
		lossy   bool // whether the one was used may be beyond finding out
	}{
		{name: "nothing happens", befall: func() {}},
		{name: "Redis is emptied", befall: func() { c.redis.Do("FLUSHALL") }},
		{name: "Redis stops", befall: func() { c.redis.Signal(syscall.SIGSTOP) }, recover: func() { c.redis.Signal(syscall.SIGCONT) }},
		{name: "Redis restarts", befall: func() { c.redis.Kill(); c.redis.Start() }},
		{name: "Redis dies", befall: c.redis.Kill, recover: c.redis.Start},
		{name: "PostgreSQL restarts", befall: c.restartPostgres, lossy: true},
	}
	for _, fault := range faults {
		for _, proof := range c.proofs() {
			t.Run(proof.name+"/"+fault.name, func(t *testing.T) {
				email, use := proof.make(t)
				begun := use(c.nodes[0], "not for here") // warms up; refused before anything is spent
				_ = begun
				won := c.race(t, 100, use, fault.befall)
				won += c.race(t, 30, use, nil)
				if fault.recover != nil {
					fault.recover()
				}
				won += c.race(t, 30, use, nil)
				if won > 1 || won == 0 && !fault.lossy {
					t.Errorf("%d successes", won)
				}
				if sessions := c.mm.Sessions(email); sessions != won {
					t.Errorf("%d sessions, %d answers", sessions, won)
				}
			})
		}
	}
}
