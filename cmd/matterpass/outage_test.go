package main

import (
	"strings"
	"testing"

	"matterpass/internal/simulator"
)

// TestAnOutageOfMattermostsDatabaseSignsNobodyOut holds what the gateway, the
// sign-in and the API say about one session against each other, while Mattermost
// itself says that there is none (docs/mattermost.md A11, I3).
func TestAnOutageOfMattermostsDatabaseSignsNobodyOut(t *testing.T) {
	env, mm := production(t)
	s := serve(t, env)
	const credentials = `{"email":"demo@erp.test","password":"demo-password"}`
	login := func() answer {
		return ask(t, "POST", "http://"+s.addr+"/api/mattermost/login", credentials, "Origin", "https://erp.example.com")
	}
	in := login()
	var cookies []string
	for _, c := range in.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if in.StatusCode != 200 || len(cookies) < 3 {
		t.Fatalf("sign-in: %d %s", in.StatusCode, in.body)
	}
	get := func(path string) answer {
		return ask(t, "GET", "http://"+s.addr+path, "", "Cookie", strings.Join(cookies, "; "))
	}

	mm.FailDatabase(true)
	mm.InvalidateCaches()
	// The first request of all with this session: the sign-in alone has proved it.
	chat, session := get("/api/v4/users/me"), get("/api/mattermost/session")
	for name, a := range map[string]answer{"chat": chat, "session": session} {
		if a.StatusCode != 503 || a.Header.Get("Retry-After") == "" || len(a.Cookies()) > 0 {
			t.Errorf("%s: %d %s %v", name, a.StatusCode, a.body, a.Header)
		}
	}
	if !strings.Contains(chat.body, `"id":"matterpass.gateway.upstream_unavailable"`) || !strings.Contains(chat.body, `"request_id":"`+chat.Header.Get("X-Request-Id")) {
		t.Errorf("not Mattermost's shape: %s", chat.body)
	}
	// Nobody gets tries for nothing: the bucket of five has one less since the start.
	for try, want := range []int{503, 503, 503, 503, 429} {
		if a := login(); a.StatusCode != want {
			t.Errorf("try %d: %d %s, want %d", try+1, a.StatusCode, a.body, want)
		}
	}

	mm.FailDatabase(false)
	if a := get("/api/v4/users/me"); a.StatusCode != 200 || mm.Sessions(simulator.DemoEmail) != 1 {
		t.Errorf("after the outage: %d %s", a.StatusCode, a.body)
	}
}
