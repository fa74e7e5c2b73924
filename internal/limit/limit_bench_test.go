package limit

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

const million = 1_000_000

// BenchmarkBare is the yardstick: one rate.Limiter, always in the cache.
func BenchmarkBare(b *testing.B) {
	lim := rate.NewLimiter(1200.0/60, 1200)
	for b.Loop() {
		lim.Allow()
	}
}

// BenchmarkBareMillion shows which share of the difference is memory: a
// million rate.Limiters picked at random, with nothing to look up.
func BenchmarkBareMillion(b *testing.B) {
	limiters := make([]*rate.Limiter, million)
	for i := range limiters {
		limiters[i] = rate.NewLimiter(1200.0/60, 1200)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		limiters[rng.Uint32N(million)].Allow()
	}
}

// BenchmarkAllowMillion decides for random keys out of a million known ones.
func BenchmarkAllowMillion(b *testing.B) {
	keys := randomKeys(million)
	before := heap()
	l := New(Options{Tokens: 1200, Per: time.Minute, Capacity: million + million/8})
	for _, i := range rand.Perm(million) { // buckets lie in another order than the keys
		l.Allow(keys[i], keys[i])
	}
	perKey := float64(heap()-before) / million
	if l.Len() != million {
		b.Fatalf("%d buckets, want %d", l.Len(), million)
	}
	n := 0
	for b.Loop() {
		l.Allow(keys[n], keys[n])
		if n++; n == million {
			n = 0
		}
	}
	b.ReportMetric(perKey, "B/key")
}

// BenchmarkAllowFlood is the worst case: a new key each time, all in debt.
func BenchmarkAllowFlood(b *testing.B) {
	keys := randomKeys(million)
	l := New(Options{Tokens: 1, Per: time.Hour})
	for _, k := range keys {
		l.Allow(k, k)
	}
	var fresh Key
	n := uint64(0)
	for b.Loop() {
		n++
		binary.LittleEndian.PutUint64(fresh[:], n)
		l.Allow(fresh, keys[0])
	}
}

func BenchmarkKey(b *testing.B) {
	h := NewHasher([]byte("a secret of thirty-two bytes....."))
	b.ReportAllocs()
	for b.Loop() {
		h.Key("login", "dana@erp.test")
	}
}

func randomKeys(n int) []Key {
	rng := rand.New(rand.NewPCG(3, 4))
	keys := make([]Key, n)
	for i := range keys {
		binary.LittleEndian.PutUint64(keys[i][:8], rng.Uint64())
		binary.LittleEndian.PutUint64(keys[i][8:], rng.Uint64())
	}
	return keys
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
