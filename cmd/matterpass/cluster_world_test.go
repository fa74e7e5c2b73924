package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matterpass/internal/servertest"
	"matterpass/internal/simulator"
)

// asProgram in the environment makes the test binary the program.
const asProgram = "MATTERPASS_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// cluster is three processes of the program with one PostgreSQL, one Redis and
// one SECRET_KEYS, in front of one Mattermost.
type cluster struct {
	mm       *simulator.Server
	postgres *servertest.Postgres
	redis    *servertest.Redis
	nodes    []*node
	client   *http.Client
}

func startCluster(t *testing.T, change map[string]string) *cluster {
	t.Helper()
	c := &cluster{
		postgres: servertest.StartPostgres(t, servertest.PostgresOptions{}), redis: servertest.StartRedis(t),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second},
	}
	c.mm = simulator.New(simulator.Options{SiteURL: "https://mattermost.test", Demo: true, Plugin: pluginSecret})
	backend := httptest.NewServer(c.mm)
	t.Cleanup(func() { backend.Close(); c.mm.Close() })
	env, _ := production(t)
	for name, value := range map[string]string{
		"MM_BASE_URL": backend.URL, "MM_ADMIN_TOKEN": c.mm.AdminToken(), "ADMIN_ADDR": "",
		"JWT_SECRET": jwtSecret, "JWT_ISSUER": issuer, "PLUGIN_SECRET": pluginSecret,
		"DATABASE_URL": c.postgres.Address("postgres"), "REDIS_URL": "redis://" + c.redis.Addr(),
	} {
		env[name] = value
	}
	for name, value := range change {
		env[name] = value
	}
	for range 3 { // at once: they race for the migration
		n := newNode(t, env)
		n.launch(t)
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		n.await(t)
	}
	return c
}

// node is one process of the program, on an address that it keeps.
type node struct {
	addr string
	env  []string
	log  *lockedBuffer
	cmd  *exec.Cmd
}

func newNode(t *testing.T, env map[string]string) *node {
	n := &node{addr: servertest.FreeAddr(), log: &lockedBuffer{}}
	n.env = []string{asProgram + "=1", "HTTP_ADDR=" + n.addr}
	for name, value := range env {
		n.env = append(n.env, name+"="+value)
	}
	t.Cleanup(func() {
		n.kill()
		if log := n.log.String(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic") {
			t.Errorf("%s", log)
		}
	})
	return n
}

func (n *node) launch(t *testing.T) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	n.cmd = exec.Command(program, "serve")
	n.cmd.Env, n.cmd.Dir, n.cmd.Stderr = n.env, t.TempDir(), n.log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (n *node) await(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if conn, err := net.Dial("tcp", n.addr); err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatalf("it does not serve\n%s", n.log)
}

// kill is kill -9.
func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

// got is what matters of an answer; its status is zero where none came.
type got struct {
	status     int
	code, user string
}

func (g got) String() string { return fmt.Sprint(g.status, " ", g.code) }

// post asks a process as the proxy in front of all of them does.
func (c *cluster) post(n *node, path, body string, header ...string) (got, string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+n.addr+path, strings.NewReader(body))
	if err != nil {
		return got{}, err.Error()
	}
	req.Host = "chat.example.com"
	req.Header.Set("X-Forwarded-Proto", "https")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.client.Do(req)
	if err != nil {
		return got{}, err.Error()
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	var fields struct {
		Code string
		User struct{ ID string }
	}
	_ = json.NewDecoder(bytes.NewReader(text)).Decode(&fields) // not every answer is JSON
	return got{res.StatusCode, fields.Code, fields.User.ID}, string(text)
}

func (c *cluster) signIn(n *node, assertion string) got {
	g, _ := c.post(n, "/api/mattermost/login", "", "Origin", "https://erp.example.com", "Authorization", "Bearer "+assertion)
	return g
}

// use shows one and the same proof to a process.
type use func(n *node) got

// proofs are both kinds; each makes one about a person of its own.
func (c *cluster) proofs() map[string]func(t *testing.T, email string) use {
	return map[string]func(t *testing.T, email string) use{
		"assertion": func(t *testing.T, email string) use {
			assertion := assert(t, "JWT", claims(email, email))
			return func(n *node) got { return c.signIn(n, assertion) }
		},
		"ticket": func(t *testing.T, email string) use {
			g, text := c.post(c.nodes[0], "/api/mattermost/launch", `{"subject":"`+email+`","email":"`+email+`","origin":"https://erp.example.com"}`,
				"Authorization", "Bearer "+key32)
			if g.status != http.StatusCreated {
				t.Fatal(g, text)
			}
			var made struct{ URL string }
			_ = json.Unmarshal([]byte(text), &made)
			_, ticket, _ := strings.Cut(made.URL, "#")
			return func(n *node) got {
				g, _ := c.post(n, "/api/mattermost/launch/redeem", `{"ticket":"`+ticket+`","embedder":"https://erp.example.com"}`, "Sec-Fetch-Site", "same-origin")
				return g
			}
		},
	}
}

// race asks all processes at the same time, n times in all, and counts the
// answers. What is to befall them does when the first answer is there.
func (c *cluster) race(n int, ask func(n *node, i int) got, befall func()) tally {
	answers := make(tally)
	var mu sync.Mutex
	var all sync.WaitGroup
	first := make(chan struct{})
	var answered atomic.Bool
	for i := range n {
		all.Go(func() {
			g := ask(c.nodes[i%len(c.nodes)], i)
			if answered.CompareAndSwap(false, true) {
				close(first)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[g.String()]++
		})
	}
	<-first
	if befall != nil {
		befall()
	}
	all.Wait()
	return answers
}

// tally counts answers by status and code.
type tally map[string]int

// add puts other's answers to t's.
func (t tally) add(other tally) {
	for what, n := range other {
		t[what] += n
	}
}

// number sums up the answers that are of one of these.
func (t tally) number(of ...string) (n int) {
	for what, times := range t {
		for _, start := range of {
			if strings.HasPrefix(what, start) {
				n += times
			}
		}
	}
	return n
}

func (t tally) all() int { return t.number("") }
