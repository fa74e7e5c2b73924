package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/gateway"
	"matterpass/internal/mattermost"
	"matterpass/internal/simulator"
)

const (
	ownToken   = "gggggggggggggggggggggggggg"
	otherToken = "oooooooooooooooooooooooooo"
	ajax       = "XMLHttpRequest"
	expiredID  = "api.context.session_expired.app_error"
	kept       = "matterpass.gateway.upstream_unavailable"
)

// startKept is a simulated Mattermost behind a gateway that can tell whether its
// database is away.
func startKept(t *testing.T) (*rig, *simulator.Server) {
	t.Helper()
	m := simulator.New(simulator.Options{Demo: true, SiteURL: siteURL})
	t.Cleanup(m.Close)
	backend := httptest.NewServer(m)
	t.Cleanup(backend.Close)
	client := mattermost.New(mattermost.Options{BaseURL: backend.URL})
	t.Cleanup(client.Close)
	return startBefore(t, backend, func(o *gateway.Options) {
		o.SiteURL = func() string { return siteURL }
		o.Away = client.DatabaseAway
	}), m
}

// verdictOf is what became of a session with an answer.
type verdictOf struct {
	Status  int
	ID      string // of the error
	Deleted []string
	Retry   string
}

func (a answer) verdict() verdictOf {
	v := verdictOf{Status: a.StatusCode, Retry: a.Header.Get("Retry-After")}
	var said struct{ ID string }
	if json.Unmarshal([]byte(a.body), &said) == nil && a.StatusCode >= 400 {
		v.ID = said.ID
	}
	for _, c := range a.Cookies() {
		if c.MaxAge < 0 {
			v.Deleted = append(v.Deleted, c.Name)
		}
	}
	return v
}

var (
	waits  = verdictOf{503, kept, nil, "5"}
	signed = verdictOf{401, expiredID, []string{"MMAUTHTOKEN", "MMUSERID", "MMCSRF"}, ""}
)

// TestAnOutageSignsNobodyOut: without its database Mattermost takes good sessions
// for unknown and has their cookie deleted (docs/mattermost.md I3).
func TestAnOutageSignsNobodyOut(t *testing.T) {
	tests := map[string]struct {
		stranger bool // the session never worked here
		there    bool // the database is, and the session was revoked
		ask      func(rig *rig, token, cookies, csrf string) answer
		want     verdictOf
	}{
		"a page asks who it is": {ask: func(r *rig, _, cookies, _ string) answer {
			return r.get("/api/v4/users/me", "Cookie", cookies)
		}, want: waits},
		"a page posts": {ask: func(r *rig, _, cookies, _ string) answer {
			return r.do("POST", "/api/v4/users/status/ids", "[]", "Cookie", cookies, "X-Requested-With", ajax)
		}, want: waits},
		"a page posts with the CSRF value": {ask: func(r *rig, _, cookies, csrf string) answer {
			return r.do("POST", "/api/v4/users/status/ids", "[]", "Cookie", cookies+"; MMCSRF="+csrf, "X-CSRF-Token", csrf)
		}, want: waits},
		"a program": {ask: func(r *rig, token, _, _ string) answer {
			return r.do("POST", "/api/v4/users/status/ids", "[]", "Authorization", "Bearer "+token)
		}, want: waits},
		"somebody posts without proof": {ask: func(r *rig, _, cookies, _ string) answer {
			return r.do("POST", "/api/v4/users/status/ids", "[]", "Cookie", cookies)
		}, want: signed},
		"somebody posts with an empty proof": {ask: func(r *rig, _, cookies, _ string) answer {
			return r.do("POST", "/api/v4/users/status/ids", "[]", "Cookie", cookies, "X-CSRF-Token", "")
		}, want: signed},
		"a session that never worked here": {stranger: true, ask: func(r *rig, _, cookies, _ string) answer {
			return r.get("/api/v4/users/me", "Cookie", cookies)
		}, want: signed},
		"no session": {ask: func(r *rig, _, _, _ string) answer {
			return r.get("/api/v4/users/me")
		}, want: verdictOf{401, expiredID, nil, ""}},
		"the person signs out": {ask: func(r *rig, _, cookies, _ string) answer {
			return r.do("POST", "/api/v4/users/logout", "", "Cookie", cookies, "X-Requested-With", ajax)
		}, want: verdictOf{200, "", signed.Deleted, ""}},
		"no outage, the session was revoked": {there: true, ask: func(r *rig, _, cookies, _ string) answer {
			return r.get("/api/v4/users/me", "Cookie", cookies)
		}, want: signed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rig, m := startKept(t)
			token, csrf := m.SignIn(simulator.DemoEmail)
			cookies := "MMAUTHTOKEN=" + token + "; MMUSERID=u"
			if !tt.stranger {
				if a := rig.get("/api/v4/users/me", "Cookie", cookies); a.StatusCode != 200 {
					t.Fatalf("before the outage: %d %s", a.StatusCode, a.body)
				}
			}
			m.FailDatabase(!tt.there)
			m.InvalidateCaches()
			if tt.there {
				m.RevokeSessions(simulator.DemoEmail)
			}
			got := tt.ask(rig, token, cookies, csrf)
			if diff := cmp.Diff(tt.want, got.verdict()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if kept := got.StatusCode == 503; kept && rig.lastNote().Code != "upstream_unavailable" {
				t.Errorf("noted as %+v", rig.lastNote())
			}
			m.FailDatabase(false)
			back := rig.get("/api/v4/users/me", "Cookie", cookies)
			if alive := back.StatusCode == 200; alive == tt.there {
				t.Errorf("after the outage: %d", back.StatusCode)
			}
		})
	}
}

// unknownSession answers as Mattermost does about a session that it does not know.
func unknownSession(w http.ResponseWriter, status int, id, rest string) {
	w.Header().Set("Set-Cookie", "MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"id":"`+id+`","message":"x","status_code":401}`+rest)
}

// TestNothingButTheOutagesOwnAnswerIsHeldBack: all with a session that has worked,
// while the database is away.
func TestNothingButTheOutagesOwnAnswerIsHeldBack(t *testing.T) {
	long := strings.Repeat(" ", 64<<10)
	tests := map[string]struct {
		answer http.HandlerFunc
		status int
		asked  int // about the database
	}{
		"the outage's own": {func(w http.ResponseWriter, _ *http.Request) { unknownSession(w, 401, expiredID, "") }, 503, 1},
		"another error": {func(w http.ResponseWriter, _ *http.Request) {
			unknownSession(w, 401, "api.context.mfa_required.app_error", "")
		}, 401, 0},
		"another status":         {func(w http.ResponseWriter, _ *http.Request) { unknownSession(w, 403, expiredID, "") }, 403, 0},
		"longer than an error":   {func(w http.ResponseWriter, _ *http.Request) { unknownSession(w, 401, expiredID, long) }, 401, 0},
		"no JSON":                {func(w http.ResponseWriter, _ *http.Request) { unknownSession(w, 401, expiredID, "<html>") }, 401, 0},
		"nothing is deleted":     {headersOf(401, "Set-Cookie", "theme=; Max-Age=0"), 401, 0},
		"no cookie at all":       {headersOf(401), 401, 0},
		"a success that ends it": {headersOf(200, "Set-Cookie", "MMAUTHTOKEN=; Max-Age=0"), 200, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var asked int
			seen := gateway.NewMemory(0)
			seen.Saw(ownToken)
			var sent strings.Builder
			rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tt.answer(copying{w, &sent}, r)
			}), func(o *gateway.Options) {
				o.Seen = seen
				o.Away = func(context.Context) bool { asked++; return true }
			})
			a := rig.get("/api/v4/users/me", "Cookie", "MMAUTHTOKEN="+ownToken)
			if a.StatusCode != tt.status || asked != tt.asked {
				t.Errorf("got %d %.100s, asked %d times; want %d and %d", a.StatusCode, a.body, asked, tt.status, tt.asked)
			}
			if a.StatusCode != 503 && a.body != sent.String() {
				t.Errorf("%d bytes of %d arrived", len(a.body), sent.Len())
			}
		})
	}
}

// TestASignOutIsNeverHeldBack, not even one that Mattermost refused.
func TestASignOutIsNeverHeldBack(t *testing.T) {
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { unknownSession(w, 401, expiredID, "") }), func(o *gateway.Options) {
		o.Seen = everybody{}
		o.Away = func(context.Context) bool { return true }
	})
	a := rig.do("POST", "/api/v4/users/logout", "", "Cookie", "MMAUTHTOKEN="+ownToken, "X-Requested-With", ajax)
	if diff := cmp.Diff(signed, a.verdict()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// copying remembers the body that is written.
type copying struct {
	http.ResponseWriter
	body io.Writer
}

func (c copying) Write(p []byte) (int, error) {
	_, _ = c.body.Write(p)
	return c.ResponseWriter.Write(p)
}

func TestABodyThatStallsIsNotWaitedForLongerThanAnyOther(t *testing.T) {
	release := make(chan struct{})
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "MMAUTHTOKEN=; Max-Age=0")
		w.WriteHeader(401)
		_ = http.NewResponseController(w).Flush()
		<-release
	}), func(o *gateway.Options) {
		o.Stall = 50 * time.Millisecond
		o.Seen = everybody{}
	})
	defer close(release)
	res, err := rig.client.Do(rig.request("GET", "/api/v4/users/me", "", "Cookie", "MMAUTHTOKEN="+ownToken))
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	if err == nil {
		t.Error("a broken answer arrived as a whole one")
	}
}

// everybody is a Seen that knows everybody.
type everybody struct{}

func (everybody) Saw(string)        {}
func (everybody) Known(string) bool { return true }
