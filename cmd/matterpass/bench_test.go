package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"matterpass/internal/servertest"
	"matterpass/internal/simulator"
)

// BenchmarkLoginAdded signs in at Mattermost directly and through Matterpass in
// turn, and reports what Matterpass adds. The simulator hashes nothing, so that
// the difference is not lost in the price of a password.
func BenchmarkLoginAdded(b *testing.B) {
	program := build(b)
	for name, database := range databases {
		b.Run(name, func(b *testing.B) { loginAdded(b, program, database(b)) })
	}
}

// databases are the kinds, each with its address; both write to the disk.
var databases = map[string]func(b *testing.B) string{
	"sqlite": func(b *testing.B) string { return "sqlite://" + b.TempDir() + "/matterpass.db" },
	"postgresql": func(b *testing.B) string {
		return servertest.StartPostgres(b, servertest.PostgresOptions{Sync: true}).Address("postgres")
	},
}

func loginAdded(b *testing.B, program, database string) {
	mm := simulator.New(simulator.Options{SiteURL: "http://mattermost.test", Demo: true})
	backend := httptest.NewServer(mm)
	defer backend.Close()
	p := startProgram(b, program, backend.URL, mm.AdminToken(), "DATABASE_URL="+database)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	defer client.CloseIdleConnections()
	direct := func() time.Duration {
		return post(b, client, backend.URL+"/api/v4/users/login", `{"login_id":"demo@erp.test","password":"demo-password"}`)
	}
	through := func() time.Duration {
		return post(b, client, p.url+"/api/mattermost/login", `{"email":"demo@erp.test","password":"demo-password"}`)
	}
	for range 50 { // connections, code paths
		direct()
		through()
	}
	var alone, added []time.Duration
	for b.Loop() {
		if len(added)%10 == 0 { // nobody has 500 sessions, which are read after each login
			mm.RevokeSessions("demo@erp.test")
		}
		d, t := direct(), through()
		alone, added = append(alone, d), append(added, t-d)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(micros(alone, 50), "µs-direct-p50")
	b.ReportMetric(micros(added, 50), "µs-added-p50")
	b.ReportMetric(micros(added, 99), "µs-added-p99")
}

func post(b *testing.B, client *http.Client, url, body string, header ...string) time.Duration {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), "POST", url, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Requested-With", "XMLHttpRequest")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	start := time.Now()
	res, err := client.Do(req)
	if err != nil {
		b.Error(err)
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	took := time.Since(start)
	if res.StatusCode != http.StatusOK {
		b.Errorf("%s answered %s", url, res.Status)
	}
	return took
}

func micros(all []time.Duration, percentile int) float64 {
	slices.Sort(all)
	return float64(all[min(len(all)-1, len(all)*percentile/100)].Nanoseconds()) / 1e3
}

// BenchmarkStart measures what an operator sees: from the start of the process
// until it is alive and until it is ready, with a database that is there and on the
// very first start, its memory when idle, its size, and what the official client's
// package initialises of that.
func BenchmarkStart(b *testing.B) {
	mm := simulator.New(simulator.Options{SiteURL: "http://mattermost.test", Demo: true})
	backend := httptest.NewServer(mm)
	defer backend.Close()
	program := build(b)
	var first, alive, ready []time.Duration
	var resident, anonymous float64
	for b.Loop() {
		database := "DATABASE_URL=" + databases["sqlite"](b)
		maker := startProgram(b, program, backend.URL, mm.AdminToken(), database)
		first = append(first, maker.ready)
		maker.stop()
		p := startProgram(b, program, backend.URL, mm.AdminToken(), database)
		alive, ready = append(alive, p.alive), append(ready, p.ready)
		time.Sleep(200 * time.Millisecond) // idle
		resident, anonymous = p.memory(b, "VmRSS"), p.memory(b, "RssAnon")
		p.stop()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(micros(alive, 50)/1e3, "ms-to-alive-p50")
	b.ReportMetric(micros(ready, 50)/1e3, "ms-to-ready-p50")
	b.ReportMetric(micros(first, 50)/1e3, "ms-to-ready-first-p50")
	b.ReportMetric(resident, "MiB-resident")
	b.ReportMetric(anonymous, "MiB-anonymous")
	b.ReportMetric(size(b, program), "MiB-binary")
	clientInit, allInit := initTime(b, program)
	b.ReportMetric(clientInit, "ms-init-of-the-client")
	b.ReportMetric(allInit, "ms-init-in-all")
}

// build makes the program as `make build` does.
func build(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "matterpass")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-tags=grpcnotrace -buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

// program is a running `matterpass serve`.
type program struct {
	cmd          *exec.Cmd
	url          string
	alive, ready time.Duration
}

// startProgram starts it in an empty folder; more is further environment.
func startProgram(b *testing.B, path, mattermost, token string, more ...string) *program {
	b.Helper()
	addr := servertest.FreeAddr()
	p := &program{cmd: exec.Command(path, "serve"), url: "http://" + addr}
	p.cmd.Dir = b.TempDir()
	p.cmd.Env = append([]string{
		"HTTP_ADDR=" + addr, "ADMIN_ADDR=", "PUBLIC_URL=http://" + addr, "MM_BASE_URL=" + mattermost,
		"MM_ADMIN_TOKEN=" + token, "MM_TEAM_SLUG=erp", "RATE_LIMIT_LOGIN=1000000/1s", "RATE_LIMIT_CLIENT=1000000/1s", "LOG_LEVEL=info",
	}, more...)
	start := time.Now()
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.stop)
	p.alive = p.until(b, "/healthz", start)
	p.ready = p.until(b, "/readyz", start)
	return p
}

func (p *program) until(b *testing.B, path string, start time.Time) time.Duration {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for time.Since(start) < 10*time.Second {
		if res, err := client.Get(p.url + path); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return time.Since(start)
			}
		}
		time.Sleep(200 * time.Microsecond)
	}
	b.Fatalf("%s never answered 200", path)
	return 0
}

func (p *program) stop() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// memory reads a line of /proc/PID/status, in MiB.
func (p *program) memory(b *testing.B, name string) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		b.Skip("memory is read from /proc, which this system does not have")
	}
	match := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
	if match == nil {
		b.Fatalf("no %s in /proc", name)
	}
	kib, _ := strconv.ParseFloat(string(match[1]), 64)
	return kib / 1024
}

func size(b *testing.B, path string) float64 {
	b.Helper()
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return float64(info.Size()) / (1 << 20)
}

// initTime sums the runtime's own trace of package initialisation, in ms: of
// the official client with its plugin machinery, and of everything.
func initTime(b *testing.B, path string) (client, all float64) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), path, "version")
	cmd.Env = []string{"GODEBUG=inittrace=1"}
	var trace bytes.Buffer
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`init (\S+) @\S+ ms, (\S+) ms clock`).FindAllStringSubmatch(trace.String(), -1) {
		ms, _ := strconv.ParseFloat(m[2], 64)
		all += ms
		if strings.Contains(m[1], "mattermost") || strings.Contains(m[1], "hashicorp") || strings.Contains(m[1], "grpc") || strings.Contains(m[1], "protobuf") {
			client += ms
		}
	}
	return client, all
}
