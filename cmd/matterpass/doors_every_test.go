package main

import (
	"fmt"
	"strings"
	"testing"

	"matterpass/internal/browsertest"
	"matterpass/internal/oidctest"
	"matterpass/internal/simulator"
)

const nora = "nora@erp.test" // whom Mattermost has never heard of

// TestEveryWayInEndsInTheSameChat: whoever proves who they are, and however they
// do, sees the same channel, live.
func TestEveryWayInEndsInTheSameChat(t *testing.T) {
	whole, chromium := t, browsertest.Start(t, browsertest.Options{})
	everywhere := []site{related, unrelated}
	for name, way := range map[string]struct {
		in func(doorstep)
		at []site
	}{
		"a password, through the element":               {withPassword, everywhere},
		"an assertion, through the element":             {withAssertion, everywhere},
		"an assertion of somebody new":                  {asSomebodyNew, everywhere},
		"a ticket, through the element":                 {withTicket, everywhere},
		"a ticket in a bare iframe":                     {withTicketAlone, everywhere},
		"a ticket where the browser hides the page":     {withTicketAndHandshake, []site{related}},
		"a ticket in a tab of its own":                  {withTicketOnTop, everywhere},
		"an identity provider, in a pop-up":             {withPopup, everywhere},
		"an identity provider, from a bare iframe":      {withPopupAlone, []site{unrelated}},
		"an identity provider, in a tab of its own":     {withProviderOnTop, everywhere},
		"the ERP's cookie, in a bare iframe":            {withCookie, []site{related}},
		"the ERP's cookie, in an iframe on the channel": {withCookieOnChannel, []site{related}},
	} {
		for _, at := range way.at {
			t.Run(name+"/"+strings.TrimSuffix(at.chat, ":0"), func(t *testing.T) { way.in(at.arrive(t, whole, chromium)) })
		}
	}
}

func withPassword(d doorstep) {
	embed(d.Tab, d.details, fmt.Sprintf(`{ email: %q, password: %q }`, simulator.DemoEmail, d.mattermost.Password()))
	d.signedIn("demo")
	d.inChat(simulator.DemoEmail)
	d.keepsToItself(d.mattermost.Password())
}

func withAssertion(d doorstep) {
	token := d.vouched(simulator.DemoEmail)
	embed(d.Tab, d.details, fmt.Sprintf(`{ token: %q }`, token))
	d.signedIn("demo")
	d.inChat(simulator.DemoEmail)
	d.keepsToItself(token, jwtSecret)
}

func asSomebodyNew(d doorstep) {
	embed(d.Tab, d.details, d.vouches(nora))
	d.state("ready")
	d.inChat(nora)
}

// ticketOf is what may be nowhere.
func ticketOf(address string) string {
	_, ticket, _ := strings.Cut(address, "#")
	return ticket
}

func withTicket(d doorstep) {
	ticket := ticketOf(d.launch(simulator.DemoEmail, d.details.ERP))
	embed(d.Tab, d.details, fmt.Sprintf(`{ ticket: %q }`, ticket))
	d.signedIn("demo")
	d.inChat(simulator.DemoEmail)
	d.keepsToItself(ticket)
}

func withTicketAlone(d doorstep) {
	address := d.launch(nora, d.details.ERP)
	d.frame(address)
	d.inChat(nora)
	d.keepsToItself(ticketOf(address))
}

// withTicketAndHandshake is the way of browsers without ancestorOrigins.
func withTicketAndHandshake(d doorstep) {
	script := d.backend("GET", "/launch/embedder.js", "").body
	if !strings.Contains(script, "location.ancestorOrigins") {
		d.Fatal("the page does not look for what is taken away here")
	}
	d.Serve(d.details.Chat+"/launch/embedder.js", strings.ReplaceAll(script, "location.ancestorOrigins", "location.none"))
	address := d.launch(nora, d.details.ERP)
	d.Open(d.details.ERP + "/erp/me")
	d.Do(fmt.Sprintf(`window.asked = 0; addEventListener("message", ({ data, source, origin }) => {
		if (origin !== "%s" || data?.type !== "embedder?") return;
		asked++;
		source.postMessage({ ...data, type: "embedder" }, origin);
	})`, d.details.Chat) + ";" + bareFrame(address))
	d.inChat(nora)
	if got := d.Text("asked"); got != "1" {
		d.Errorf("the page was asked %s times", got)
	}
	d.keepsToItself(ticketOf(address))
}

// withTicketOnTop: a link may come from anybody, so the person is asked.
func withTicketOnTop(d doorstep) {
	address := d.launch(nora, "")
	d.Open(address)
	d.Wait(`document.querySelector("button")?.innerText === "Continue as Nora Weber"`)
	if n := d.mattermost.Mints(); n != 0 {
		d.Errorf("%d sign-ins before the click", n)
	}
	d.Click(`document.querySelector("button")`)
	d.inChat(nora)
	d.keepsToItself(ticketOf(address))
}

// withPopup: of the host page nobody learns who somebody is.
func withPopup(d doorstep) {
	embed(d.Tab, d.details, "undefined")
	d.state("signed-out")
	d.shell().Click(`document.querySelector("button")`)
	d.signedInAt(d.Opened(d.provider.URL + "/login"))
	d.state("ready")
	d.inChat(oidctest.Email)
	if n := d.Windows(); n != 1 {
		d.Errorf("%d windows are left", n)
	}
	d.keepsToItself("mt1_", oidctest.Password)
}

func withPopupAlone(d doorstep) {
	d.frame(d.details.Chat + "/embed")
	d.shell().Wait(`document.querySelector("button")`)
	d.shell().Click(`document.querySelector("button")`)
	d.signedInAt(d.Opened(d.provider.URL + "/login"))
	d.inChat(oidctest.Email)
}

func withProviderOnTop(d doorstep) {
	d.Open(d.details.Chat + "/embed")
	d.Wait(`document.querySelector("a.action")`)
	d.Click(`document.querySelector("a.action")`)
	d.signedInAt(d.Tab)
	d.inChat(oidctest.Email)
}

func withCookie(d doorstep) {
	assertion := d.navigated(nora)
	d.frame(d.details.Chat + "/embed")
	d.inChat(nora)
	d.keepsToItself(assertion)
}

func withCookieOnChannel(d doorstep) {
	assertion := d.navigated(nora)
	d.frame(d.details.Chat + "/erp/channels/town-square")
	d.inChat(nora)
	d.keepsToItself(assertion)
}
