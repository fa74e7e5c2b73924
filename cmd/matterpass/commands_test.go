package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

func TestTenMistakesAreTenLinesAndExitTwo(t *testing.T) {
	inEnvironment(t, map[string]string{
		"APP_ENV": "production", "PUBLIC_URL": "http://chat.example.com", "ALLOWED_ORIGINS": "https://*.example.com",
		"MM_ADMIN_TOKEN": "not-a-token-but-secret", "MM_DEMO_PASSWORD": "demo-secret", "SECRET_KEYS": "k1:changeme",
		"API_KEYS": "erp:short-secret", "TRUSTED_PROXIES": "0.0.0.0/0", "RATE_LIMIT_LOGIN": "-5/1m", "MM_TIMEOUT": "soon",
	})
	start := time.Now()
	code, _, text := once(t, "serve")
	if took := time.Since(start); code != exitUsage || took > 2*time.Second {
		t.Errorf("exit code %d after %s", code, took)
	}
	for _, name := range []string{"PUBLIC_URL", "ALLOWED_ORIGINS", "MM_BASE_URL", "MM_ADMIN_TOKEN", "MM_DEMO_PASSWORD", "SECRET_KEYS", "API_KEYS", "TRUSTED_PROXIES", "RATE_LIMIT_LOGIN", "MM_TIMEOUT"} {
		if !strings.Contains(text, "\n"+name+": ") {
			t.Errorf("%s is not reported:\n%s", name, text)
		}
	}
	if lines := strings.Count(strings.TrimSpace(text), "\n"); lines != 10 {
		t.Errorf("%d lines of problems:\n%s", lines, text)
	}
	for _, secret := range []string{"not-a-token-but-secret", "demo-secret", "changeme", "short-secret"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is shown:\n%s", secret, text)
		}
	}
}

func TestConfigShowsWhatIsInForceAndNoSecret(t *testing.T) {
	env, _ := production(t)
	env["LOG_API_KEY"] = "unused-but-hidden-0123456789abcdef"
	inEnvironment(t, env)
	code, out, warnings := once(t, "config")
	if code != exitFine || !strings.Contains(out, "PUBLIC_URL") || !strings.Contains(out, "https://chat.example.com") || !strings.Contains(warnings, "LOG_API_KEY") {
		t.Errorf("exit code %d\n%s\n%s", code, out, warnings)
	}
	for _, secret := range []string{env["MM_ADMIN_TOKEN"], key32, "fedcba98", env["LOG_API_KEY"]} {
		if strings.Contains(out+warnings, secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	if code, _, _ := once(t, "config", "--unknown"); code != exitUsage {
		t.Errorf("an unknown flag: %d", code)
	}
}

func TestHealthcheckAsksTheProgramNextDoor(t *testing.T) {
	env, _ := production(t)
	s := serve(t, env)
	if code, _, text := once(t, "healthcheck"); code != exitFine {
		t.Errorf("a healthy program: %d %s", code, text)
	}
	s.stop()
	s.wait(t)
	if code, _, _ := once(t, "healthcheck"); code != exitFailed {
		t.Errorf("a stopped program: %d", code)
	}
	for addr, want := range map[string]string{":8080": "127.0.0.1:8080", "0.0.0.0:1": "127.0.0.1:1", "[::]:2": "127.0.0.1:2", "192.0.2.1:3": "192.0.2.1:3"} {
		if got, err := nextDoor(addr); err != nil || got != want {
			t.Errorf("nextDoor(%s) = %s, %v", addr, got, err)
		}
	}
	if _, err := nextDoor("nonsense"); err == nil {
		t.Error("an address without a port")
	}
}

func TestTakenPortAndBrokenCertificateAreErrorsAtStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	env, _ := production(t)
	env["HTTP_ADDR"], env["ADMIN_ADDR"] = taken.Addr().String(), ""
	inEnvironment(t, env)
	if code, _, text := once(t, "serve"); code != exitFailed || !strings.Contains(text, "HTTP_ADDR") {
		t.Errorf("%d %s", code, text)
	}
	if code, _, text := once(t, "demo", "--addr="+taken.Addr().String(), "--erp-addr=localhost:0", "--simulator-addr=localhost:0"); code != exitFailed || !strings.Contains(text, "--addr") {
		t.Errorf("demo: %d %s", code, text)
	}
}

func TestAnAddressThatIsNoneIsNamedByItsFlag(t *testing.T) {
	for _, addr := range []string{"foo", ":8080", "foo:bar", "LOCALHOST:8080", "localhost:99999", "http://localhost:8080", "127.1:8080", ""} {
		for _, args := range [][]string{{"demo", "--addr"}, {"demo", "--erp-addr"}, {"demo", "--simulator-addr"}, {"simulator", "--addr"}} {
			code, _, text := once(t, args[0], args[1]+"="+addr)
			want := fmt.Sprintf("%s: %q, expected host:port", args[1], addr)
			if code != exitUsage || !strings.Contains(text, want) || strings.Contains(text, "PUBLIC_URL") {
				t.Errorf("%v %s: %d %s", args, addr, code, text)
			}
		}
	}
	for _, addr := range []string{"[::1]:0", "chat.localhost:0", "127.0.0.1:80"} {
		if err := checkAddr("--addr", addr); err != nil {
			t.Error(err)
		}
	}
}

func TestVersionAndHelp(t *testing.T) {
	if code, out, _ := once(t, "version"); code != exitFine || out != "matterpass dev\n" {
		t.Errorf("%d %q", code, out)
	}
	if code, out, _ := once(t, "--help"); code != exitFine || !strings.Contains(out, "healthcheck") {
		t.Errorf("%d %q", code, out)
	}
	if code, _, text := once(t, "no-such-command"); code != exitUsage || !strings.Contains(text, "--help") {
		t.Errorf("%d %q", code, text)
	}
}

func TestSimulatorAloneSaysHowToUseIt(t *testing.T) {
	for _, flags := range [][]string{{"--json"}, nil} {
		ctx, stop := context.WithCancel(t.Context())
		out := &lockedBuffer{}
		exit := make(chan int, 1)
		go func() {
			exit <- run(ctx, append([]string{"simulator", "--addr=localhost:0"}, flags...), out, &lockedBuffer{})
		}()
		for deadline := time.Now().Add(5 * time.Second); !strings.Contains(out.String(), "demo-password") && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		}
		stop()
		if code := <-exit; code != exitFine || !strings.Contains(out.String(), "http://localhost:") {
			t.Errorf("%v: %d %q", flags, code, out)
		}
	}
}
