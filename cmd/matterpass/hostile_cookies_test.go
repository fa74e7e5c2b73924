package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"matterpass/internal/simulator"
)

// shapesOf are the Set-Cookie lines of an answer without the values.
func shapesOf(a answer) (shapes []string) {
	for _, line := range a.Header.Values("Set-Cookie") {
		name, rest, _ := strings.Cut(line, "=")
		_, attributes, _ := strings.Cut(rest, "; ")
		shapes = append(shapes, name+": "+attributes)
	}
	return shapes
}

// TestTheBrowsersSchemeDecidesTheShape: what a trusted proxy says in
// X-Forwarded-Proto, and nobody else.
func TestTheBrowsersSchemeDecidesTheShape(t *testing.T) {
	plain := []string{"MMAUTHTOKEN: Path=/; HttpOnly", "MMUSERID: Path=/", "MMCSRF: Path=/", "mp_device: Path=/; Max-Age=15552000; HttpOnly"}
	secure := []string{
		"MMAUTHTOKEN: Path=/; HttpOnly; Secure; SameSite=None; Partitioned", "MMUSERID: Path=/; Secure; SameSite=None; Partitioned",
		"MMCSRF: Path=/; Secure; SameSite=None; Partitioned", "__Host-mp_device: Path=/; Max-Age=15552000; HttpOnly; Secure; SameSite=None; Partitioned",
	}
	for name, c := range map[string]struct {
		trusted string
		header  []string
		want    []string
	}{
		"a trusted proxy says https":   {"127.0.0.0/8", []string{"X-Forwarded-Proto", "https"}, secure},
		"a trusted proxy says http":    {"127.0.0.0/8", []string{"X-Forwarded-Proto", "http"}, plain},
		"a trusted proxy says both":    {"127.0.0.0/8", []string{"X-Forwarded-Proto", "https, http"}, plain},
		"a trusted proxy says nothing": {"127.0.0.0/8", nil, plain},
		"a stranger says https":        {"", []string{"X-Forwarded-Proto", "https", "Forwarded", "proto=https", "X_Forwarded_Proto", "https", "Front-End-Https", "on"}, plain},
	} {
		t.Run(name, func(t *testing.T) {
			h := attacked(t, simulator.Options{}, func(env map[string]string) {
				env["APP_ENV"], env["PUBLIC_URL"], env["TRUSTED_PROXIES"] = "development", "http://chat.example.com", c.trusted
			})
			got := h.post("/api/mattermost/login", rightPassword, c.header...)
			if shapes := shapesOf(got); !slices.Equal(shapes, c.want) {
				t.Errorf("%d\n%s", got.StatusCode, strings.Join(shapes, "\n"))
			}
		})
	}
}

// TestTossedCookiesNeverReachMattermostTwice: a sibling host can put cookies of
// any spelling beside ours; one of each name goes on, and a sign-in replaces all.
func TestTossedCookiesNeverReachMattermostTwice(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v4/users/me" || r.Header.Get("Authorization") != "" {
			return // Matterpass's own questions
		}
		mu.Lock()
		defer mu.Unlock()
		seen = r.Header["Cookie"]
	}))
	t.Cleanup(upstream.Close)
	h := attacked(t, simulator.Options{}, func(env map[string]string) { env["MM_BASE_URL"] = upstream.URL })
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf("junk%d=x", i)
	}
	for name, c := range map[string]struct {
		lines  []string
		tokens string
	}{
		"twins":            {[]string{"MMAUTHTOKEN=evil; MMAUTHTOKEN=good"}, "good"},
		"two header lines": {[]string{"MMAUTHTOKEN=evil", "MMAUTHTOKEN=good"}, "good"},
		"a quoted name":    {[]string{`"MMAUTHTOKEN"=evil; MMAUTHTOKEN=good`}, "good"},
		"a quoted last":    {[]string{`MMAUTHTOKEN=good; "MMAUTHTOKEN"=evil`}, "good"},
		"an old version":   {[]string{`$Version=1; MMAUTHTOKEN=good; $Path="/"`}, "good"},
		"a wide space":     {[]string{"\u2000MMAUTHTOKEN=evil; MMAUTHTOKEN=good"}, "good"},
		"a wide space end": {[]string{"MMAUTHTOKEN=good; MMAUTHTOKEN\u2000=evil"}, "good"},
		"a sandwich":       {[]string{`a="x; MMAUTHTOKEN=good; b=y"`}, "good"},
		"an overflow":      {[]string{strings.Join(many, "; ") + "; MMAUTHTOKEN=good"}, "good"},
		"our own":          {[]string{"__Host-mp_device=v1.x; mp_device=y; mp_probe_lax=1; MMEMBED=1; MMAUTHTOKEN=good"}, "good"},
	} {
		request := "GET /api/v4/users/me HTTP/1.1\r\nHost: chat.example.com\r\nConnection: close\r\n"
		for _, line := range c.lines {
			request += "Cookie: " + line + "\r\n"
		}
		h.raw(request + "\r\n")
		mu.Lock()
		all := strings.Join(seen, "; ")
		mu.Unlock()
		if strings.Count(all, "MMAUTHTOKEN") != 1 || !strings.Contains(all, "MMAUTHTOKEN="+c.tokens) || strings.Contains(all, "evil") || len(seen) != 1 {
			t.Errorf("%s: Mattermost saw %q", name, seen)
		}
		for _, ours := range []string{"mp_device", "mp_probe", "MMEMBED"} {
			if strings.Contains(all, ours) {
				t.Errorf("%s: Mattermost saw %s", name, ours)
			}
		}
	}
}

// TestASignInWithTossedCookiesSetsThreeAndExpiresTheRest also shows that a fixed
// session is ended, not taken over.
func TestASignInWithTossedCookiesSetsThreeAndExpiresTheRest(t *testing.T) {
	h := attacked(t, simulator.Options{})
	fixed, _ := h.mm.SignIn("dana@erp.test")
	got := h.post("/api/mattermost/login", rightPassword, "Cookie", "MMAUTHTOKEN=evil; MMAUTHTOKEN="+fixed)
	if got.StatusCode != 200 {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	live := map[string]int{}
	for _, c := range got.Cookies() {
		switch {
		case c.MaxAge >= 0 && c.Value != "":
			live[c.Name]++
		case c.Domain == "" && c.Partitioned && c.Path == "/":
			t.Errorf("the new cookie is deleted again: %s", c.Raw)
		}
		if c.Value == fixed || c.Value == "evil" {
			t.Errorf("a session from before was kept: %s", c.Raw)
		}
	}
	if live["MMAUTHTOKEN"] != 1 || live["MMUSERID"] != 1 || live["MMCSRF"] != 1 || len(live) != 4 || len(got.Cookies()) <= 4 {
		t.Errorf("live: %v of %d", live, len(got.Cookies()))
	}
	if n := h.mm.Sessions("dana@erp.test"); n != 0 {
		t.Errorf("the session from before lives on (%d)", n)
	}
}
