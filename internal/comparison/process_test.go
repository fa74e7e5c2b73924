package comparison_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a running proxy with its children, or the upstream.
type process struct {
	addr string
	cmd  *exec.Cmd
}

// freeAddr is a loopback address that was free a moment ago, below the ports from
// which systems dial: thousands of connections would take it.
func freeAddr(b *testing.B) string {
	b.Helper()
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(10_000)))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	b.Fatal("no port between 20000 and 30000 is free")
	return ""
}

// start runs a command until the end of the benchmark and waits until addr answers.
func start(b *testing.B, addr string, cmd *exec.Cmd) *process {
	b.Helper()
	complaints := new(bytes.Buffer)
	if cmd.Stderr == nil {
		cmd.Stderr = complaints
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	p := &process{addr, cmd}
	b.Cleanup(p.stop)
	for range 500 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			return p
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.stop()
	b.Fatalf("%s did not listen within 5 s\n%s", cmd.Path, complaints)
	return nil
}

// stop asks first: nginx ends its workers itself. Our own helpers end at once.
func (p *process) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(2*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_ = p.cmd.Wait()
}

// startSelf runs the test binary in another role.
func startSelf(b *testing.B, as, upstream string) *process {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), role+"="+as, of+"="+upstream)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	p := &process{cmd: cmd}
	b.Cleanup(func() { _ = in.Close(); p.stop() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	p.addr = strings.TrimSpace(line)
	return p
}

// pids are the process and what it started.
func (p *process) pids() []string {
	own := strconv.Itoa(p.cmd.Process.Pid)
	pids := []string{own}
	lists, _ := filepath.Glob("/proc/" + own + "/task/*/children")
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		pids = append(pids, strings.Fields(string(children))...)
	}
	return pids
}

// anonymous is RssAnon of all of them in KiB: no files, no shared memory.
func (p *process) anonymous(b *testing.B) (sum float64) {
	b.Helper()
	for _, pid := range p.pids() {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			b.Skip("memory is read from /proc, which this system does not have")
		}
		_, after, _ := bytes.Cut(status, []byte("RssAnon:"))
		var kib float64
		if _, err := fmt.Sscan(string(after), &kib); err != nil {
			b.Fatal(err)
		}
		sum += kib
	}
	return sum
}

// cpu is the time that they spent on processors.
func (p *process) cpu() (sum time.Duration) {
	const tick = 10 * time.Millisecond // USER_HZ of every Linux that Go runs on
	for _, pid := range p.pids() {
		stat, _ := os.ReadFile("/proc/" + pid + "/stat")
		_, after, _ := bytes.Cut(stat, []byte(") "))
		fields := strings.Fields(string(after))
		if len(fields) < 13 {
			continue
		}
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		sum += time.Duration(user+system) * tick
	}
	return sum
}
