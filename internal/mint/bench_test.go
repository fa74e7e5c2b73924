//go:build unix

package mint_test

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"matterpass/internal/simulator"
)

// mattermostHash is what Mattermost's password check costs, one at a time
// (docs/mattermost.md I1, I2).
const mattermostHash = 170 * time.Millisecond

// BenchmarkSignIn compares managed sign-ins with the same password typed: at
// Mattermost's price, and free of it, where only our own work is left. The price
// is slept, so that cpu-µs/op is what everybody but the hash costs, the
// simulator included.
func BenchmarkSignIn(b *testing.B) {
	for name, price := range map[string]time.Duration{"priced": mattermostHash, "free": 0} {
		for flights, inFlight := range map[string]int{"alone": 1, "8 in flight": 8} {
			s, c, m, w := simulated(b, simulator.Options{HashTime: price})
			x := minting(b, s, c, simulator.DanaEmail)
			b.Run(name+"/"+flights+"/password", func(b *testing.B) {
				signInAll(b, inFlight, func() error {
					_, err := c.SignIn(b.Context(), simulator.DemoEmail, s.Password(), "", x.Client)
					return err
				})
			})
			if _, err := m.Mint(b.Context(), x); err != nil { // adopted
				b.Fatal(err)
			}
			b.Run(name+"/"+flights+"/managed", func(b *testing.B) {
				signInAll(b, inFlight, func() error {
					_, err := m.Mint(b.Context(), x)
					return err
				})
			})
			if told := w.told(); told != "adopted" {
				b.Fatal(told)
			}
		}
	}
}

// BenchmarkAdoption is the first sign-in to an account.
func BenchmarkAdoption(b *testing.B) {
	s, c, m, w := simulated(b, simulator.Options{HashTime: mattermostHash})
	x := minting(b, s, c, simulator.DemoEmail)
	for b.Loop() {
		w.kept.Kid = ""
		if _, err := m.Mint(b.Context(), x); err != nil {
			b.Fatal(err)
		}
	}
}

// signInAll calls signIn b.N times by inFlight callers.
func signInAll(b *testing.B, inFlight int, signIn func() error) {
	var work sync.WaitGroup
	next := make(chan struct{})
	before := processorTime(b)
	b.ResetTimer()
	for range inFlight {
		work.Go(func() {
			for range next {
				if err := signIn(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range b.N {
		next <- struct{}{}
	}
	close(next)
	work.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sign-ins/s")
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
