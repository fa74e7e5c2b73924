//go:build unix

package mattermost_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"matterpass/internal/companion"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/simulator"
)

// Mattermost's measured prices (docs/mattermost.md I1, I2, I2b).
const (
	hashTime = 170 * time.Millisecond
	mintTime = 4 * time.Millisecond
	inFlight = 8
)

// BenchmarkSignInsPerSecond signs in by password and by the plugin in turn, with
// Mattermost's own prices, eight at a time, and compares. The processor time is
// that of both sides, without the hashing, which the simulator sleeps.
func BenchmarkSignInsPerSecond(b *testing.B) {
	s := simulator.New(simulator.Options{Demo: true, Plugin: pluginSecret, HashTime: hashTime, MintTime: mintTime})
	defer s.Close()
	server := httptest.NewServer(s)
	defer server.Close()
	c := mattermost.New(mattermost.Options{BaseURL: server.URL})
	defer c.Close()
	p := mattermost.NewPlugin(c, mattermost.PluginOptions{Keys: pluginKeys(b, pluginSecret), MFA: companion.PolicyAsk})
	person := minting(s, simulator.DemoEmail)
	byPassword := func() error {
		_, err := c.SignIn(b.Context(), simulator.DemoEmail, s.Password(), "", browser)
		return err
	}
	byPlugin := func() error {
		_, err := p.Mint(b.Context(), person)
		return err
	}
	var passwords, minted phase
	for b.Loop() {
		passwords.run(b, 2*inFlight, byPassword)
		minted.run(b, 60*inFlight, byPlugin)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(passwords.perSecond(), "by-password/s")
	b.ReportMetric(minted.perSecond(), "by-plugin/s")
	b.ReportMetric(minted.perSecond()/passwords.perSecond(), "times")
	b.ReportMetric(passwords.processor(), "µs-cpu-password")
	b.ReportMetric(minted.processor(), "µs-cpu-plugin")
}

// phase adds up the runs of one way of signing in.
type phase struct {
	times     int
	took, cpu time.Duration
}

func (p *phase) run(b *testing.B, times int, signIn func() error) {
	b.Helper()
	start, used := time.Now(), processorTime(b)
	var all sync.WaitGroup
	for range inFlight {
		all.Go(func() {
			for range times / inFlight {
				if err := signIn(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	p.times += times
	p.took += time.Since(start)
	p.cpu += processorTime(b) - used
}

func (p *phase) perSecond() float64 { return float64(p.times) / p.took.Seconds() }

func (p *phase) processor() float64 { return float64(p.cpu.Microseconds()) / float64(p.times) }

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkMintAdded calls the plugin directly and through the adapter in turn,
// and reports what the adapter and its connection add to the plugin's own time.
func BenchmarkMintAdded(b *testing.B) {
	s := simulator.New(simulator.Options{Demo: true, Plugin: pluginSecret})
	defer s.Close()
	server := httptest.NewServer(s)
	defer server.Close()
	c := mattermost.New(mattermost.Options{BaseURL: server.URL})
	defer c.Close()
	keys := pluginKeys(b, pluginSecret)
	p := mattermost.NewPlugin(c, mattermost.PluginOptions{Keys: keys, MFA: companion.PolicyAsk})
	person := minting(s, simulator.DemoEmail)
	serverID, err := p.ServerID(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var alone, added []time.Duration
	for b.Loop() {
		direct := mintDirectly(b, s, keys, serverID, person)
		start := time.Now()
		if _, err := p.Mint(b.Context(), person); err != nil {
			b.Fatal(err)
		}
		alone, added = append(alone, direct), append(added, time.Since(start)-direct)
	}
	slices.Sort(alone)
	slices.Sort(added)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(alone[len(alone)/2].Nanoseconds())/1e3, "µs-plugin-p50")
	b.ReportMetric(float64(added[len(added)/2].Nanoseconds())/1e3, "µs-added-p50")
	b.ReportMetric(float64(added[len(added)*99/100].Nanoseconds())/1e3, "µs-added-p99")
}

// mintDirectly hands the plugin a sealed question, without a connection, and
// times its answer alone.
func mintDirectly(b *testing.B, s http.Handler, keys companion.Keys, serverID string, m login.Minting) time.Duration {
	b.Helper()
	body, err := json.Marshal(companion.Mint{Purpose: companion.PurposeSignIn, MFA: companion.PolicyAsk})
	if err != nil {
		b.Fatal(err)
	}
	header, _, err := keys.Seal(companion.Envelope{
		Method: http.MethodPost, Path: companion.RouteMint, ServerID: serverID, UserID: m.Account.ID,
		Created: time.Now(), Nonce: companion.NewNonce(),
	}, body)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, companion.Base+companion.RouteMint, bytes.NewReader(body))
	r.Header.Set(companion.Header, header)
	w := httptest.NewRecorder()
	start := time.Now()
	s.ServeHTTP(w, r)
	took := time.Since(start)
	if w.Code != http.StatusOK {
		b.Fatalf("HTTP %d: %s", w.Code, w.Body)
	}
	return took
}
