package main

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestWhatOperatorsDoIsWrittenDown, also what they were refused.
func TestWhatOperatorsDoIsWrittenDown(t *testing.T) {
	env, _ := production(t)
	s := serve(t, env)
	ask(t, "POST", "http://"+s.admin+"/admin/unlock", `{"email":"dana@erp.test"}`, "Authorization", "Bearer wrong")
	ask(t, "POST", "http://"+s.admin+"/admin/unlock", `{"email":"dana@erp.test"}`, "Authorization", "Bearer "+key32+"-ops")
	ask(t, "GET", "http://"+s.admin+"/no/such/place", "")
	for _, want := range []string{
		`"route":"/admin/unlock","status":401`, `"route":"/admin/unlock","status":204`, `"route":"/","status":404`,
	} {
		eventually(t, want, func() bool { return strings.Contains(s.log.String(), want) })
	}
	if strings.Contains(s.log.String(), key32) {
		t.Error("a key is in the log")
	}
}

// TestAReaderOfTheLogThatLeavesTakesNothingAlong: a collector that restarts.
func TestAReaderOfTheLogThatLeavesTakesNothingAlong(t *testing.T) {
	env, _ := production(t)
	n := newNode(t, env)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	n.cmd = exec.Command(program, "serve")
	n.cmd.Env, n.cmd.Dir, n.cmd.Stderr = n.env, t.TempDir(), writer
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	n.await(t)
	_ = reader.Close()
	for range 5 {
		if got := ask(t, "GET", "http://"+n.addr+"/api/mattermost/session", "", "X-Forwarded-Proto", "https"); got.StatusCode != http.StatusUnauthorized {
			t.Fatalf("%d %s", got.StatusCode, got.body)
		}
		time.Sleep(50 * time.Millisecond) // its line is written beside
	}
}

// TestAnOutageIsALine, and its end another.
func TestAnOutageIsALine(t *testing.T) {
	env, mm := production(t)
	s := serve(t, env)
	ready := func() int { return ask(t, "GET", "http://"+s.admin+"/readyz", "").StatusCode }
	eventually(t, "it is ready", func() bool { return ready() == http.StatusOK })
	mm.FailDatabase(true)
	eventually(t, "it is not", func() bool { return ready() != http.StatusOK })
	mm.FailDatabase(false)
	eventually(t, "it is again", func() bool { return ready() == http.StatusOK })
	for _, want := range []string{`"check":"mattermost","error":`, `"check":"mattermost","time"`} {
		eventually(t, want, func() bool { return strings.Contains(s.log.String(), want) })
	}
}
