package main

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"matterpass/internal/servertest"
	"matterpass/internal/simulator"
)

const (
	key32    = "0123456789abcdef0123456789abcdef-key"
	secret32 = "k1:fedcba9876543210fedcba9876543210-secret"
)

// inEnvironment runs a subcommand with exactly these variables, in an empty
// working directory.
func inEnvironment(t *testing.T, env map[string]string) {
	t.Helper()
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		for _, prefix := range []string{"APP_", "NODE_ENV", "HTTP_", "ADMIN_", "TLS_", "PUBLIC_", "MM_", "NEXT_", "GATEWAY", "ALLOWED_", "TRUSTED_", "COOKIE_", "SECRET_", "API_KEYS", "RATE_", "LOG_", "DRAIN_", "SHUTDOWN_", "PORT", "DATABASE_", "REDIS_", "JWT_", "MINT_", "PLUGIN_", "SESSION_", "SIGNING_", "ASSERTION_", "PROVISION_", "OIDC_"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "") // restores it afterwards
				_ = os.Unsetenv(name)
			}
		}
	}
	t.Chdir(t.TempDir())
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// once runs a subcommand to its end.
func once(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// served is a `matterpass serve` in this process.
type served struct {
	addr, admin string
	log         *lockedBuffer
	exit        chan int
	stop        context.CancelFunc
	whole       map[string]string // its environment
}

func serve(t *testing.T, env map[string]string) *served {
	t.Helper()
	s := &served{addr: cmp.Or(env["HTTP_ADDR"], servertest.FreeAddr()), admin: servertest.FreeAddr(), log: &lockedBuffer{}, exit: make(chan int, 1), whole: env}
	env["HTTP_ADDR"], env["ADMIN_ADDR"] = s.addr, s.admin
	inEnvironment(t, env)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() { s.exit <- run(ctx, []string{"serve"}, &lockedBuffer{}, s.log) }()
	t.Cleanup(func() { stop(); s.wait(t) })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if res, err := http.Get("http://" + s.addr + "/healthz"); err == nil {
			_ = res.Body.Close()
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not serve\n%s", s.log)
		}
	}
}

func (s *served) wait(t *testing.T) int {
	t.Helper()
	select {
	case code := <-s.exit:
		s.exit <- code
		return code
	case <-time.After(30 * time.Second):
		t.Fatalf("it does not stop\n%s", s.log)
		return -1
	}
}

// production is a sound environment in front of a simulator.
func production(t *testing.T) (map[string]string, *simulator.Server) {
	t.Helper()
	mm := simulator.New(simulator.Options{SiteURL: "https://mattermost.test", Demo: true})
	backend := httptest.NewServer(mm)
	t.Cleanup(func() { backend.Close(); mm.Close() })
	return map[string]string{
		"APP_ENV": "production", "PUBLIC_URL": "https://chat.example.com", "ALLOWED_ORIGINS": "https://erp.example.com",
		"MM_BASE_URL": backend.URL, "MM_ADMIN_TOKEN": mm.AdminToken(), "MM_TEAM_SLUG": "erp", "MM_DEFAULT_CHANNELS": "town-square",
		"SECRET_KEYS": secret32, "API_KEYS": "erp:" + key32 + ",ops:" + key32 + "-ops:admin",
		"TRUSTED_PROXIES": "127.0.0.0/8", "DRAIN_DELAY": "0s", "LOG_FORMAT": "json",
		"DATABASE_URL": "sqlite://" + t.TempDir() + "/matterpass.db",
	}, mm
}

func ask(t *testing.T, method, url, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "chat.example.com"
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return answer{res, text.String()}
}

func TestProductionSetsCookiesForAnIframeOfAnotherSite(t *testing.T) {
	env, _ := production(t)
	s := serve(t, env)
	in := ask(t, "POST", "http://"+s.addr+"/api/mattermost/login", `{"email":"demo@erp.test","password":"demo-password"}`, "Origin", "https://erp.example.com")
	if in.StatusCode != 200 || in.field(t, "url") != "https://chat.example.com/embed" {
		t.Fatalf("%d %s", in.StatusCode, in.body)
	}
	var shapes []string
	for _, line := range in.Header.Values("Set-Cookie") {
		name, rest, _ := strings.Cut(line, "=")
		_, attributes, _ := strings.Cut(rest, "; ")
		shapes = append(shapes, name+": "+attributes)
	}
	want := []string{
		"MMAUTHTOKEN: Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
		"MMUSERID: Path=/; Secure; SameSite=None; Partitioned",
		"MMCSRF: Path=/; Secure; SameSite=None; Partitioned",
		"__Host-mp_device: Path=/; Max-Age=15552000; HttpOnly; Secure; SameSite=None; Partitioned",
	}
	if strings.Join(shapes, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(shapes, "\n"), strings.Join(want, "\n"))
	}
	if sts := in.Header.Get("Strict-Transport-Security"); sts == "" {
		t.Error("no Strict-Transport-Security")
	}
	if log := s.log.String(); strings.Contains(log, "demo@erp.test") {
		t.Errorf("an e-mail address is in production's log: %s", log)
	}
}

func TestCookiesOfMattermostItselfComeOutInOurShape(t *testing.T) {
	env, mm := production(t)
	s := serve(t, env)
	token, csrf := mm.SignIn("demo@erp.test")
	mm.AgeSessions("demo@erp.test", 100*time.Hour) // so that a post extends the session
	cookies := "MMAUTHTOKEN=" + token + "; MMUSERID=" + mm.UserID("demo@erp.test") + "; MMCSRF=" + csrf
	town := ask(t, "GET", "http://"+s.addr+"/api/v4/teams/name/erp/channels/name/town-square", "", "Cookie", cookies).field(t, "id").(string)
	made := ask(t, "POST", "http://"+s.addr+"/api/v4/posts", `{"channel_id":"`+town+`","message":"x"}`, "Cookie", cookies, "X-CSRF-Token", csrf)
	if made.StatusCode != 201 || len(made.Header.Values("Set-Cookie")) != 3 {
		t.Fatalf("%d %s %v", made.StatusCode, made.body, made.Header)
	}
	for _, line := range made.Header.Values("Set-Cookie") {
		if !strings.HasSuffix(line, "Secure; SameSite=None; Partitioned") || strings.Contains(line, "Max-Age") || strings.Contains(line, "Expires") {
			t.Errorf("Mattermost's line came out as %q", line)
		}
	}
}

func TestOperatorsHaveAListenerOfTheirOwn(t *testing.T) {
	env, mm := production(t)
	s := serve(t, env)
	ask(t, "POST", "http://"+s.addr+"/api/mattermost/login", `{"email":"demo@erp.test","password":"wrong-password"}`)
	metrics := ask(t, "GET", "http://"+s.admin+"/metrics", "").body
	for _, series := range []string{`matterpass_sign_ins_total{result="refused",way="password"} 1`, "matterpass_limiter_keys", "matterpass_upstream", "go_goroutines"} {
		if !strings.Contains(metrics, series) {
			t.Errorf("metrics lack %s", series)
		}
	}
	if public := ask(t, "GET", "http://"+s.addr+"/readyz?verbose", ""); strings.Contains(public.body, "mattermost") {
		t.Errorf("the public readiness names checks: %s", public.body)
	}
	if verbose := ask(t, "GET", "http://"+s.admin+"/readyz", ""); verbose.StatusCode != 200 || !strings.Contains(verbose.body, "admin_token") {
		t.Errorf("%d %s", verbose.StatusCode, verbose.body)
	}
	if off := ask(t, "GET", "http://"+s.admin+"/debug/pprof/", ""); off.StatusCode != 404 {
		t.Errorf("profiles are on by default: %d", off.StatusCode)
	}
	mm.SetFailedAttempts("demo@erp.test", 10) // locked
	for name, c := range map[string]struct {
		key, origin string
		status      int
	}{
		"no key":     {"", "", 401},
		"no scope":   {key32, "", 403},
		"a web page": {key32 + "-ops", "https://erp.example.com", 403},
		"admin":      {key32 + "-ops", "", 204},
	} {
		header := []string{"Authorization", "Bearer " + c.key}
		if c.origin != "" {
			header = append(header, "Origin", c.origin)
		}
		got := ask(t, "POST", "http://"+s.admin+"/admin/unlock", `{"email":"demo@erp.test"}`, header...)
		if got.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	if n := mm.FailedAttempts("demo@erp.test"); n != 0 {
		t.Errorf("Mattermost's own lock is still there: %d", n)
	}
	unknown := ask(t, "POST", "http://"+s.admin+"/admin/unlock", `{"email":"nobody@erp.test"}`, "Authorization", "Bearer "+key32+"-ops")
	if unknown.StatusCode != 404 {
		t.Errorf("an unknown account: %d %s", unknown.StatusCode, unknown.body)
	}
}

func TestProfilesAreThereWhenAskedFor(t *testing.T) {
	env, _ := production(t)
	env["ADMIN_PPROF"] = "on"
	s := serve(t, env)
	if got := ask(t, "GET", "http://"+s.admin+"/debug/pprof/", ""); got.StatusCode != 200 || !strings.Contains(got.body, "goroutine") {
		t.Errorf("%d", got.StatusCode)
	}
}

func TestASignalDrainsAndASecondOneCuts(t *testing.T) {
	env, mm := production(t)
	env["DRAIN_DELAY"] = "5m"
	s := serve(t, env)
	conn, _, err := dialAs(t, s, mm)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); ask(t, "GET", "http://"+s.addr+"/readyz", "").StatusCode != 503; {
		if time.Now().After(deadline) {
			t.Fatal("still ready after SIGTERM")
		}
	}
	if got := ask(t, "GET", "http://"+s.addr+"/healthz", ""); got.StatusCode != 200 {
		t.Errorf("not alive while draining: %d", got.StatusCode)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.wait(t); code != exitFine {
		t.Errorf("exit code %d\n%s", code, s.log)
	}
	soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for {
		if _, _, err := conn.Read(soon); err != nil {
			break // after what was on its way
		}
	}
	if soon.Err() != nil {
		t.Error("the WebSocket outlived the program")
	}
}

func TestANewcomersFloodDoesNotLimitWhoSignedInBefore(t *testing.T) {
	env, _ := production(t)
	env["RATE_LIMIT_CLIENT"] = "3/1h"
	s := serve(t, env)
	in := ask(t, "POST", "http://"+s.addr+"/api/mattermost/login", `{"email":"demo@erp.test","password":"demo-password"}`)
	device := in.Cookies()[3]
	for range 5 {
		ask(t, "GET", "http://"+s.addr+"/api/mattermost/health", "")
	}
	if got := ask(t, "GET", "http://"+s.addr+"/api/mattermost/health", ""); got.StatusCode != 429 {
		t.Errorf("the address is not limited: %d", got.StatusCode)
	}
	if got := ask(t, "GET", "http://"+s.addr+"/api/mattermost/health", "", "Cookie", device.Name+"="+device.Value); got.StatusCode != 200 {
		t.Errorf("a known browser behind the same address: %d", got.StatusCode)
	}
	if got := ask(t, "GET", "http://"+s.addr+"/api/mattermost/health", "", "Cookie", device.Name+"="+device.Value+"x"); got.StatusCode != 429 {
		t.Errorf("a forged device cookie: %d", got.StatusCode)
	}
}

func TestMattermostsOtherWaysInAreClosedUnlessAllowed(t *testing.T) {
	env, _ := production(t)
	s := serve(t, env)
	const path = "/api/v4/users/password/reset/send"
	if got := ask(t, "POST", "http://"+s.addr+path, `{"email":"demo@erp.test"}`); got.StatusCode != 403 {
		t.Errorf("by default: %d %s", got.StatusCode, got.body)
	}
	s.stop()
	s.wait(t)
	env["GATEWAY_ALLOW"] = "reset"
	s = serve(t, env)
	if got := ask(t, "POST", "http://"+s.addr+path, `{"email":"demo@erp.test"}`); got.StatusCode == 403 {
		t.Errorf("allowed: %d %s", got.StatusCode, got.body)
	}
}

func TestGatewayOffLeavesMattermostAlone(t *testing.T) {
	env, _ := production(t)
	env["GATEWAY"], env["MM_PUBLIC_URL"] = "off", "https://chat.example.com"
	s := serve(t, env)
	if got := ask(t, "GET", "http://"+s.addr+"/erp/channels/town-square", ""); got.StatusCode != 404 || got.field(t, "code") != "not_found" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := ask(t, "GET", "http://"+s.addr+"/api/mattermost/health", ""); got.StatusCode != 200 {
		t.Errorf("%d", got.StatusCode)
	}
}
