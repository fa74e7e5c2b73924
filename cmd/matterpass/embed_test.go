package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/network"

	"matterpass/internal/browsertest"
	"matterpass/internal/simulator"
)

// site is where the ERP and the chat stand towards each other.
type site struct {
	erp, chat string // host:port
	cookies   string // COOKIE_SECURE
}

// seat is somebody's browser in front of the demo's ERP, all of it real but
// Mattermost.
type seat struct {
	browsertest.Tab
	*demo
}

// TestEmbedded walks through what the shell promises, in the demo, with the ERP
// and the chat on one site and on two, third-party cookies blocked
// (docs/webapp.md C9).
func TestEmbedded(t *testing.T) {
	whole, chromium := t, browsertest.Start(t, browsertest.Options{})
	sites := map[string]site{
		"one site":  {"localhost:0", "localhost:0", "auto"},
		"two sites": {"erp.localhost:0", "chat.localhost:0", "always"},
	}
	promises := map[string]func(seat){
		"unread counts reach the host":                        countsUnread,
		"what Mattermost would notify of is told to the host": passesNotificationsOn,
		"a switch of users leaves no text of the former":      forgetsDrafts,
		"an ended session is renewed where the person was":    renewsSession,
		"what a person ends themselves is not begun again":    staysSignedOut,
		"signing out leaves no cookie and no session":         leavesNothing,
		"a deep link opens its channel, also before the load": opensChannels,
		"somebody new gets an account and a channel":          welcomesNewcomers,
		"hostile messages do nothing":                         ignoresStrangers,
		"tours and the landing page are kept away":            keepsCalm,
		"the chat has the rights that people may give it":     hasRights,
		"a sign-out elsewhere in the browser is not undone":   staysOutEverywhere,
		"nobody's chat is left beside the next user's":        makesWay,
	}
	for where, at := range sites {
		for name, promise := range promises {
			t.Run(where+": "+name, func(t *testing.T) { promise(at.sit(t, whole, chromium)) })
		}
	}
	two := sites["two sites"]
	t.Run("a session that ends again and again is said", func(t *testing.T) { givesUpRenewing(two.sit(t, whole, chromium)) })
	t.Run("without a team, a card says so", func(t *testing.T) { saysNoTeam(two.sit(t, whole, chromium)) })
	t.Run("in a tab of its own the shell works, too", func(t *testing.T) { standsAlone(two.sit(t, whole, chromium)) })
	t.Run("where cookies are blocked, Storage Access is one click", func(t *testing.T) {
		t.Setenv("COOKIE_PARTITIONED", "never")
		climbsLadder(two.sit(t, whole, chromium))
	})
}

// sit starts a demo, and a tab that has not opened it yet.
func (at site) sit(t, whole *testing.T, b *browsertest.Browser) seat {
	t.Helper()
	return seat{b.NewTab(t), watchedDemo(t, whole, at.erp, at.chat, at.cookies)}
}

const theChat = `document.querySelector("#chat")`

// shell is our page in the element's frame, page is Mattermost's within that.
func (s seat) shell() browsertest.Frame { return s.Frame(s.details.Chat + "/embed") }
func (s seat) page() browsertest.Frame  { return s.Frame(s.details.Chat + "/erp/") }

// enter opens the ERP and waits for the chat.
func (s seat) enter() {
	s.Helper()
	s.Open(s.details.ERP)
	s.Do(`window.told = []; for (const name of ["ready", "signin", "signout", "expired", "navigate", "tokenneeded", "error"])
		` + theChat + `.addEventListener(name, ({ detail }) => told.push(name + (detail?.path ?? detail?.code ?? "")))`)
	s.signedIn("demo")
}

func (s seat) signedIn(username string) {
	s.Helper()
	s.Wait(theChat + `?.getAttribute("state") === "ready"`)
	s.page().Wait(`document.documentElement.dataset.live === "true"`)
	if got := s.page().Text(`document.querySelector("#whoami").dataset.username`); got != username {
		s.Errorf("the chat is %q's, want %q's", got, username)
	}
}

func (s seat) state(want string) {
	s.Helper()
	s.Wait(theChat + `?.getAttribute("state") === "` + want + `"`)
}

func (s seat) told(want string) {
	s.Helper()
	if got := s.Text("told"); got != want {
		s.Errorf("the host was told %s, want %s", got, want)
	}
}

func (s seat) card() string {
	s.Helper()
	return s.shell().Text(`document.querySelector("#card").innerText`)
}

// tokens are the browser's cookies that Mattermost would know.
func (s seat) tokens() (names []string) {
	for _, c := range s.Cookies() {
		if strings.HasPrefix(c.Name, "MM") {
			names = append(names, c.Name)
		}
	}
	return names
}

const leaveDraft = `new Promise((done, failed) => {
	localStorage.setItem("draft", "not for Dana");
	const request = indexedDB.open("localforage", 1);
	request.onupgradeneeded = () => request.result.createObjectStore("drafts").put("not for Dana", 1);
	request.onsuccess = () => done(request.result.close());
	request.onerror = failed;
})`

const drafts = `indexedDB.databases().then((all) => all.map(({ name }) => name) + "|" + localStorage.getItem("draft"))`

func forgetsDrafts(s seat) {
	s.enter()
	s.page().Text(leaveDraft)
	if got := s.page().Text(drafts); got != "localforage|not for Dana" {
		s.Fatalf("the draft is not there before the switch: %s", got)
	}
	s.switchTo("Dana", "dana")
	if got := s.page().Text(drafts); got != "|null" {
		s.Errorf("Dana's browser still holds %s", got)
	}
	if n := s.mattermost.Sessions(simulator.DemoEmail); n != 0 {
		s.Errorf("%d sessions of the former user are left", n)
	}
	for _, c := range s.Cookies() {
		if c.Name == "mp_forget" {
			s.Error("the mark that clears is still there")
		}
	}
}

// switchTo another person in the ERP; from then on nobody else's chat is shown.
func (s seat) switchTo(name, username string) {
	s.Helper()
	s.Do(`{ const people = document.querySelector("#switch"); people.value = "` + username + `@erp.test"; people.dispatchEvent(new Event("change")) }`)
	s.Wait(`document.querySelector("#user").innerText === "` + name + `"`)
	for shown := ""; shown != username; shown = s.page().Peek(`document.querySelector("#whoami")?.dataset.username ?? ""`) {
		if shown != "" {
			s.Fatalf("%s's chat is shown to %s", shown, name)
		}
		if s.Err() != nil {
			s.Fatalf("%s's chat does not come", name)
		}
	}
	s.signedIn(username)
}

// welcomesNewcomers: Nora works for the ERP, and Mattermost has never heard of her.
func welcomesNewcomers(s seat) {
	if s.mattermost.UserID(nora) != "" {
		s.Fatal("she is no newcomer")
	}
	s.enter()
	s.switchTo("Nora", "nora")
	if got := s.page().Text("location.pathname"); got != "/erp/channels/town-square" {
		s.Errorf("she is at %s", got)
	}
	s.Screenshot("newcomer")
}

func renewsSession(s seat) {
	s.enter()
	s.Do(theChat + `.open("warehouse")`)
	s.page().Wait(`location.pathname === "/erp/channels/warehouse" && document.documentElement.dataset.live === "true"`)
	s.page().Text(`document.querySelector("[data-testid=channel-orders]").click()`)
	s.Wait(`told.at(-1) === "navigate/erp/channels/orders"`)
	s.Do("told.length = 0")
	s.mattermost.RevokeSessions(simulator.DemoEmail)
	s.page().Peek(`document.querySelector("[data-testid=channel-orders]").click()`) // Mattermost notices, or the shell has
	s.Wait(`told.includes("ready")`)
	s.signedIn("demo")
	if got := s.Text("told.filter((name) => !name.startsWith('navigate'))"); got != "tokenneeded,signin,ready" {
		s.Errorf("the host was told %s", got)
	}
	if got := s.page().Text("location.pathname"); got != "/erp/channels/orders" {
		s.Errorf("the chat is at %s", got)
	}
}

func givesUpRenewing(s seat) {
	s.enter()
	for range 2 {
		s.Do("told.length = 0")
		s.mattermost.RevokeSessions(simulator.DemoEmail)
		s.page().Peek(`document.querySelector("[data-testid=channel-orders]").click()`)
		s.Wait(`told.includes("ready")`)
		s.signedIn("demo")
	}
	s.mattermost.RevokeSessions(simulator.DemoEmail)
	s.page().Peek(`document.querySelector("[data-testid=channel-warehouse]").click()`)
	s.state("error")
	s.Wait(`told.at(-1) === "expired"`)
	if got := s.card(); !strings.Contains(got, "Your chat session has ended.") || !strings.Contains(got, "Sign in to chat") {
		s.Errorf("the card says %q", got)
	}
	if strings.Contains(s.card(), "undefined") {
		s.Error("the card shows what is not there")
	}
	s.Screenshot("expired")
	s.shell().Click(`document.querySelector("button")`)
	s.signedIn("demo")
}

func staysSignedOut(s seat) {
	s.enter()
	s.page().Click(`document.querySelector("#sign-out")`)
	s.state("signed-out")
	s.Open(s.details.ERP)
	s.state("signed-out")
	if n := s.mattermost.Mints(); n != 1 {
		s.Errorf("%d sign-ins, want the first one only", n)
	}
	s.Screenshot("signed-out")
	s.shell().Click(`document.querySelector("button")`)
	s.signedIn("demo")
}

func leavesNothing(s seat) {
	s.enter()
	s.Text(theChat + ".signOut()")
	s.state("signed-out")
	if left := s.tokens(); len(left) != 0 {
		s.Errorf("cookies are left: %v", left)
	}
	if n := s.mattermost.Sessions(simulator.DemoEmail); n != 0 {
		s.Errorf("%d sessions are left", n)
	}
	if got := s.Text(theChat + ".unread.messages"); got != "0" {
		s.Errorf("the host still counts %s", got)
	}
	s.Do(theChat + ".signIn()")
	s.signedIn("demo")
	s.Do(theChat + ".signOut(); " + theChat + ".remove()") // as an ERP does that leaves the page
	for deadline := time.Now().Add(10 * time.Second); len(s.tokens()) > 0 || s.mattermost.Sessions(simulator.DemoEmail) > 0; {
		if time.Now().After(deadline) {
			s.Fatalf("an element that leaves does not sign out: %v", s.tokens())
		}
	}
}

func opensChannels(s seat) {
	s.Open(s.details.ERP)
	s.Wait(theChat + ".open")
	s.Do(theChat + `.open("orders")`) // before anything of the chat is loaded
	s.signedIn("demo")
	s.page().Wait(`location.pathname === "/erp/channels/orders"`)
	s.Do(theChat + `.addEventListener("navigate", ({ detail }) => { window.at = detail.path })`)
	s.write(simulator.DanaEmail, "hello")
	for target, path := range map[string]string{"warehouse": "/erp/channels/warehouse", "@dana": "/erp/messages/@dana", "/erp/channels/town-square": "/erp/channels/town-square"} {
		s.Do(theChat + `.open("` + target + `")`)
		s.Wait(`window.at === "` + path + `"`)
		s.page().Wait(`location.pathname === "` + path + `"`)
	}
	s.Do(theChat + `.open("//evil.example/erp/channels/x"); ` + theChat + `.open("/api/v4/users/me"); ` + theChat + `.open("javascript:alert(1)")`)
	s.Do(`document.querySelector("tbody th button").click()`)
	s.Wait(`window.at === "/erp/channels/orders"`)
}

// ignoresStrangers sends the shell what it must not obey, from other windows,
// from the right one in the wrong words, and to the element from elsewhere.
func ignoresStrangers(s seat) {
	s.enter()
	s.Do(`window.told.length = 0; window.answers = []; addEventListener("message", ({ data }) => answers.push(JSON.stringify(data)));
	const shell = ` + theChat + `.shadowRoot.querySelector("iframe").contentWindow;
	const hello = { matterpass: 1, type: "hello", nonce: "1,2,3,4" };
	for (const message of [null, 1, "hello", [], {}, hello, { ...hello, matterpass: 2 }, { ...hello, type: "sign-out" }, { ...hello, type: "constructor" },
		{ ...hello, type: "open", target: "orders" }, { ...hello, type: "credentials", id: 1, credentials: { email: "x", password: "y" } },
		{ ...hello, nonce: {} }, { ...hello, type: "__proto__" }, { ...hello, email: { toString: 1 } }]) shell.postMessage(message, "*");
	const other = document.body.appendChild(document.createElement("iframe"));
	const nonce = "1,2,3,4";
	for (const type of ["welcome", "state", "event", "credentials", "unread"])
		for (const it of [{ matterpass: 1, type, nonce, name: "signout", state: "error", unread: { messages: 99, mentions: 99 }, id: 1 }, { matterpass: 9, type }, type, null])
			postMessage(it, "*")`)
	// From the chat's own origin, but another window: Mattermost's page.
	s.page().Text(`(() => { for (const type of ["hello", "sign-out", "open", "theme"])
		parent.postMessage({ matterpass: 1, type, nonce: "1,2,3,4", target: "orders", theme: "dark" }, "*");
		top.postMessage({ matterpass: 1, type: "event", name: "signout", nonce: "1,2,3,4" }, "*"); })()`)
	s.Wait(`answers.length >= 20`)
	s.mattermost.Say(simulator.DanaEmail, "town-square", "@demo after the noise") // what still works has come through after it
	s.page().Wait(`document.querySelector(".post:last-child .message").textContent === "@demo after the noise"`)
	s.told("")
	if got := s.Text(`answers.filter((a) => a.includes('"type":"welcome"') && a.includes("1,2,3,4") && !a.includes("99")).length`); got != "0" {
		s.Errorf("the shell answered %s strangers", got)
	}
	if got := s.Text(theChat + `.unread.messages < 90 && ` + theChat + `.state === "ready"`); got != "true" {
		s.Error("the element believed a stranger")
	}
	if got := s.page().Text("location.pathname"); got != "/erp/channels/town-square" {
		s.Errorf("a stranger moved the chat to %s", got)
	}
	if n := s.mattermost.Sessions(simulator.DemoEmail); n != 1 {
		s.Errorf("%d sessions", n)
	}
}

func keepsCalm(s seat) {
	s.enter()
	if got := s.page().Text(`localStorage.getItem("__landingPageSeen__")`); got != "true" {
		s.Errorf("the landing page would be shown: %s", got)
	}
	got := s.page().Text(`fetch("/api/v4/users/me/preferences").then((r) => r.json())
		.then((all) => all.filter((p) => /onboarding|tutorial|next_steps/.test(p.category)).map((p) => p.value).sort().join())`)
	if got != "999,false,false,true" {
		s.Errorf("the preferences are %s", got)
	}
}

// hasRights: from the host page through the shell to Mattermost's page.
func hasRights(s seat) {
	s.enter()
	for _, right := range []string{"clipboard-read", "clipboard-write", "microphone", "camera", "display-capture", "fullscreen", "local-network-access"} {
		if got := s.page().Text(`document.featurePolicy.allowsFeature("` + right + `")`); got != "true" {
			s.Errorf("%s: %s", right, got)
		}
	}
	if got := s.page().Text(`document.featurePolicy.allowsFeature("geolocation")`); got != "false" {
		s.Error("the chat may ask where people are")
	}
}

func saysNoTeam(s seat) {
	team := ask(s.T, http.MethodGet, s.details.Mattermost+"/api/v4/teams/name/erp", "", "Authorization", "Bearer "+s.details.AdminToken).field(s.T, "id").(string)
	ask(s.T, http.MethodDelete, s.details.Mattermost+"/api/v4/teams/"+team+"/members/"+s.mattermost.UserID(simulator.DemoEmail), "", "Authorization", "Bearer "+s.details.AdminToken)
	s.Open(s.details.ERP)
	s.state("error")
	if got := s.card(); !strings.Contains(got, "no team in this chat yet") {
		s.Errorf("the card says %q", got)
	}
	s.Screenshot("not-provisioned")
}

func standsAlone(s seat) {
	s.Open(s.details.Chat + "/embed")
	s.Wait(`document.documentElement.dataset.state === "signed-out"`)
	token, csrf := s.mattermost.SignIn(simulator.DemoEmail)
	s.Run(network.SetCookie("MMAUTHTOKEN", token).WithURL(s.details.Chat).WithHTTPOnly(true), network.SetCookie("MMUSERID", "x").WithURL(s.details.Chat), network.SetCookie("MMCSRF", csrf).WithURL(s.details.Chat))
	s.Open(s.details.Chat + "/embed?target=orders")
	s.Wait(`document.documentElement.dataset.state === "ready"`)
	s.page().Wait(`location.pathname === "/erp/channels/orders"`)
}

// climbsLadder: unpartitioned cookies, which this browser keeps from a frame of
// another site until the person says otherwise.
func climbsLadder(s seat) {
	s.Open(s.details.ERP)
	s.state("error")
	if got := s.card(); !strings.Contains(got, "blocks chat's cookies") || !strings.Contains(got, "Allow chat here") || !strings.Contains(got, "Open chat in a new tab") {
		s.Errorf("the card says %q", got)
	}
	s.Screenshot("cookies-blocked")
	if n := s.mattermost.Mints(); n != 1 {
		s.Errorf("%d sign-ins", n)
	}
	s.Run(browser.SetPermission(&browser.PermissionDescriptor{Name: "storage-access"}, browser.PermissionSettingDenied))
	s.shell().Click(`document.querySelector("button")`)
	s.shell().Wait(`document.querySelector("button")?.innerText.startsWith("Try again")`)
	s.Open(s.details.ERP) // the rung is remembered: no sign-in is spent on it
	s.state("error")
	if n := s.mattermost.Mints(); n > 2 {
		s.Errorf("%d sign-ins after the reload", n)
	}
	s.shell().Click(`document.querySelector("a")`) // the last rung
	tab := seat{s.Opened(s.details.Chat + "/launch"), s.demo}
	tab.Wait(`document.querySelector("button")?.innerText === "Continue as Demo"`)
	if got := tab.Text("location.hash"); got != "" {
		s.Errorf("the proof stays in the address: %s", got)
	}
	tab.Screenshot("tab-of-its-own")
	tab.Click(`document.querySelector("button")`)
	tab.Wait(`document.documentElement.dataset.state === "ready"`)
	tab.page().Wait(`document.querySelector("#whoami").dataset.username === "demo"`)
}
