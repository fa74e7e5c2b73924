package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"matterpass/internal/companion"
	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/simulator"
)

// Mattermost's measured prices (docs/mattermost.md I1, I2, I2b).
var priced = simulator.Options{
	SiteURL: "http://mattermost.test", Demo: true, Plugin: pluginSecret,
	HashTime: 170 * time.Millisecond, MintTime: 4 * time.Millisecond,
}

// way is a program that signs people in one way.
type way struct {
	*program
	signIn func(b *testing.B, person int)

	times     int
	took, cpu time.Duration
}

// startWay makes a program with SESSION_MINT=mint, or for passwords with none,
// and signs in everybody once: accounts and links are there afterwards.
func startWay(b *testing.B, path, mint, database, backend string, mm *simulator.Server) *way {
	b.Helper()
	more := []string{"DATABASE_URL=" + database}
	if mint != "" {
		more = append(more, "SESSION_MINT="+mint, "JWT_SECRET="+jwtSecret, "JWT_ISSUER="+issuer, "RATE_LIMIT_IDENTITY=1000000/1s",
			map[string]string{"plugin": "PLUGIN_SECRET=" + pluginSecret, "managed": "MINT_SECRET=" + mintSecret}[mint])
	}
	w := &way{program: startProgram(b, path, backend, mm.AdminToken(), more...)}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	b.Cleanup(client.CloseIdleConnections)
	url := w.url + "/api/mattermost/login"
	w.signIn = func(b *testing.B, person int) {
		name := fmt.Sprintf("%s%d", mint, person)
		post(b, client, url, "", "Authorization", "Bearer "+assert(b, "JWT", claims(name, name+"@erp.test")))
	}
	if mint == "" {
		w.signIn = func(b *testing.B, person int) {
			post(b, client, url, fmt.Sprintf(`{"email":"typist%d@erp.test","password":%q}`, person, simulator.DefaultPassword))
		}
	}
	for person := range inFlight {
		if mint == "" {
			mm.AddPerson(simulator.Person{Email: fmt.Sprintf("typist%d@erp.test", person), Teams: []string{"erp"}})
		}
		w.signIn(b, person)
	}
	return w
}

const inFlight = 8

// run signs in everybody, again and again, in parallel.
func (w *way) run(b *testing.B, times int) {
	b.Helper()
	start, used := time.Now(), w.processorTime(b)
	var all sync.WaitGroup
	for person := range inFlight {
		all.Go(func() {
			for range times / inFlight {
				w.signIn(b, person)
			}
		})
	}
	all.Wait()
	w.times += times
	w.took += time.Since(start)
	w.cpu += w.processorTime(b) - used
}

func (w *way) report(b *testing.B, name string) {
	b.ReportMetric(w.perSecond(), name+"/s")
	b.ReportMetric(float64(w.cpu.Microseconds())/float64(w.times), "cpu-µs-"+name)
}

func (w *way) perSecond() float64 { return float64(w.times) / w.took.Seconds() }

// processorTime is what every thread of the program has used; Linux counts it in
// nanoseconds.
func (p *program) processorTime(b *testing.B) (used time.Duration) {
	b.Helper()
	threads, _ := filepath.Glob("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/task/*/schedstat")
	if len(threads) == 0 {
		b.Skip("processor time is read from /proc, which this system does not have")
	}
	for _, thread := range threads {
		text, _ := os.ReadFile(thread)
		word, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseInt(word, 10, 64)
		used += time.Duration(ns)
	}
	return used
}

func pricedMattermost(b *testing.B) (*simulator.Server, *httptest.Server) {
	b.Helper()
	mm := simulator.New(priced)
	b.Cleanup(mm.Close)
	backend := httptest.NewServer(mm)
	b.Cleanup(backend.Close)
	return mm, backend
}

// BenchmarkSignIns is what a whole program makes in a second, eight at a time,
// and what processor time of its own each costs.
func BenchmarkSignIns(b *testing.B) {
	path := build(b)
	for name, database := range databases {
		b.Run(name, func(b *testing.B) {
			mm, backend := pricedMattermost(b)
			ways := map[string]*way{}
			for _, mint := range []string{"", "managed", "plugin"} {
				ways[mint] = startWay(b, path, mint, database(b), backend.URL, mm)
			}
			for b.Loop() {
				ways[""].run(b, 4*inFlight)
				ways["managed"].run(b, 4*inFlight)
				ways["plugin"].run(b, 100*inFlight)
			}
			b.ReportMetric(0, "ns/op")
			ways[""].report(b, "password")
			ways["managed"].report(b, "managed")
			ways["plugin"].report(b, "plugin")
			b.ReportMetric(ways["plugin"].perSecond()/ways[""].perSecond(), "times")
		})
	}
}

// BenchmarkMintAdded asks the plugin itself and through Matterpass in turn, and
// reports what Matterpass adds to it: verifying, looking up, spending, remembering.
func BenchmarkMintAdded(b *testing.B) {
	path := build(b)
	for name, database := range databases {
		b.Run(name, func(b *testing.B) {
			mm, backend := pricedMattermost(b)
			w := startWay(b, path, "plugin", database(b), backend.URL, mm)
			direct := directly(b, backend.URL, mm, "plugin0@erp.test")
			var added []time.Duration
			for b.Loop() {
				start := time.Now()
				direct()
				between := time.Now()
				w.signIn(b, len(added)%inFlight)
				added = append(added, time.Since(between)-between.Sub(start))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(micros(added, 50), "µs-added-p50")
			b.ReportMetric(micros(added, 99), "µs-added-p99")
		})
	}
}

// directly makes a session by the plugin alone.
func directly(b *testing.B, backend string, mm *simulator.Server, address string) func() {
	b.Helper()
	client := mattermost.New(mattermost.Options{BaseURL: backend})
	b.Cleanup(client.Close)
	keys, err := companion.NewKeys(pluginSecret)
	if err != nil {
		b.Fatal(err)
	}
	plugin := mattermost.NewPlugin(client, mattermost.PluginOptions{Keys: keys, MFA: companion.PolicyAsk})
	minting := login.Minting{Account: login.Account{User: login.User{ID: mm.UserID(address), Email: email.Address(address)}}}
	return func() {
		if _, err := plugin.Mint(b.Context(), minting); err != nil {
			b.Fatal(err)
		}
	}
}
