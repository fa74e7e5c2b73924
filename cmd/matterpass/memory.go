package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// garbageMost is how much garbage may wait, in percent of what is in use: a few
	// megabytes, which under load Go would collect a hundred times a second by
	// default. GOGC wins.
	garbageMost = 400

	worthIt = 8 << 20 // bytes that were allocated since the last tidying
	quiet   = 1 << 20 // bytes allocated in a second in which there is little to do
)

// keepTidy gives back what the start needed, and what load has left behind as soon as
// it is over; Go alone would wait two minutes.
func keepTidy(ctx context.Context) {
	debug.FreeOSMemory()
	forgetProgram()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbageMost)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	for left := (leftovers{}); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		metrics.Read(allocated)
		if left.areDue(allocated[0].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}

// leftovers knows how much had been allocated, in bytes, a second ago and at the last tidying.
type leftovers struct{ before, tidied uint64 }

func (l *leftovers) areDue(allocated uint64) bool {
	due := allocated-l.before < quiet && allocated-l.tidied > worthIt
	l.before = allocated
	if due {
		l.tidied = allocated
	}
	return due
}
