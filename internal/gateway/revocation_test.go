package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"matterpass/internal/gateway"
	"matterpass/internal/simulator"
)

// asked has the gateway ask the backend, but in nobody's turn: only when there is a
// reason. It notes about whom.
type asked struct {
	mu     sync.Mutex
	tokens []string
}

func (a *asked) options(o *gateway.Options) {
	o.AliveEvery = time.Hour
	o.Alive = func(ctx context.Context, token string, _ bool) (bool, error) {
		a.mu.Lock()
		a.tokens = append(a.tokens, token)
		a.mu.Unlock()
		req, err := http.NewRequestWithContext(ctx, "GET", o.Upstream.JoinPath("/api/v4/users/me").String(), nil)
		if err != nil {
			return false, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := o.Transport.RoundTrip(req)
		if err != nil {
			return false, err
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK, nil
	}
}

func (a *asked) times(token string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.tokens {
		if t == token {
			n++
		}
	}
	return n
}

// revocations is a Mattermost with somebody signed in twice, a colleague, and an
// administrator.
type revocations struct {
	*rig
	*asked
	mattermost            *simulator.Server
	here, elsewhere, dana string // Cookie headers
	demo                  string // the id of who is signed in twice
	admin                 []string
}

func startRevocations(t *testing.T) *revocations {
	t.Helper()
	v := &revocations{asked: &asked{}}
	v.rig, v.mattermost = startSimulator(t, func(o *gateway.Options) {
		o.Transport = gateway.NewTransport()
		v.options(o)
	})
	password := v.mattermost.Password()
	v.here, v.elsewhere = v.signInAs("demo@erp.test", password), v.signInAs("demo@erp.test", password)
	v.dana, v.demo = v.signInAs("dana@erp.test", password), v.mattermost.UserID("demo@erp.test")
	v.admin = []string{"Authorization", "Bearer " + v.mattermost.AdminToken()}
	return v
}

// own are the headers of a browser that proves itself.
func own(cookies string) []string {
	return []string{"Cookie", cookies, "X-Requested-With", "XMLHttpRequest"}
}

// tokenIn is the session token of a Cookie header.
func tokenIn(cookies string) string {
	token, _, _ := strings.Cut(strings.TrimPrefix(cookies, "MMAUTHTOKEN="), ";")
	return token
}

// sessionID is the id of the session of a Cookie header.
func (v *revocations) sessionID(cookies string) string {
	v.t.Helper()
	var sessions []struct{ ID string }
	a := v.get("/api/v4/users/me/sessions", "Cookie", cookies) // the one that was used last comes first
	if err := json.Unmarshal([]byte(a.body), &sessions); err != nil || len(sessions) == 0 {
		v.t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	return sessions[0].ID
}

// loses waits for the end of a WebSocket, but not long.
func loses(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	defer time.AfterFunc(5*time.Second, func() { _ = conn.CloseNow() }).Stop()
	if got := status(t, conn); got != websocket.StatusPolicyViolation {
		t.Errorf("status %d", got)
	}
}

// TestARevocationEndsTunnelsAtOnce: nobody's turn to be asked about comes in this
// test, and the colleague is not even asked about where it concerns another.
func TestARevocationEndsTunnelsAtOnce(t *testing.T) {
	tests := map[string]struct {
		call  func(*revocations) (method, path, body string, header []string)
		alone bool // the colleague stays
	}{
		"one's session elsewhere": {func(v *revocations) (string, string, string, []string) {
			return "POST", "/api/v4/users/me/sessions/revoke", `{"session_id":"` + v.sessionID(v.elsewhere) + `"}`, own(v.here)
		}, true},
		"all of one's own": {func(v *revocations) (string, string, string, []string) {
			return "POST", "/api/v4/users/" + v.demo + "/sessions/revoke/all", "", own(v.here)
		}, true},
		"all of somebody's": {func(v *revocations) (string, string, string, []string) {
			return "POST", "/api/v4/users/" + v.demo + "/sessions/revoke/all", "", v.admin
		}, true},
		"everybody's": {func(v *revocations) (string, string, string, []string) {
			return "POST", "/api/v4/users/sessions/revoke/all", "", v.admin
		}, false},
		"the account": {func(v *revocations) (string, string, string, []string) {
			return "DELETE", "/api/v4/users/" + v.demo, "", v.admin
		}, true},
		"that it is active": {func(v *revocations) (string, string, string, []string) {
			return "PUT", "/api/v4/users/" + v.demo + "/active", `{"active":false}`, v.admin
		}, true},
		"the password": {func(v *revocations) (string, string, string, []string) {
			return "PUT", "/api/v4/users/" + v.demo + "/password", `{"current_password":"` + v.mattermost.Password() + `","new_password":"Passw0rd-new"}`, own(v.here)
		}, true},
		"the password, by others": {func(v *revocations) (string, string, string, []string) {
			return "PUT", "/api/v4/users/" + v.demo + "/password", `{"new_password":"Passw0rd-new"}`, v.admin
		}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := startRevocations(t)
			conn, colleague := v.hello(v.elsewhere), v.hello(v.dana)
			method, path, body, header := tt.call(v)
			if a := v.do(method, path, body, header...); a.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			loses(t, conn)
			if !tt.alone {
				loses(t, colleague)
				return
			}
			v.isOpen(colleague)
			if n := v.times(tokenIn(v.dana)); n != 0 {
				t.Errorf("the colleague was asked about %d times", n)
			}
		})
	}
}

func TestARevokedTokenLosesItsTunnelAtOnce(t *testing.T) {
	for _, call := range []string{"revoke", "disable"} {
		t.Run(call, func(t *testing.T) {
			v := startRevocations(t)
			res, err := http.NewRequestWithContext(t.Context(), "POST", v.backend.URL+"/api/v4/users/"+v.demo+"/tokens", strings.NewReader(`{"description":"x"}`))
			if err != nil {
				t.Fatal(err)
			}
			res.Header.Set("Authorization", v.admin[1])
			var made struct{ ID, Token string }
			if err := json.Unmarshal([]byte(v.send(res).body), &made); err != nil || made.Token == "" {
				t.Fatal(made, err)
			}
			conn, person := v.dial("Authorization", "Bearer "+made.Token), v.hello(v.here)
			if a := v.do("POST", "/api/v4/users/tokens/"+call, `{"token_id":"`+made.ID+`"}`, v.admin...); a.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			loses(t, conn)
			v.isOpen(person)
		})
	}
}

// TestWhatEndsNobodysSessionHasNobodyAsked: neither what failed nor what only looks
// like it.
func TestWhatEndsNobodysSessionHasNobodyAsked(t *testing.T) {
	v := startRevocations(t)
	conn := v.hello(v.elsewhere)
	for _, call := range [][2]string{
		{"POST", "/api/v4/users/" + v.demo + "/sessions/revoke"}, {"DELETE", "/api/v4/users/" + v.mattermost.UserID("dana@erp.test")},
		{"GET", "/api/v4/users/" + v.demo}, {"GET", "/api/v4/users/sessions/revoke/all"},
	} {
		v.do(call[0], call[1], `{}`, own(v.here)...)
	}
	if a := v.do("PUT", "/api/v4/users/"+v.demo+"/patch", `{"nickname":"x"}`, own(v.here)...); a.StatusCode != http.StatusOK {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	v.isOpen(conn)
	v.Recheck(v.demo)
	eventually(t, "asked about", func() bool { return v.times(tokenIn(v.elsewhere)) == 1 })
	v.isOpen(conn)
}

// TestADoubtDuringAHandshakeConcernsItToo: Mattermost accepted the session just
// before it ended.
func TestADoubtDuringAHandshakeConcernsItToo(t *testing.T) {
	accepting, doubted := make(chan struct{}), make(chan struct{})
	rig, ended := raw(t, func(conn net.Conn, r *bufio.Reader) {
		close(accepting)
		<-doubted
		accept(copyBack)(conn, r)
	}, func(o *gateway.Options) {
		o.AliveEvery = time.Hour
		o.Alive = func(context.Context, string, bool) (bool, error) { return false, nil }
	})
	go func() {
		<-accepting
		rig.Recheck("aaaaaaaaaaaaaaaaaaaaaaaaaa")
		close(doubted)
	}()
	conn := shakeHands(t, rig.host, "t")
	_, _ = io.ReadFull(conn, make([]byte, len("\x88\x02\x03\xf0")))
	_ = conn.Close()
	if why := <-ended; why != "revoked" {
		t.Errorf("it ended because %s", why)
	}
}

// TestWhoseASessionIsMayBeUnclear: with two claims, or none, it is asked about
// whoever is meant.
func TestWhoseASessionIsMayBeUnclear(t *testing.T) {
	a := &asked{}
	rig, _ := raw(t, accept(copyBack), func(o *gateway.Options) {
		o.Transport = gateway.NewTransport()
		a.options(o)
		o.Alive = func(_ context.Context, token string, _ bool) (bool, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.tokens = append(a.tokens, token)
			return true, nil
		}
	})
	user := func(letter string) string { return "MMUSERID=" + strings.Repeat(letter, 26) }
	for i, cookies := range []string{
		"MMAUTHTOKEN=one; " + user("a"), "MMAUTHTOKEN=two; " + user("b"), "MMAUTHTOKEN=two; " + user("c"),
		"MMAUTHTOKEN=none", "MMAUTHTOKEN=bad; MMUSERID=b", "MMAUTHTOKEN=other; " + user("b"),
	} {
		res, err := rig.client.Do(rig.socketRequest("Cookie", cookies))
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(i, res, err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
	}
	rig.Recheck(strings.Repeat("a", 26))
	for token, want := range map[string]int{"one": 1, "two": 1, "none": 1, "bad": 1} {
		eventually(t, fmt.Sprint(token, " asked about"), func() bool { return a.times(token) == want })
	}
	if n := a.times("other"); n != 0 {
		t.Errorf("somebody else was asked about %d times", n)
	}
}
