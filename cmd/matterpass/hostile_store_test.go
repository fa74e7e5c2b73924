package main

import (
	"database/sql"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"matterpass/internal/simulator"
)

// outages are ways to take the database away while Matterpass runs; each returns
// how it comes back.
func outages() map[string]func(d *door) (restore func()) {
	return map[string]func(*door) func(){
		"the file is gone":   (*door).withoutDatabase,
		"the file is locked": (*door).lockedDatabase,
		"another file":       (*door).replacedDatabase,
	}
}

// lockedDatabase holds the file's write lock, as another program could.
func (d *door) lockedDatabase() (restore func()) {
	d.t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(d.whole["DATABASE_URL"], "sqlite://")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		d.t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(d.t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		d.t.Fatal(err)
	}
	return func() {
		_, _ = db.Exec("ROLLBACK")
		_ = db.Close()
	}
}

// replacedDatabase puts an empty file in its place, as a careless restore would.
func (d *door) replacedDatabase() (restore func()) {
	d.t.Helper()
	back := d.withoutDatabase()
	file := strings.TrimPrefix(d.whole["DATABASE_URL"], "sqlite://")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(file); err != nil {
			d.t.Fatal(err)
		}
		back()
	}
}

// TestWithoutADatabasePasswordsGoOnAndProofsWait: who cannot be said to be new is
// refused, and keeps the proof for later.
func TestWithoutADatabasePasswordsGoOnAndProofsWait(t *testing.T) {
	for name, take := range outages() {
		t.Run(name, func(t *testing.T) {
			d := doorOf(t, "SIGNING_KEYS", "sig:"+signing32, "ASSERTION_COOKIE", "erp_chat")
			known := d.enter(claims("4711", "nora@corp.com"))
			wants(t, "before", known, http.StatusOK, "")
			ticket := d.ticket("t", "theo@corp.com")
			assertion := d.assertion("JWT", claims("4711", "nora@corp.com"))
			navigation := d.assertion("matterpass-nav+jwt", claims("4711", "nora@corp.com"))
			signed := d.signs(launchPath, launchBody, "sig", signing32, time.Now())
			restore := take(d)
			for what, got := range map[string]answer{
				"an assertion": d.withAssertion(t, assertion), "a ticket": d.redeem(ticket, ""), "a new ticket": d.launch(launchBody), "a signature": d.sent(signed),
			} {
				wants(t, what, got, http.StatusServiceUnavailable, "store_unavailable")
				if got.Header.Get("Retry-After") == "" || strings.Contains(got.body, `"spent":true`) || strings.Contains(got.body, "sqlite") {
					t.Errorf("%s: %v %s", what, got.Header, got.body)
				}
				d.seen(what, got)
			}
			if page := d.navigate(navigation, ""); page.StatusCode != http.StatusOK || page.opens() {
				t.Errorf("on the way: %d", page.StatusCode)
			}
			wants(t, "a password", d.post("/api/mattermost/login", rightPassword), http.StatusOK, "")
			if d.me(known.cookies()) != http.StatusOK {
				t.Error("a session of before does not go on")
			}
			ready := d.operator("GET", "/readyz", "")
			if !strings.Contains(ready.body, "database") || strings.Contains(ready.body, "matterpass.db") {
				t.Errorf("/readyz: %d %s", ready.StatusCode, ready.body)
			}
			out := d.post("/api/mattermost/logout", "", "Cookie", known.cookies())
			if out.StatusCode != http.StatusNoContent || d.me(known.cookies()) != http.StatusUnauthorized {
				t.Errorf("sign-out: %d", out.StatusCode)
			}
			restore()
			eventually(t, "it is back", func() bool { return d.ready() })
			wants(t, "the same assertion", d.withAssertion(t, assertion), http.StatusOK, "")
			wants(t, "the same ticket", d.redeem(ticket, ""), http.StatusOK, "")
			if got := d.sent(signed); got.StatusCode != http.StatusCreated {
				t.Errorf("the same signature: %d %s", got.StatusCode, got.body)
			}
			wants(t, "but once", d.withAssertion(t, assertion), http.StatusUnauthorized, "assertion_spent")
			if d.mm.Sessions(simulator.DemoEmail) != 1 {
				t.Error("the session of the password is gone")
			}
		})
	}
}

// ready: no check is unwell.
func (d *door) ready() bool {
	got := d.operator("GET", "/readyz", "")
	return got.StatusCode == http.StatusOK && !strings.Contains(got.body, `"degraded"`)
}

// TestADatabaseThatWasEmptiedIsNoticedAtTheStart: what was spent must stay spent.
func TestADatabaseThatWasEmptiedIsNoticedAtTheStart(t *testing.T) {
	d := doorOf(t)
	wants(t, "before", d.enter(claims("4711", "nora@corp.com")), http.StatusOK, "")
	d.keepsItsSecrets()
	d.stop()
	d.wait(t)
	file := strings.TrimPrefix(d.whole["DATABASE_URL"], "sqlite://")
	for what, damage := range map[string]func() error{
		"removed":   func() error { return os.Remove(file) },
		"emptied":   func() error { return os.WriteFile(file, nil, 0o600) },
		"scribbled": func() error { return os.WriteFile(file, []byte(strings.Repeat("no database ", 1000)), 0o600) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		inEnvironment(t, d.whole)
		code, _, said := once(t, "serve")
		if code == exitFine || !strings.Contains(said, "matterpass.db") {
			t.Errorf("%s: exit %d: %s", what, code, said)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
