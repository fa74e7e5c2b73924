package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"matterpass/internal/browsertest"
	"matterpass/internal/oidctest"
	"matterpass/internal/simulator"
)

// TestAroundTheWaysIn: what comes before, after and in place of a sign-in without a
// password, in the browser.
func TestAroundTheWaysIn(t *testing.T) {
	whole, chromium := t, browsertest.Start(t, browsertest.Options{})
	for name, promise := range map[string]struct {
		kept func(doorstep)
		at   site
	}{
		"a fresh assertion renews in silence":                      {renewsByAssertion, unrelated},
		"another person's assertion leaves no text of the former":  {switchesByAssertion, unrelated},
		"a second factor is asked for, and goes with a fresh one":  {asksForFactor, unrelated},
		"a code is asked for before a ticket is spent":             {asksBeforeSpending, unrelated},
		"an assertion of yesterday's page is one clear card":       {saysSpent, unrelated},
		"a ticket that was used is one clear card":                 {saysTicketSpent, unrelated},
		"an account that is not linked is one clear card":          {saysConflict, unrelated},
		"a plugin that is gone is said, and its return is seen":    {survivesPlugin, unrelated},
		"what looks ahead spends no ticket":                        {spendsNothingAhead, unrelated},
		"who signed out stays out, whatever the ERP's cookie says": {staysOut, related},
		"an identity provider's sign-out ends the open chat":       {endsByProvider, unrelated},
		"an identity provider's refusal is said, and tried again":  {saysDenied, unrelated},
	} {
		t.Run(name, func(t *testing.T) { promise.kept(promise.at.arrive(t, whole, chromium)) })
	}
}

// calm: the page asks for nothing more.
const calm = `new Promise((done) => {
	const asked = () => performance.getEntriesByType("resource").length, before = asked();
	setTimeout(() => done(asked() === before), 500);
})`

func renewsByAssertion(d doorstep) {
	embed(d.Tab, d.details, d.vouches(simulator.DemoEmail, simulator.DemoEmail))
	d.signedIn("demo")
	d.Do("told.length = 0")
	d.page().Wait(calm) // otherwise the page itself finds out, before the click
	d.mattermost.RevokeSessions(simulator.DemoEmail)
	d.page().Peek(`document.querySelector("[data-testid=channel-orders]").click()`)
	d.Wait(`told.includes("ready")`)
	d.told("tokenneeded,signin,ready")
	if got := d.page().Text("location.pathname"); got != "/erp/channels/orders" {
		d.Errorf("the chat is at %s", got)
	}
}

func switchesByAssertion(d doorstep) {
	embed(d.Tab, d.details, d.vouches(simulator.DemoEmail, simulator.DanaEmail))
	d.signedIn("demo")
	d.page().Text(leaveDraft)
	d.Do(theChat + `.email = "dana@erp.test"`)
	d.Wait(`told.filter((it) => it === "ready").length === 2`)
	d.signedIn("dana")
	if got := d.page().Text(drafts); got != "|null" {
		d.Errorf("Dana's browser still holds %s", got)
	}
	if n := d.mattermost.Sessions(simulator.DemoEmail); n != 0 {
		d.Errorf("%d sessions of the former user are left", n)
	}
	d.page().Text(leaveDraft)
	d.Do(theChat + ".reload()")
	d.Wait(`told.filter((it) => it === "ready").length === 3`)
	if got := d.page().Text(drafts); got != "localforage|not for Dana" {
		d.Errorf("a reload takes Dana's own drafts: %s", got)
	}
}

const factor = "JBSWY3DPEHPK3PXP"

// answer types a code of the authenticator.
func (d doorstep) answer(form browsertest.Frame) {
	d.Helper()
	code, err := totp.GenerateCode(factor, time.Now())
	if err != nil {
		d.Fatal(err)
	}
	form.Wait(`document.querySelector("form input")`)
	d.Screenshot("doors-code")
	form.Click(`document.querySelector("form input")`)
	d.Type(code + "\r")
}

func asksForFactor(d doorstep) {
	d.mattermost.SetMFA(simulator.DemoEmail, factor)
	embed(d.Tab, d.details, d.vouches(simulator.DemoEmail, simulator.DemoEmail))
	d.state("mfa")
	d.answer(d.shell())
	d.signedIn("demo")
	d.told("tokenneeded,tokenneeded,signin,ready")
}

func asksBeforeSpending(d doorstep) {
	d.mattermost.SetMFA(simulator.DemoEmail, factor)
	d.frame(d.launch(simulator.DemoEmail, d.details.ERP))
	d.answer(d.Frame(d.details.Chat + "/launch"))
	d.inChat(simulator.DemoEmail)
}

// saysOnCard checks a card: one sentence, and at most one button.
func (d doorstep) saysOnCard(in browsertest.Frame, sentence, action, name string) {
	d.Helper()
	in.Wait(`document.querySelector("#card [role=alert]")?.innerText.startsWith(` + fmt.Sprintf("%q", sentence) + `)`)
	if got := in.Text(`[...document.querySelectorAll("#card button, #card a")].map((it) => it.innerText).join("|")`); got != action {
		d.Errorf("the ways out are %q, want %q", got, action)
	}
	d.pictured(name)
}

// pictured is for people to see, at the widths and in the colours there are.
func (d doorstep) pictured(name string) {
	d.Helper()
	for _, width := range []int64{360, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			d.Look(width, scheme)
			d.Screenshot(fmt.Sprintf("doors-%s-%d-%s", name, width, scheme))
		}
	}
}

func saysSpent(d doorstep) {
	used := d.vouched(simulator.DemoEmail)
	if got := d.backend(http.MethodPost, "/api/mattermost/login", "", "Origin", d.details.ERP, "Authorization", "Bearer "+used); got.StatusCode != http.StatusOK {
		d.Fatal(got.body)
	}
	embed(d.Tab, d.details, fmt.Sprintf("{ token: %q }", used))
	d.state("error")
	d.saysOnCard(d.shell(), "This page's sign-in was used before.", "Try again (2 of 3)", "assertion-spent")
	d.Do(theChat + ".credentials = " + d.vouches(simulator.DemoEmail))
	d.shell().Click(`document.querySelector("button")`)
	d.signedIn("demo")
}

func saysTicketSpent(d doorstep) {
	address := d.launch(nora, d.details.ERP)
	d.frame(address)
	d.inChat(nora)
	d.frame(address)
	d.saysOnCard(d.Frame(d.details.Chat+"/launch"), "This link to chat was used before, or it is too old. Reload", "", "ticket-spent")
	d.Open(address)
	d.Wait(`document.querySelector("#card [role=alert]")?.innerText.endsWith("Open chat again where you found it.")`)
	d.pictured("link-over")
}

func saysConflict(d doorstep) {
	embed(d.Tab, d.details, d.vouches(simulator.AdminEmail, simulator.AdminEmail))
	d.state("error")
	d.saysOnCard(d.shell(), "A chat account with your address is not linked to you yet.", "Try again (2 of 3)", "conflict")
}

// survivesPlugin: another way of making sessions never takes its place.
func survivesPlugin(d doorstep) {
	embed(d.Tab, d.details, d.vouches(simulator.DemoEmail))
	d.signedIn("demo")
	d.Text(theChat + ".signOut()")
	d.state("signed-out")
	d.mattermost.SetPlugin("")
	d.Do(theChat + ".credentials = " + d.vouches(slices.Repeat([]string{simulator.DemoEmail}, 9)...))
	d.Do(theChat + ".signIn()")
	d.state("error")
	d.saysOnCard(d.shell(), "Chat cannot sign you in right now.", "Try again (3 of 3)", "mint-unavailable")
	d.mattermost.SetPlugin(pluginSecret)
	d.Do(theChat + ".signIn()")
	d.signedIn("demo")
}

func spendsNothingAhead(d doorstep) {
	address := d.launch(nora, "")
	page, _, _ := strings.Cut(address, "#")
	d.Open(d.details.Chat + "/embed-doctor")
	d.Text(`fetch("` + address + `", { method: "HEAD" }).then(({ status }) => status)`)
	d.Text(`fetch("` + address + `").then((it) => it.text()).then(() => 1)`)
	for _, header := range [][]string{{"Sec-Purpose", "prefetch"}, {"Sec-Purpose", "prefetch;prerender"}} {
		d.backend(http.MethodGet, strings.TrimPrefix(page, d.details.Chat), "", header...)
	}
	d.Do(`document.head.append(Object.assign(document.createElement("script"), { type: "speculationrules",
		textContent: JSON.stringify({ prerender: [{ urls: ["` + address + `"] }] }) }))`)
	d.Text(`new Promise((done) => setTimeout(done, 500))`)
	if n := d.mattermost.Mints(); n != 0 {
		d.Errorf("%d sign-ins by looking ahead", n)
	}
	d.Open(address)
	d.Wait(`document.querySelector("button")`)
	d.pictured("confirm")
	d.Click(`document.querySelector("button")`)
	d.inChat(nora)
}

// staysOut: the cookie goes along with every page, and says nothing of what the
// person wants.
func staysOut(d doorstep) {
	d.navigated(nora)
	d.frame(d.details.Chat + "/erp/channels/town-square")
	d.inChat(nora)
	d.page().Text(`fetch("/api/mattermost/logout", { method: "POST" }).then(() => 1)`)
	for range 2 {
		d.navigated(nora)
		d.frame(d.details.Chat + "/embed")
		d.shell().Wait(`document.documentElement.dataset.state === "signed-out"`)
	}
	if n := d.mattermost.Mints(); n != 1 {
		d.Errorf("%d sign-ins, want the first one only", n)
	}
	d.frame(d.launch(nora, d.details.ERP)) // now the person, or their ERP, asks for it
	d.inChat(nora)
	d.mattermost.RevokeSessions(nora)
	d.navigated(nora)
	d.frame(d.details.Chat + "/embed")
	d.inChat(nora)
}

// endsByProvider: within seconds, and without a click of anybody's.
func endsByProvider(d doorstep) {
	withPopup(d)
	token := d.provider.LogoutToken(d.T, oidctest.Subject)
	got := d.backend(http.MethodPost, "/auth/oidc/backchannel-logout", url.Values{"logout_token": {token}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if got.StatusCode != http.StatusOK {
		d.Fatalf("%d %s", got.StatusCode, got.body)
	}
	start := time.Now()
	d.state("signed-out")
	if took := time.Since(start); took > 20*time.Second { // by itself it would be asked about within 45 s
		d.Errorf("the open chat ended after %s", took)
	}
	if n := d.mattermost.Sessions(oidctest.Email); n != 0 {
		d.Errorf("%d sessions are left", n)
	}
	d.pictured("company")
}

// saysDenied: the answer that a provider sends where a person says no.
func saysDenied(d doorstep) {
	embed(d.Tab, d.details, "undefined")
	d.state("signed-out")
	d.shell().Click(`document.querySelector("button")`)
	window := d.Opened(d.provider.URL + "/login")
	d.shell().Wait(`document.querySelector("[role=status]").innerText === "Finish in the window that has opened."`)
	d.pictured("waiting")
	window.Do(fmt.Sprintf("location.href = %q", d.provider.Denial(d.T, window.Text("location.search"))))
	d.shell().Wait(`document.querySelector("[role=alert]")`)
	d.pictured("denied")
	d.shell().Click(`document.querySelector("button")`)
	d.signedInAt(d.Opened(d.provider.URL + "/login"))
	d.state("ready")
	d.inChat(oidctest.Email)
}
