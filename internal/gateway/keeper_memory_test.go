package gateway

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func token(i int) string { return fmt.Sprintf("%026d", i) }

func TestMemoryForgetsTheOldestAndNeverGrows(t *testing.T) {
	const size = 100
	m := NewMemory(size)
	for i := range 10 * size {
		m.Saw(token(i))
		m.Saw(token(0)) // somebody who is always there
		if held := len(m.young) + len(m.old); held > size {
			t.Fatalf("%d tokens are held", held)
		}
	}
	for i, want := range map[int]bool{0: true, 10*size - 1: true, 10*size - size/2 + 2: true, 10*size - size - 1: false, 1: false, -1: false} {
		if m.Known(token(i)) != want {
			t.Errorf("token %d: known is %t", i, !want)
		}
	}
}

func TestMemoryKeepsNoTokenAndLittleElse(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := NewMemory(0)
	for i := range 2 * memorySize {
		m.Saw(token(i))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := float64(after.HeapAlloc-before.HeapAlloc) / memorySize; each > 100 {
		t.Errorf("%.0f bytes for each of %d tokens", each, memorySize)
	}
	if NewMemory(1).fingerprint("t") == m.fingerprint("t") {
		t.Error("two processes know a token by the same fingerprint")
	}
}

func TestMemoryIsSharedByAllRequests(t *testing.T) {
	m := NewMemory(50)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 100 {
				m.Saw(token(i*100 + j))
				_ = m.Known(token(j))
			}
		})
	}
	wg.Wait()
}

func TestATokenIsNewOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRecent()
		news := 0
		for range 60 { // five minutes, asked every five seconds
			for _, who := range []string{"a", "b"} {
				if c.isNew(who) {
					news++
				}
			}
			time.Sleep(5 * time.Second)
		}
		// The two may share a place, and then push each other out.
		if news != 10 && news != 120 {
			t.Errorf("%d times new", news)
		}
	})
}

// ordinary is what nearly every request brings to the keeper: a success without
// cookies.
func ordinary(seen Seen) (*exchange, *http.Response) {
	g := &Gateway{Options: Options{Seen: seen}, recent: newRecent()}
	r, _ := http.NewRequest(http.MethodGet, "/api/v4/users/me", nil)
	return &exchange{Gateway: g, r: r, said: &said{sent: carried{"frmcaanrninw9xks9d757kn96c", true}}},
		&http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}}
}

func TestTheKeeperCostsAnOrdinaryAnswerNothing(t *testing.T) {
	x, res := ordinary(NewMemory(0))
	x.keep(res)
	// A new minute costs a few, once.
	if got := testing.AllocsPerRun(1000, func() { x.keep(res) }); got > 0 {
		t.Errorf("%.1f allocations", got)
	}
}

func BenchmarkKeeper(b *testing.B) {
	b.Run("ordinary", func(b *testing.B) {
		x, res := ordinary(NewMemory(0))
		b.ReportAllocs()
		for b.Loop() {
			x.keep(res)
		}
	})
	b.Run("saw", func(b *testing.B) {
		m := NewMemory(0)
		b.ReportAllocs()
		for b.Loop() {
			m.Saw("frmcaanrninw9xks9d757kn96c")
		}
	})
}
