package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"matterpass/internal/browsertest"
	"matterpass/internal/simulator"
)

// topology is where the ERP and the chat stand towards each other, and a browser.
type topology struct {
	name      string
	whole     *testing.T // outlives the demos, of which some take seconds to stop
	browser   *browsertest.Browser
	erp, chat string // host:port
	cookies   string // COOKIE_SECURE
	shape     string // that the cookies must have
}

// TestInABrowser walks the whole way, from the ERP's page to a live chat in the
// frame in it. Names below localhost are sites of their own and count as secure
// without TLS (docs/webapp.md C9).
func TestInABrowser(t *testing.T) {
	strict := browsertest.Start(t, browsertest.Options{})
	lenient := browsertest.Start(t, browsertest.Options{AllowThirdPartyCookies: true})
	const partitioned = "None; Secure; Partitioned"
	oneSite := topology{"one site", t, strict, "localhost:0", "localhost:0", "auto", ""}
	twoSites := topology{"two sites", t, strict, "erp.localhost:0", "chat.localhost:0", "always", partitioned}
	accepting := topology{"third-party cookies accepted", t, lenient, "erp.localhost:0", "chat.localhost:0", "always", partitioned}
	for name, c := range map[string]struct {
		promise func(desk)
		at      []topology
	}{
		"opening the page signs in once":                        {opensSignedIn, []topology{oneSite, twoSites, accepting}},
		"posts come live, both ways":                            {postsLive, []topology{oneSite, twoSites}},
		"a reload spends no sign-in":                            {reloadsForFree, []topology{oneSite, twoSites}},
		"a switch of users shows nothing of the former one":     {switchesUsers, []topology{oneSite, twoSites}},
		"signing out leaves nothing in the browser":             {signsOut, []topology{oneSite, twoSites, accepting}},
		"the ERP keeps the focus while chat loads":              {keepsFocus, []topology{oneSite, twoSites}},
		"a wrong password is said, and costs three tries":       {refuses, []topology{twoSites}},
		"a chat server that is down is said, its return seen":   {heals, []topology{twoSites}},
		"no screen is too small":                                {fits, []topology{twoSites}},
		"third-party cookies are what the others do not need":   {needsThem, []topology{accepting}},
		"where such cookies are blocked the element tells that": {missesThem, []topology{twoSites}},
	} {
		for _, at := range c.at {
			t.Run(name+"/"+at.name, func(t *testing.T) { c.promise(at.sit(t)) })
		}
	}
}

// desk is somebody's browser in front of the ERP.
type desk struct {
	browsertest.Tab
	*demo
	topology
}

// sit starts a demo, and a tab that has not opened it yet.
func (at topology) sit(t *testing.T) desk {
	t.Helper()
	return desk{at.browser.NewTab(t), watchedDemo(t, at.whole, at.erp, at.chat, at.cookies), at}
}

// colleague is Dana, at a desk of her own.
func (d desk) colleague() desk {
	d.Helper()
	d.Tab = d.browser.NewTab(d.T)
	d.Open(d.details.ERP + "/erp.svg")
	d.Text(`fetch("/erp/me", { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"email":"dana@erp.test"}' })`)
	d.Open(d.details.ERP)
	d.signedInAs("dana")
	return d
}

const element = `document.querySelector("#chat")`

// frame is Mattermost's page, within the shell's.
func (d desk) frame() browsertest.Frame { return d.Frame(d.details.Chat + "/erp/") }

func (d desk) shell() browsertest.Frame { return d.Frame(d.details.Chat + "/embed") }

// signedInAs waits until the chat is there, live, and somebody's.
func (d desk) signedInAs(username string) {
	d.Helper()
	d.Wait(element + `?.getAttribute("state") === "ready"`)
	d.frame().Wait(`document.documentElement.dataset.live === "true"`)
	if got := d.frame().Text(whoami); got != username {
		d.Errorf("the chat is %q's, want %q's", got, username)
	}
}

const whoami = `document.querySelector("#whoami").dataset.username`

// says checks the words on the element's card.
func (d desk) says(words ...string) {
	d.Helper()
	card := d.Text(element + `.shadowRoot.querySelector("section:not([hidden])")?.innerText ?? ""`)
	if card == "" {
		card = d.shell().Text(`document.querySelector("#card").innerText`)
	}
	for _, w := range words {
		if !strings.Contains(card, w) {
			d.Errorf("the card does not say %q: %q", w, card)
		}
	}
}

// session is the three cookies in the browser, by name.
func (d desk) session() map[string]string {
	d.Helper()
	found := map[string]string{}
	for _, c := range d.Cookies() {
		if !strings.HasPrefix(c.Name, "MM") {
			continue
		}
		if _, twin := found[c.Name]; twin {
			d.Errorf("the browser holds %s twice", c.Name)
		}
		found[c.Name] = c.Value
		shape := ""
		if c.Secure {
			shape = string(c.SameSite) + "; Secure"
		}
		if c.PartitionKey != nil {
			shape += "; Partitioned"
		}
		if shape != d.shape {
			d.Errorf("%s is %q in the browser, want %q", c.Name, shape, d.shape)
		}
	}
	return found
}

// alive asks Mattermost itself about a session.
func (d desk) alive(token string) bool {
	d.Helper()
	return ask(d.T, http.MethodGet, d.details.Mattermost+"/api/v4/users/me", "", "Authorization", "Bearer "+token).StatusCode == http.StatusOK
}

// signIns is how many reached Mattermost, with a password or without one.
func (d desk) signIns(want int) {
	d.Helper()
	if got := d.mattermost.Logins() + d.mattermost.Mints(); got != want {
		d.Errorf("%d sign-ins reached Mattermost, want %d", got, want)
	}
}

func (d desk) press(button string) {
	d.Helper()
	d.shell().Wait(`document.querySelector("button")?.innerText === "` + button + `"`)
	d.shell().Click(`document.querySelector("button")`)
}

func opensSignedIn(d desk) {
	d.Open(d.details.ERP)
	d.signedInAs("demo")
	d.signIns(1)
	if got := d.frame().Text(`document.querySelector("#login").checkVisibility()`); got != "false" {
		d.Error("there is a login form")
	}
	if n := len(d.session()); n != 3 {
		d.Errorf("%d cookies of a session, want 3", n)
	}
}

func postsLive(d desk) {
	d.Open(d.details.ERP)
	d.signedInAs("demo")
	dana := d.colleague()
	for _, turn := range []struct {
		from, to desk
		says     string
	}{{d, dana, "Did 4711 go?"}, {dana, d, "This morning, <b>all</b> of it."}} {
		turn.to.frame().Text(`document.documentElement.dataset.same = "yes"`)
		turn.from.frame().Click(`document.querySelector("#composer textarea")`)
		turn.from.Type(turn.says + "\r")
		for _, side := range []desk{turn.from, turn.to} {
			side.frame().Wait(fmt.Sprintf(`document.querySelector(".post:last-child .message").textContent === %q`, turn.says))
		}
		if got := turn.to.frame().Text("document.documentElement.dataset.same"); got != "yes" {
			d.Error("the page was loaded anew")
		}
	}
}

func reloadsForFree(d desk) {
	d.Open(d.details.ERP)
	d.signedInAs("demo")
	before := d.session()
	for range 2 {
		d.Open(d.details.ERP)
		d.signedInAs("demo")
	}
	d.signIns(1)
	if after := d.session(); after[mmToken] != before[mmToken] {
		d.Error("the session is another one")
	}
}

const mmToken = "MMAUTHTOKEN"

func switchesUsers(d desk) {
	d.Open(d.details.ERP)
	d.signedInAs("demo")
	token := d.session()[mmToken]
	if !d.alive(token) {
		d.Fatal("the session is not alive before the switch")
	}
	d.Do(`new MutationObserver(() => { window.left = ` + element + `.shadowRoot.querySelector("iframe") }).observe(document.querySelector("#user"), { childList: true })
		const people = document.querySelector("#switch"); people.value = "dana@erp.test"; people.dispatchEvent(new Event("change"))`)
	d.Wait(`document.querySelector("#user").innerText === "Dana"`)
	if got := d.Text("window.left"); got != "null" {
		d.Error("the former user's frame is still there once the ERP is Dana's")
	}
	for shown := ""; shown != "dana"; shown = d.frame().Peek(`document.querySelector("#whoami")?.dataset.username`) {
		if shown == "demo" {
			d.Fatal("the former user's chat is shown to Dana")
		}
		if d.Err() != nil {
			d.Fatal("Dana's chat does not come")
		}
	}
	d.signedInAs("dana")
	d.signIns(2)
	if d.alive(token) {
		d.Error("the former session is alive at Mattermost")
	}
	if n := d.mattermost.Sessions(simulator.DemoEmail); n != 0 {
		d.Errorf("%d sessions of the former user are left", n)
	}
}

func signsOut(d desk) {
	d.Open(d.details.ERP)
	d.signedInAs("demo")
	token := d.session()[mmToken]
	d.Text(element + ".signOut()")
	if got := d.Text(element + `.getAttribute("state")`); got != "signed-out" {
		d.Errorf("state %s", got)
	}
	if left := d.session(); len(left) != 0 {
		d.Errorf("the browser holds %v", left)
	}
	if d.alive(token) {
		d.Error("the session is alive at Mattermost")
	}
	d.press("Sign in to chat")
	d.signedInAs("demo")
	d.signIns(2)
}

// keepsFocus types before the chat's message box takes the focus, and after.
func keepsFocus(d desk) {
	d.Open(d.details.ERP)
	d.Do(`window.lost = 0; document.querySelector("#filter").addEventListener("blur", () => lost++)`)
	d.Click(`document.querySelector("#filter")`)
	d.Type("Hotel")
	d.signedInAs("demo")
	d.Wait(`lost === 1 && document.activeElement.id === "filter"`)
	d.frame().Wait("!document.hasFocus()")
	d.Type(" Sea")
	if got := d.Text(`document.querySelector("#filter").value`); got != "Hotel Sea" {
		d.Errorf("the filter says %q", got)
	}
}

// refuses is what happens to people who sign in with Mattermost's own password.
func refuses(d desk) {
	embed(d.Tab, d.details, `{ email: "demo@erp.test", password: "last year's" }`)
	d.press("Try again (2 of 3)")
	d.press("Try again (3 of 3)")
	d.shell().Wait(`document.querySelector("button")?.disabled`)
	d.says("Chat is not available", "Your e-mail or password was not accepted.", "ask your help desk", "Try again (3 of 3)", "Reference ")
	d.Screenshot("house-refused")
	if got := d.shell().Text(`(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector("small"))`); got != "0" {
		d.Errorf("%s px of the card's words stick out", got)
	}
	d.shell().Click(`document.querySelector("button")`)
	d.signIns(3)
}

func heals(d desk) {
	d.mattermost.FailDatabase(true)
	d.Open(d.details.ERP)
	d.Wait(element + `?.getAttribute("state") === "error"`)
	d.says("Chat is not available", "The chat server is not available right now.")
	d.Screenshot("house-down")
	d.signIns(0)
	d.mattermost.FailDatabase(false)
	d.Open(d.details.ERP)
	d.signedInAs("demo")
	d.signIns(1)
}

// fits also writes what people see to MATTERPASS_SCREENSHOTS.
func fits(d desk) {
	for _, width := range []int64{360, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			d.Look(width, scheme)
			d.Open(d.details.ERP)
			d.signedInAs("demo")
			d.Screenshot(fmt.Sprintf("house-%d-%s", width, scheme))
			if got := d.frame().Text("document.documentElement.scrollWidth <= innerWidth"); got != "true" {
				d.Errorf("the chat scrolls sideways where the screen is %d wide", width)
			}
		}
	}
}

func needsThem(d desk) {
	d.Setenv("COOKIE_PARTITIONED", "never")
	d.shape = "None; Secure"
	d = d.sit(d.T)
	d.Open(d.details.ERP)
	d.signedInAs("demo")
}

func missesThem(d desk) {
	d.Setenv("COOKIE_PARTITIONED", "never")
	d = d.sit(d.T)
	d.Open(d.details.ERP)
	d.Wait(element + `?.getAttribute("state") === "error"`)
	d.says("Your browser blocks chat's cookies here.", "Open chat in a new tab")
	d.signIns(1)
}
