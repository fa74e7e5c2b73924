package comparison_test

import (
	"slices"
	"testing"
	"time"
)

// rounds of one second each; every round asks every proxy in turn, and the median
// counts, so that what else the machine does hits all of them.
const rounds = 7

// BenchmarkRequests compares small JSON answers and bodies of 64 KiB under 64
// clients, and small ones of which no two in a row have the same header. cpu is what
// the proxy alone spends on a request: less noisy than the rate, in which client and
// upstream have a share as well. ours is Matterpass's rate in multiples of the row's, of
// the same round: what else the machine does changes from one to the next.
func BenchmarkRequests(b *testing.B) {
	upstream := startSelf(b, "upstream", "").addr
	rows := proxies(b)
	running := make([]*process, len(rows))
	for i, row := range rows {
		running[i] = row.start(b, upstream)
	}
	small := inTurn(b, running, same(smallPath))
	changing := inTurn(b, running, varied(smallPath))
	large := inTurn(b, running, same(largePath))
	for i, row := range rows {
		b.Run(row.name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(small[i].perSecond, "req/s")
			b.ReportMetric(small[i].ours, "ours/req")
			b.ReportMetric(float64(small[i].cpu.Nanoseconds())/1e3, "cpu-µs/req")
			b.ReportMetric(changing[i].perSecond, "varied-req/s")
			b.ReportMetric(changing[i].ours, "ours/varied-req")
			b.ReportMetric(float64(changing[i].cpu.Nanoseconds())/1e3, "cpu-µs/varied-req")
			b.ReportMetric(large[i].perSecond*largeSize/1e6, "MB/s")
			b.ReportMetric(float64(large[i].cpu.Nanoseconds())/1e3, "cpu-µs/64KiB")
		})
	}
}

// measured is the median of a row's rounds.
type measured struct {
	loaded
	ours float64
}

func inTurn(b *testing.B, running []*process, asked requests) []measured {
	b.Helper()
	all := make([][]loaded, len(running))
	for round := range rounds + 1 {
		for i, p := range running {
			got := load(b, p, asked, time.Second)
			if round > 0 { // the first one warms up
				all[i] = append(all[i], got)
			}
		}
	}
	medians := make([]measured, len(running))
	for i, of := range all {
		medians[i].perSecond = median(func(round int) float64 { return of[round].perSecond })
		medians[i].cpu = time.Duration(median(func(round int) float64 { return float64(of[round].cpu) }))
		medians[i].ours = median(func(round int) float64 { return all[ourRow][round].perSecond / of[round].perSecond })
	}
	return medians
}

func median(of func(round int) float64) float64 {
	values := make([]float64, rounds)
	for round := range rounds {
		values[round] = of(round)
	}
	slices.Sort(values)
	return values[rounds/2]
}
