package main

import (
	"strings"
	"time"

	"matterpass/internal/simulator"
)

// beside puts another element into the ERP's page, as another tab of it would be, for
// somebody who is signed in there by now.
func (s seat) beside(email string) {
	s.Helper()
	s.Text(`fetch("/erp/me", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: "` + email + `" }) })
		.then((answer) => answer.json())
		.then((now) => {
			window.other = document.createElement("mattermost-chat");
			other.server = now.chat;
			other.subject = now.subject;
			other.credentials = async () => (await fetch("/erp/assertion", { method: "POST" })).json();
			document.body.append(other);
		})`)
	s.Wait(`other.state === "ready"`)
}

func staysOutEverywhere(s seat) {
	s.enter()
	s.beside(simulator.DemoEmail)
	s.Do("told.length = 0")
	s.Text("other.signOut()")
	s.Wait(`other.state === "signed-out"`)
	s.state("signed-out")
	minted := s.mattermost.Mints()
	for quiet := time.Now().Add(2 * time.Second); time.Now().Before(quiet); time.Sleep(50 * time.Millisecond) {
		if n := s.mattermost.Sessions(simulator.DemoEmail); n > 0 || s.mattermost.Mints() > minted {
			s.Fatalf("%d sessions, and %d sign-ins more", n, s.mattermost.Mints()-minted)
		}
	}
	if got := s.Text("told"); !strings.Contains(got, "signout") || strings.Contains(got, "signin") {
		s.Errorf("the host was told %s", got)
	}
	s.Do(theChat + ".signIn()") // in the ERP the same person is signed in still
	s.signedIn("demo")
}

func makesWay(s seat) {
	s.enter()
	s.Do("told.length = 0")
	s.beside(simulator.DanaEmail)
	s.state("signed-out")
	if got := s.Text("told"); !strings.Contains(got, "signout") || strings.Contains(got, "signin") {
		s.Errorf("the former user's page was told %s", got)
	}
	if n := s.mattermost.Sessions(simulator.DemoEmail); n != 0 {
		s.Errorf("%d sessions of the former user", n)
	}
	if got := s.Text("other.state"); got != "ready" {
		s.Errorf("the next user's chat is %s", got)
	}
}
