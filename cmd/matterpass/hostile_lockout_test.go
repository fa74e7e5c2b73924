package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"matterpass/internal/simulator"
)

// strangers guess somebody's password, each from a place of its own.
func (d *door) strangers(n int, email string) (asked int) {
	d.t.Helper()
	before := d.mm.Logins()
	for i := range n {
		got := d.post("/api/mattermost/login", quoted(`{"email":%s,"password":"a-wrong-password"}`, email), "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
		if got.StatusCode != http.StatusUnauthorized {
			d.t.Errorf("guess %d: %d %s", i, got.StatusCode, got.body)
		}
	}
	return d.mm.Logins() - before
}

// TestALockedAccountOpensToWhoProvesWhoTheyAre. Where Mattermost checks a password
// for that, its lock is lifted once an hour, and the log says so.
func TestALockedAccountOpensToWhoProvesWhoTheyAre(t *testing.T) {
	for mint, env := range eachMint() {
		t.Run(mint, func(t *testing.T) {
			d := doorOf(t, env...)
			wants(t, "her account", d.enter(claims("4711", "nora@corp.com")), http.StatusOK, "")
			d.mm.SetFailedAttempts("nora@corp.com", 10)
			wants(t, "locked", d.enter(claims("4711", "nora@corp.com")), http.StatusOK, "")
			if mint == "plugin" {
				return
			}
			eventually(t, "the log tells of the lock that was lifted", func() bool {
				return strings.Count(d.log.String(), `"what":"unlocked"`) == 1
			})
			d.mm.SetFailedAttempts("nora@corp.com", 10)
			d.again()
			wants(t, "locked again within the hour", d.enter(claims("4711", "nora@corp.com")), http.StatusForbidden, "mint_refused")
			d.rewrite("UPDATE turns SET taken = taken - ?", 3_600_000)
			wants(t, "an hour later", d.enter(claims("4711", "nora@corp.com")), http.StatusOK, "")
		})
	}
}

// TestARestartGivesStrangersNothing: the count of failures is durable.
func TestARestartGivesStrangersNothing(t *testing.T) {
	d := doorOf(t, "RATE_LIMIT_LOGIN", "1000/1s", "RATE_LIMIT_CLIENT", "10000/1s")
	if n := d.strangers(4, simulator.DemoEmail); n != 4 {
		t.Errorf("%d of 4 were asked", n)
	}
	d.again()
	if n := d.strangers(20, simulator.DemoEmail); n != 2 {
		t.Errorf("after a restart %d were asked, want 2", n)
	}
	d.again()
	if n := d.strangers(5, simulator.DemoEmail); n != 0 || d.mm.FailedAttempts(simulator.DemoEmail) != 6 {
		t.Errorf("after another %d were asked; Mattermost counts %d", n, d.mm.FailedAttempts(simulator.DemoEmail))
	}
}

// TestAnOutageOfTheDatabaseGivesStrangersNothing either, nor does its end.
func TestAnOutageOfTheDatabaseGivesStrangersNothing(t *testing.T) {
	d := doorOf(t, "RATE_LIMIT_LOGIN", "1000/1s", "RATE_LIMIT_CLIENT", "10000/1s")
	d.strangers(4, simulator.DemoEmail)
	restore := d.withoutDatabase()
	if n := d.strangers(10, simulator.DemoEmail); n != 2 {
		t.Errorf("during the outage %d were asked, want 2", n)
	}
	d.strangers(3, simulator.DanaEmail)
	restore()
	if n := d.strangers(10, simulator.DemoEmail); n != 0 {
		t.Errorf("after it %d were asked, want none", n)
	}
	if n := d.strangers(10, simulator.DanaEmail); n != 3 {
		t.Errorf("of another account %d were asked, want 3", n)
	}
	for _, who := range []string{simulator.DemoEmail, simulator.DanaEmail} {
		if n := d.mm.FailedAttempts(who); n != 6 {
			t.Errorf("Mattermost counts %d failures of %s, want 6", n, who)
		}
	}
	d.again()
	if n := d.strangers(3, simulator.DanaEmail); n != 0 {
		t.Errorf("a restart forgot what failed during the outage: %d were asked", n)
	}
}

// withoutDatabase takes the file away while it is open, and gives it back.
func (d *door) withoutDatabase() (restore func()) {
	d.t.Helper()
	file := strings.TrimPrefix(d.whole["DATABASE_URL"], "sqlite://")
	if err := os.Rename(file, file+".away"); err != nil {
		d.t.Fatal(err)
	}
	return func() {
		if err := os.Rename(file+".away", file); err != nil {
			d.t.Fatal(err)
		}
	}
}

// TestWhoProvesWhoTheyAreHasTriesAgain: an assertion, a ticket, an operator and the
// owner's own success clear the count.
func TestWhoProvesWhoTheyAreHasTriesAgain(t *testing.T) {
	d := doorOf(t, "RATE_LIMIT_LOGIN", "1000/1s", "RATE_LIMIT_CLIENT", "10000/1s", "SESSION_MINT", "plugin")
	wants(t, "her account", d.enter(claims("4711", "nora@corp.com")), http.StatusOK, "")
	wants(t, "his account", d.redeem(d.ticket("t", "theo@corp.com"), ""), http.StatusOK, "")
	owner := deviceOf(t, d.post("/api/mattermost/login", rightPassword))
	for name, c := range map[string]struct {
		email string
		clear func() answer
	}{
		"an assertion": {"nora@corp.com", func() answer { return d.enter(claims("4711", "nora@corp.com")) }},
		"a ticket":     {"theo@corp.com", func() answer { return d.redeem(d.ticket("t", "theo@corp.com"), "") }},
		"an operator":  {simulator.DanaEmail, func() answer { return d.operator("POST", "/admin/unlock", quoted(`{"email":%s}`, simulator.DanaEmail)) }},
		"a success":    {simulator.DemoEmail, func() answer { return d.post("/api/mattermost/login", rightPassword, "Cookie", owner) }},
	} {
		if n := d.strangers(20, c.email); n != 6 {
			t.Errorf("%s: strangers asked %d times, want 6", name, n)
		}
		if got := c.clear(); got.StatusCode/100 != 2 {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
		if n := d.strangers(20, c.email); n != 6 {
			t.Errorf("%s: afterwards they asked %d times, want 6", name, n)
		}
		if n := d.mm.FailedAttempts(c.email); n != 6 {
			t.Errorf("%s: Mattermost counts %d failures, want 6: it locks at 10", name, n)
		}
	}
}
