package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"matterpass/internal/simulator"
)

// rewrite changes the database behind Matterpass's back: the tests' way to let time
// go by.
func (d *door) rewrite(statement string, args ...any) {
	d.t.Helper()
	d.database(func(db *sql.DB) error {
		_, err := db.ExecContext(d.t.Context(), statement, args...)
		return err
	})
}

// count asks the store for a number.
func (d *door) count(query string) (n int) {
	d.t.Helper()
	d.database(func(db *sql.DB) error { return db.QueryRowContext(d.t.Context(), query).Scan(&n) })
	return n
}

func (d *door) database(use func(*sql.DB) error) {
	d.t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(d.whole["DATABASE_URL"], "sqlite://")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		d.t.Fatal(err)
	}
	defer db.Close()
	if err := use(db); err != nil {
		d.t.Fatal(err)
	}
}

// socket opens a WebSocket with a browser's cookies.
func (d *door) socket(cookies string) *websocket.Conn {
	d.t.Helper()
	conn, _, err := websocket.Dial(d.t.Context(), "ws://"+d.addr+"/api/v4/websocket", &websocket.DialOptions{
		Host: "chat.example.com", HTTPHeader: http.Header{"Origin": {"https://chat.example.com"}, "X-Forwarded-Proto": {"https"}, "Cookie": {cookies}},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// TestASessionEndsWithItsTime: too old, or unused for too long. The browser is a
// stranger's from then on, and everybody is told.
func TestASessionEndsWithItsTime(t *testing.T) {
	for column, variable := range map[string]string{"created": "SESSION_MAX_AGE", "last_seen": "SESSION_IDLE"} {
		t.Run(variable, func(t *testing.T) {
			d := doorOf(t, variable, "1m")
			in := d.enter(claims("4711", "nora@corp.com"))
			wants(t, "nora", in, http.StatusOK, "")
			cookies := in.cookies()
			d.rewrite("UPDATE sessions SET "+column+" = "+column+" - ?", 57_000)
			d.again()
			if d.me(cookies) != http.StatusOK {
				t.Fatal("it ended before its time")
			}
			conn := d.socket(cookies)
			eventually(t, "its time is over", func() bool { return d.me(cookies) == http.StatusUnauthorized })
			isClosed(t, conn)
			got := ask(t, "GET", "http://"+d.addr+"/api/v4/users/me", "", "X-Forwarded-Proto", "https", "Cookie", cookies)
			if got.opens() || !strings.Contains(strings.Join(got.Header.Values("Set-Cookie"), "\n"), "MMAUTHTOKEN=;") {
				t.Errorf("the cookies stay: %q", got.Header.Values("Set-Cookie"))
			}
			wants(t, "session", ask(t, "GET", "http://"+d.addr+"/api/mattermost/session", "", "Cookie", cookies), http.StatusUnauthorized, "signed_out")
			eventually(t, "Mattermost was told", func() bool { return d.mm.Sessions("nora@corp.com") == 0 })
			d.again()
			if d.me(cookies) != http.StatusUnauthorized {
				t.Error("it lives again after a restart")
			}
		})
	}
}

// TestWhatAPageAsksByItselfKeepsNoSessionAlive: a forgotten tab polls for ever.
func TestWhatAPageAsksByItselfKeepsNoSessionAlive(t *testing.T) {
	d := doorOf(t, "SESSION_IDLE", "1m")
	cookies := d.enter(claims("4711", "nora@corp.com")).cookies()
	d.rewrite("UPDATE sessions SET last_seen = last_seen - ?", 57_000)
	d.again()
	eventually(t, "it ended all the same", func() bool {
		d.post("/api/v4/users/status/ids", "[]", "X-Requested-With", "XMLHttpRequest", "Cookie", cookies)
		return d.me(cookies) == http.StatusUnauthorized
	})
}

// endings fails what would end a session at Mattermost.
func endings(w http.ResponseWriter, r *http.Request) bool {
	if strings.HasSuffix(r.URL.Path, "/logout") || strings.Contains(r.URL.Path, "/revoke") {
		return down(w, r)
	}
	return false
}

// TestASignOutThatMattermostCannotBeToldOfHoldsAllTheSame, over a restart, until
// it can be told.
func TestASignOutThatMattermostCannotBeToldOfHoldsAllTheSame(t *testing.T) {
	for name, body := range map[string]string{"this one": "", "everywhere": `{"everywhere":true}`} {
		t.Run(name, func(t *testing.T) {
			d, mattermost := doorBetween(t)
			cookies := d.enter(claims("4711", "nora@corp.com")).cookies()
			other := d.enter(claims("4711", "nora@corp.com")).cookies()
			mattermost.set(endings)
			out := d.post("/api/mattermost/logout", body, "Cookie", cookies)
			wants(t, "sign-out", out, http.StatusNoContent, "")
			if !strings.Contains(strings.Join(out.Header.Values("Set-Cookie"), "\n"), "MMAUTHTOKEN=;") {
				t.Error("the cookies stay")
			}
			refused := func(when string) {
				t.Helper()
				if d.me(cookies) != http.StatusUnauthorized || (d.me(other) == http.StatusUnauthorized) != (body != "") {
					t.Errorf("%s: %d, the other %d", when, d.me(cookies), d.me(other))
				}
			}
			refused("at once")
			d.again()
			refused("after a restart")
			if n := d.mm.Sessions("nora@corp.com"); n != 2 {
				t.Fatalf("Mattermost was told: %d sessions", n)
			}
			mattermost.set(nil)
			d.rewrite("UPDATE sessions SET leased_until = 0")
			d.again()
			left := 1
			if body != "" {
				left = 0
			}
			eventually(t, "Mattermost was told", func() bool { return d.mm.Sessions("nora@corp.com") == left })
		})
	}
}

// TestASignOutHoldsForAPageThatIsGone: whoever closes the tab with the same click
// has signed out.
func TestASignOutHoldsForAPageThatIsGone(t *testing.T) {
	d, mattermost := doorBetween(t)
	cookies := d.enter(claims("4711", "nora@corp.com")).cookies()
	asked, gone := make(chan struct{}), make(chan struct{})
	mattermost.set(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/logout") {
			return false
		}
		close(asked)
		<-gone
		time.Sleep(100 * time.Millisecond) // the server notices that its client left
		return down(w, r)
	})
	conn, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "POST /api/mattermost/logout HTTP/1.1\r\nHost: chat.example.com\r\nContent-Length: 0\r\nCookie: "+cookies+"\r\n\r\n")
	<-asked
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
	close(gone)
	eventually(t, "it is refused", func() bool { return d.me(cookies) == http.StatusUnauthorized })
	time.Sleep(200 * time.Millisecond) // what is written down is written by now
	mattermost.set(endings)
	d.again()
	if d.me(cookies) != http.StatusUnauthorized {
		t.Error("after a restart the session is back")
	}
}

// TestNobodyIsSignedInSilentlyAfterASignOut, wherever the button was and however
// the session began; until the person signs in again.
func TestNobodyIsSignedInSilentlyAfterASignOut(t *testing.T) {
	d := doorOf(t, "ASSERTION_COOKIE", "erp_chat", "RATE_LIMIT_IDENTITY", "1000/1s", "RATE_LIMIT_LOGIN", "1000/1s")
	nav := func() string { return d.assertion("matterpass-nav+jwt", claims("4711", "nora@corp.com")) }
	begin := map[string]func() answer{
		"on navigation": func() answer { return d.navigate(nav(), "") },
		"an assertion":  func() answer { return d.enter(claims("4711", "nora@corp.com")) },
		"with a password": func() answer {
			d.mm.SetPassword("nora@corp.com", "noras-own-password")
			return d.post("/api/mattermost/login", `{"email":"nora@corp.com","password":"noras-own-password"}`)
		},
		"in the web app": func() answer {
			return d.post("/api/v4/users/login", `{"login_id":"nora@corp.com","password":"noras-own-password"}`, "X-Requested-With", "XMLHttpRequest")
		},
	}
	end := map[string]func(cookies string) answer{
		"our button": func(cookies string) answer { return d.post("/api/mattermost/logout", "", "Cookie", cookies) },
		"everywhere": func(cookies string) answer {
			return d.post("/api/mattermost/logout", `{"everywhere":true}`, "Cookie", cookies)
		},
		"Mattermost's menu": func(cookies string) answer {
			return d.post("/api/v4/users/logout", "", "Cookie", cookies, "X-Requested-With", "XMLHttpRequest")
		},
	}
	for _, how := range []string{"on navigation", "an assertion", "with a password", "in the web app"} {
		for where, signOut := range end {
			in := begin[how]()
			if !in.opens() {
				t.Fatalf("%s: %d %s", how, in.StatusCode, in.body)
			}
			device := deviceOf(t, in)
			if out := signOut(in.cookies()); out.StatusCode/100 != 2 {
				t.Fatalf("%s: %d %s", where, out.StatusCode, out.body)
			}
			if d.navigate(nav(), device).opens() {
				t.Errorf("signed in %s and out by %s: signed in again, silently", how, where)
			}
			if d.navigate(nav(), in.cookies()).opens() {
				t.Errorf("the same with the old cookies: signed in again, silently")
			}
			again := d.enter(claims("4711", "nora@corp.com"), "Cookie", device)
			wants(t, "on purpose", again, http.StatusOK, "")
			d.mm.RevokeSessions("nora@corp.com")
			if !d.navigate(nav(), deviceOf(t, again)).opens() {
				t.Errorf("%s, %s: after a sign-in on purpose there is no silent one", how, where)
			}
		}
	}
}

// TestAForgedSignOutIsNone: Mattermost says yes to it and does nothing.
func TestAForgedSignOutIsNone(t *testing.T) {
	d := doorOf(t)
	cookies := d.enter(claims("4711", "nora@corp.com")).cookies()
	d.post("/api/v4/users/logout", "", "Cookie", cookies, "Content-Type", "text/plain", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test")
	if d.me(cookies) != http.StatusOK {
		t.Error("another site ended the session")
	}
}

// TestTheNextPersonEndsTheFormersSession and finds nothing of what they typed.
func TestTheNextPersonEndsTheFormersSession(t *testing.T) {
	d := doorOf(t, "ASSERTION_COOKIE", "erp_chat")
	first := d.enter(claims("1", "one@corp.com"))
	next := d.enter(claims("2", "two@corp.com"), "Cookie", first.cookies())
	wants(t, "the next", next, http.StatusOK, "")
	if d.me(first.cookies()) != http.StatusUnauthorized || d.mm.Sessions("one@corp.com") != 0 {
		t.Error("the former person's session goes on")
	}
	shell := ask(t, "GET", "http://"+d.addr+"/embed", "", "X-Forwarded-Proto", "https", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Cookie", next.cookies())
	if got := shell.Header.Get("Clear-Site-Data"); got != `"storage"` {
		t.Errorf("Clear-Site-Data is %q", got)
	}
	d.mm.RevokeSessions("two@corp.com")
	silent := d.navigate(d.assertion("matterpass-nav+jwt", claims("1", "one@corp.com")), deviceOf(t, next))
	if !silent.opens() || silent.Header.Get("Clear-Site-Data") != `"storage"` {
		t.Errorf("on the way: %d %v", silent.StatusCode, silent.Header)
	}
}

// TestWhoIsUnlinkedLosesTheirWebSocketsAtOnce, as after a back-channel logout: no
// token is at hand then.
func TestWhoIsUnlinkedLosesTheirWebSocketsAtOnce(t *testing.T) {
	for _, reachable := range []bool{true, false} {
		t.Run(fmt.Sprint("Mattermost answers: ", reachable), func(t *testing.T) {
			d, mattermost := doorBetween(t)
			in := d.enter(claims("4711", "nora@corp.com"))
			conn := d.socket(in.cookies())
			colleague := d.enter(claims("4712", "otto@corp.com"))
			stays := d.socket(colleague.cookies())
			if !reachable {
				mattermost.set(endings)
			}
			start := time.Now()
			wants(t, "unlink", d.operator("DELETE", "/admin/links", quoted(`{"issuer":%s,"subject":"4711"}`, issuer)), http.StatusNoContent, "")
			isClosed(t, conn)
			if d.me(in.cookies()) != http.StatusUnauthorized || time.Since(start) > 5*time.Second {
				t.Error("the session goes on")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := stays.Write(ctx, websocket.MessageText, []byte(`{"seq":1,"action":"ping"}`)); err != nil || d.me(colleague.cookies()) != http.StatusOK {
				t.Errorf("a colleague's is gone too: %v", err)
			}
		})
	}
}

// TestAnEndThatCameElsewhereIsSeen: an administrator ends it at Mattermost.
func TestAnEndThatCameElsewhereIsSeen(t *testing.T) {
	d := doorOf(t)
	in := d.enter(claims("4711", "nora@corp.com"))
	d.mm.SetActive("nora@corp.com", false)
	wants(t, "session", ask(t, "GET", "http://"+d.addr+"/api/mattermost/session", "", "Cookie", in.cookies()), http.StatusUnauthorized, "signed_out")
	if d.me(in.cookies()) != http.StatusUnauthorized || d.mm.Sessions(simulator.DemoEmail) != 0 {
		t.Error("it goes on")
	}
}
