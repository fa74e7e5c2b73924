package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"matterpass/internal/simulator"
)

// TestASessionIsEndedAtMattermostWithoutItsToken: as by a link that is taken away.
func TestASessionIsEndedAtMattermostWithoutItsToken(t *testing.T) {
	for name, env := range map[string][]string{"plugin": {}, "managed": {"SESSION_MINT", "managed", "PLUGIN_SECRET", ""}} {
		t.Run(name, func(t *testing.T) {
			d := doorOf(t, env...)
			in := d.enter(claims("4711", "nora@corp.com"))
			wants(t, "in", in, http.StatusOK, "")
			conn := d.socket(in.cookies())
			known := `SELECT COUNT(*) FROM sessions WHERE session_id <> ''`
			eventually(t, "its id is known", func() bool { return d.count(known) > 0 })
			wants(t, "unlink", d.operator("DELETE", "/admin/links", quoted(`{"issuer":%s,"subject":"4711"}`, issuer)), http.StatusNoContent, "")
			isClosed(t, conn)
			eventually(t, "Mattermost was told", func() bool { return d.mm.Sessions("nora@corp.com") == 0 })
		})
	}
}

// TestALongNameSignsIn: one that is longer than a field of Mattermost's.
func TestALongNameSignsIn(t *testing.T) {
	d := doorOf(t)
	long := "Maria " + strings.TrimSpace(strings.Repeat("de la Vega ", 8)) // 6 + 87
	got := d.enter(as("n", "maria@corp.com", "name", long))
	wants(t, "a name of "+long, got, http.StatusOK, "")
}

// TestAConflictMakesNoAccount: the person has one, under an address of before.
func TestAConflictMakesNoAccount(t *testing.T) {
	d := doorOf(t)
	wants(t, "first", d.provision(`{"email":"old@corp.com","subject":"77"}`), http.StatusCreated, "")
	wants(t, "the address changed", d.provision(`{"email":"new@corp.com","subject":"77"}`), http.StatusConflict, "conflict")
	if d.mm.UserID("new@corp.com") != "" {
		t.Error("409, and a second account was made")
	}
}

// TestTheFirstSignInLeavesNamesAlone, which the ERP gave when it made the account.
func TestTheFirstSignInLeavesNamesAlone(t *testing.T) {
	d := doorOf(t)
	wants(t, "made", d.provision(`{"email":"anna@corp.com","first_name":"Anna Maria","last_name":"Rossi"}`), http.StatusCreated, "")
	wants(t, "in", d.enter(as("a", "anna@corp.com", "name", "Anna Maria Rossi")), http.StatusOK, "")
	var user struct {
		First string `json:"first_name"`
		Last  string `json:"last_name"`
	}
	_ = json.Unmarshal([]byte(d.account("anna@corp.com")), &user)
	if user.First != "Anna Maria" || user.Last != "Rossi" {
		t.Errorf("%q %q", user.First, user.Last)
	}
}

// TestTheNextPersonByPasswordFindsNothing of what the former one typed.
func TestTheNextPersonByPasswordFindsNothing(t *testing.T) {
	d := doorOf(t)
	first := d.enter(claims("1", "one@corp.com"))
	wants(t, "made", d.provision(`{"email":"two@corp.com","password":"Kirschbaum-17-Leiter"}`), http.StatusCreated, "")
	next := d.post("/api/mattermost/login", `{"email":"two@corp.com","password":"Kirschbaum-17-Leiter"}`, "Origin", "https://erp.example.com", "Cookie", first.cookies())
	wants(t, "the next", next, http.StatusOK, "")
	shell := ask(t, "GET", "http://"+d.addr+"/embed", "", "X-Forwarded-Proto", "https", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Cookie", next.cookies())
	if got := shell.Header.Get("Clear-Site-Data"); got != `"storage"` {
		t.Errorf("Clear-Site-Data is %q", got)
	}
}

func TestALeewayOfNothingIsNone(t *testing.T) {
	d := doorOf(t, "JWT_LEEWAY", "0s")
	d.rewrite("UPDATE facts SET at = 1 WHERE name = 'epoch'")
	now := time.Now()
	got := d.enter(as("l", "lee@corp.com", "iat", now.Add(-40*time.Second).Unix(), "exp", now.Add(-10*time.Second).Unix()))
	wants(t, "10 s over", got, http.StatusUnauthorized, "login_refused")
}

// TestAMissingChannelIsNotThePersonsFault, nor theirs to know.
func TestAMissingChannelIsNotThePersonsFault(t *testing.T) {
	d := doorOf(t, "MM_TEAM_SLUG", "erp", "MM_DEFAULT_CHANNELS", "town-square,secret-project")
	got := d.enter(claims("c", "cleo@corp.com"))
	if got.StatusCode == http.StatusBadRequest || strings.Contains(got.body, "secret-project") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestCookiesLiveAsLongAsSessionsMay(t *testing.T) {
	d := doorOf(t, "SESSION_MAX_AGE", "12h")
	in := d.enter(claims("m", "max@corp.com"))
	for _, c := range in.Cookies() {
		if strings.HasPrefix(c.Name, "MM") && c.MaxAge != 12*60*60 {
			t.Errorf("%s has a Max-Age of %d", c.Name, c.MaxAge)
		}
	}
}

func TestARotationOfKeysHidesNoSwitch(t *testing.T) {
	d := doorOf(t)
	first := d.enter(claims("1", "one@corp.com"))
	d.whole["SECRET_KEYS"] = "k9:" + key32 + "rotated," + d.whole["SECRET_KEYS"]
	d.again()
	next := d.enter(claims("2", "two@corp.com"), "Cookie", first.cookies())
	wants(t, "the next", next, http.StatusOK, "")
	shell := ask(t, "GET", "http://"+d.addr+"/embed", "", "X-Forwarded-Proto", "https", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Cookie", next.cookies())
	if got := shell.Header.Get("Clear-Site-Data"); got != `"storage"` {
		t.Errorf("Clear-Site-Data is %q", got)
	}
}

// TestASignOutAfterTheEndIsOne: the session had ended by itself.
func TestASignOutAfterTheEndIsOne(t *testing.T) {
	d := doorOf(t, "ASSERTION_COOKIE", "erp_chat", "SESSION_MAX_AGE", "1h")
	in := d.enter(claims("1", "one@corp.com"))
	d.rewrite("UPDATE sessions SET created = created - 7200000")
	time.Sleep(100 * time.Millisecond)
	d.again() // forget what the process knew
	if got := d.me(in.cookies()); got != http.StatusUnauthorized {
		t.Fatalf("it goes on: %d", got)
	}
	out := d.post("/api/mattermost/logout", "", "Origin", "https://erp.example.com", "Cookie", in.cookies())
	if out.StatusCode != http.StatusNoContent {
		t.Fatal(out.body)
	}
	silent := d.navigate(d.assertion("matterpass-nav+jwt", claims("1", "one@corp.com")), deviceOf(t, in))
	if silent.opens() {
		t.Error("signed in silently after an explicit sign-out")
	}
}

// TestAVouchedAddressNeedsNoMail: where Mattermost wants addresses verified, somebody
// new whose address the ERP has checked signs in at once.
func TestAVouchedAddressNeedsNoMail(t *testing.T) {
	d := doorOf(t, "SESSION_MINT", "managed", "PLUGIN_SECRET", "")
	d.mm.Configure(func(s *simulator.Settings) { s.EmailSettings.RequireEmailVerification = true })
	wants(t, "vouched for", d.enter(as("v", "vera@corp.com", "email_verified", true)), http.StatusOK, "")
	got := d.enter(as("u", "uwe@corp.com", "email_verified", false))
	if got.StatusCode == http.StatusOK {
		t.Error("somebody signed in whose address nobody has checked")
	}
}
