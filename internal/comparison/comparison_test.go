package comparison_test

import (
	"slices"
	"testing"
	"time"
)

// rounds of one second each; every round asks every proxy in turn, and the median
// counts, so that what else the machine does hits all of them.
const rounds = 5

// BenchmarkRequests compares small JSON answers and bodies of 64 KiB under 64
// clients, and small ones of which no two in a row have the same header. cpu is what
// the proxy alone spends on a request: less noisy than the rate, in which client and
// upstream have a share as well.
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
			b.ReportMetric(float64(small[i].cpu.Nanoseconds())/1e3, "cpu-µs/req")
			b.ReportMetric(changing[i].perSecond, "varied-req/s")
			b.ReportMetric(float64(changing[i].cpu.Nanoseconds())/1e3, "cpu-µs/varied-req")
			b.ReportMetric(large[i].perSecond*largeSize/1e6, "MB/s")
			b.ReportMetric(float64(large[i].cpu.Nanoseconds())/1e3, "cpu-µs/64KiB")
		})
	}
}

// inTurn is the median of each.
func inTurn(b *testing.B, running []*process, asked requests) []loaded {
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
	medians := make([]loaded, len(running))
	for i, of := range all {
		medians[i] = loaded{
			median(of, func(l loaded) float64 { return l.perSecond }),
			time.Duration(median(of, func(l loaded) float64 { return float64(l.cpu) })),
		}
	}
	return medians
}

func median(of []loaded, what func(loaded) float64) float64 {
	values := make([]float64, len(of))
	for i, l := range of {
		values[i] = what(l)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
