package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"matterpass/internal/browsertest"
)

func TestWidget(t *testing.T) {
	browser := browsertest.Start(t, browsertest.Options{})
	for name, promise := range map[string]func(tab, *fakeChat){
		"signs in once when there is no session":                  signsIn,
		"a reload of the page spends no login":                    reloadSpendsNoLogin,
		"three tries, 300 and 800 ms apart, then no more":         triesThrice,
		"a refusal is not tried again by itself":                  refusalIsFinal,
		"Retry-After is honoured":                                 honoursRetryAfter,
		"a long Retry-After is counted down in words":             countsDown,
		"a change of user ends the old session and frame first":   switchesUser,
		"a change of subject does so whatever the addresses are":  switchesSubject,
		"a proof of somebody else than the page named is refused": refusesOthers,
		"a subject that is no hash is said so, and costs nothing": saysNoHash,
		"an answer for the former user is dropped":                dropsOldAnswers,
		"blocked cookies are named, with a way out":               namesBlockedCookies,
		"a second factor is asked for and sent":                   asksForCode,
		"a server that is down is said so, and the button helps":  saysDown,
		"a server that cannot be reached is said so":              saysUnreachable,
		"an address that is none is said so":                      saysNoAddress,
		"a browser that is online again tries again":              triesWhenOnline,
		"the former user's proof answers no question of the next": keepsProofsApart,
		"what the former user opened is not opened for the next":  forgetsTarget,
		"credentials that cannot be sent are said so":             saysUnfitCredentials,
		"an element that leaves the page asks nothing more":       leavesQuietly,
		"two elements share one login":                            sharesLogin,
		"an element that comes later shares the login under way":  sharesLoginUnderWay,
		"credentials may come later, and anew at every render":    keepsWaitingForCredentials,
		"without an e-mail any session is taken":                  takesAnySession,
		"the host page keeps the focus":                           keepsFocus,
		"signing out ends the session and can be undone":          signsOut,
		"credentials set before the element is defined are used":  upgrades,
		"credentials that fail are said so":                       saysNoCredentials,
		"a lazy element signs in when it comes into view":         waitsForView,
		"nothing is stored in the host page":                      storesNothing,
		"an element that is taken out and put back is the same":   survivesNavigation,
		"a session that starts before sign-out has ended is kept": signsInAfterSignOut,
	} {
		t.Run(name, func(t *testing.T) {
			promise(browser.NewTab(t), newFakeChat(t))
		})
	}
}

func want(t tab, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func signsIn(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(putDemo)
	state(t, "ready")
	want(t, "calls", chat.order(), "health session login session page:demo@erp.test")
	want(t, "events", t.Text("events"), "signin:demo,ready:demo")
	want(t, "login", chat.seen("login")[0].body, `{"email":"demo@erp.test","password":"secret of demo@erp.test"}`)
	shell(t, chat).Text(`document.querySelector("iframe").contentWindow.location.reload()`)
	for len(chat.seen("page:demo@erp.test")) < 2 {
		time.Sleep(time.Millisecond)
	}
	want(t, "events after Mattermost loads again", t.Text("events"), "signin:demo,ready:demo")
	want(t, "title", t.Text("frame().title"), "Chat")
	want(t, "policy violations", t.Text("violations"), "0")
	login, page := chat.seen("login")[0], chat.seen("page:demo@erp.test")[0]
	if pause := page.at.Sub(login.at); pause < 300*time.Millisecond {
		t.Errorf("the frame was loaded %v after the login, want 300 ms or more", pause)
	}
	if strings.Contains(t.Text("document.documentElement.outerHTML"), "secret") {
		t.Error("the password is in the document")
	}
}

func reloadSpendsNoLogin(t tab, chat *fakeChat) {
	address := host(t, chat)
	t.Do(putDemo)
	state(t, "ready")
	t.Open(address)
	t.Do(`put("DEMO@erp.test")`)
	state(t, "ready")
	t.Do("chat.reload()")
	t.Wait("events.length === 2")
	want(t, "events", t.Text("events"), "ready:demo,ready:demo")
	if n := len(chat.seen("login")); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

func triesThrice(t tab, chat *fakeChat) {
	chat.on("login", refusal(http.StatusServiceUnavailable, "upstream_unavailable"))
	host(t, chat)
	t.Do(putDemo)
	state(t, "error")
	logins := chat.seen("login")
	if len(logins) != 3 {
		t.Fatalf("%d logins, want 3", len(logins))
	}
	for i, least := range []time.Duration{300 * time.Millisecond, 800 * time.Millisecond} {
		if gap := logins[i+1].at.Sub(logins[i].at); gap < least || gap > least+1500*time.Millisecond {
			t.Errorf("pause %d: %v, want a little more than %v", i+1, gap, least)
		}
	}
	want(t, "button", shell(t, chat).Text(`document.querySelector("button").innerText`), "Try again (3 of 3)")
	want(t, "button disabled", shell(t, chat).Text(`document.querySelector("button").disabled`), "true")
	want(t, "events", t.Text("events"), "error:upstream_unavailable")
	says(t, chat, "Reload this page", "ref-503")
}

// says what the element's card says, or the shell's.
func says(t tab, chat *fakeChat, parts ...string) {
	t.Helper()
	card := t.Text("card()")
	if card == "" {
		card = shell(t, chat).Text(`document.querySelector("#card").innerText`)
	}
	for _, part := range parts {
		if !strings.Contains(card, part) {
			t.Errorf("the card does not say %q: %s", part, card)
		}
	}
}

func refusalIsFinal(t tab, chat *fakeChat) {
	chat.on("login", refusal(http.StatusUnauthorized, "login_refused"), works)
	host(t, chat)
	t.Do(putDemo)
	state(t, "error")
	says(t, chat, "not accepted", "Try again (2 of 3)", "ref-401")
	want(t, "calls", chat.order(), "health session login")
	shell(t, chat).Text(`[document.querySelector("button")].map((b) => (b.focus(), b.click()))`)
	want(t, "focus", shell(t, chat).Text(`document.activeElement.id`), "card")
	state(t, "ready")
	want(t, "events", t.Text("events"), "error:login_refused,signin:demo,ready:demo")
}

func honoursRetryAfter(t tab, chat *fakeChat) {
	busy := refusal(http.StatusTooManyRequests, "rate_limited")
	busy.header = map[string]string{"Retry-After": "2"}
	chat.on("login", busy, works)
	host(t, chat)
	t.Do(putDemo)
	state(t, "ready")
	logins := chat.seen("login")
	if gap := logins[1].at.Sub(logins[0].at); len(logins) != 2 || gap < 2*time.Second {
		t.Errorf("%d logins %v apart, want 2 at least 2 s apart", len(logins), gap)
	}
}

func countsDown(t tab, chat *fakeChat) {
	chat.on("login", answer{status: http.StatusTooManyRequests, body: `{"code":"rate_limited","retry_after":30}`})
	host(t, chat)
	t.Do(putDemo)
	state(t, "error")
	shell(t, chat).Wait(`document.querySelector("button").innerText === "Trying again in 29 s"`)
	want(t, "button disabled", shell(t, chat).Text(`document.querySelector("button").disabled`), "true")
	want(t, "events", t.Text("events"), "error:rate_limited")
	if n := len(chat.seen("login")); n != 1 {
		t.Errorf("%d logins while waiting, want 1", n)
	}
	t.Screenshot("waiting")
}

func namesBlockedCookies(t tab, chat *fakeChat) {
	chat.cookies = "; Path=/; SameSite=Strict" // dropped: the two hosts are cross-site
	host(t, chat)
	t.Do(putDemo)
	state(t, "error")
	says(t, chat, "blocks chat's cookies", "Open chat in a new tab")
	want(t, "events", t.Text("events"), "error:cookies_blocked")
	want(t, "link", shell(t, chat).Text(`document.querySelector("a").href`), chat.url+"/erp/channels/town-square")
	if n := len(chat.seen("login")); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
	t.Screenshot("cookies-blocked")
}

func asksForCode(t tab, chat *fakeChat) {
	chat.on("login", refusal(http.StatusUnauthorized, "mfa_required"), refusal(http.StatusUnauthorized, "mfa_required"), works)
	host(t, chat)
	t.Do(putDemo)
	state(t, "mfa")
	t.Screenshot("mfa")
	want(t, "events", t.Text("events"), "")
	want(t, "the first card's small print", shell(t, chat).Text(`document.querySelector("small").textContent`), "")
	shell(t, chat).Text(`document.querySelector("input").value = "123456"`)
	press(t, chat)
	shell(t, chat).Wait(`document.querySelector("small")?.textContent === "The code was not accepted."`)
	shell(t, chat).Text(`document.querySelector("input").value = "654321"`)
	press(t, chat)
	state(t, "ready")
	want(t, "login", chat.seen("login")[2].body, `{"email":"demo@erp.test","password":"secret of demo@erp.test","mfa_code":"654321"}`)
}

func saysDown(t tab, chat *fakeChat) {
	chat.on("health", answer{status: 503, body: `{"status":"down","message":"Back at noon.","retry_after":0}`})
	host(t, chat)
	t.Do(putDemo)
	state(t, "error")
	says(t, chat, "Chat is not available", "Back at noon.")
	want(t, "calls", chat.order(), "health health health")
	want(t, "logins", t.Text("asked"), "0")
	chat.on("health", works)
	t.Do("chat.signIn()")
	state(t, "ready")
}

func saysUnreachable(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(`put("demo@erp.test", { server: "http://chat.localhost:1" })`)
	state(t, "error")
	says(t, chat, "does not answer")
	want(t, "events", t.Text("events"), "error:unreachable")
}

func leavesQuietly(t tab, chat *fakeChat) {
	release := make(chan struct{})
	chat.on("session", answer{hold: release})
	host(t, chat)
	t.Do(putDemo)
	t.Wait(`chat?.getAttribute("state") === "checking"`)
	t.Do("chat.remove()")
	close(release)
	t.Do(`document.querySelector("#field").focus()`)
	t.Do(`put("dana@erp.test")`) // the next one's whole round is time enough for a stray request
	chat.on("session", works)
	t.Wait(`events.includes("ready:dana")`)
	want(t, "events", t.Text("events"), "signin:dana,ready:dana")
	want(t, "asked", t.Text("asked"), "1")
}

func sharesLogin(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(putDemo + ";" + putDemo)
	t.Wait(`events.filter((e) => e === "ready:demo").length === 2`)
	want(t, "events", t.Text("events"), "signin:demo,ready:demo,ready:demo")
	if n := len(chat.seen("login")); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

func sharesLoginUnderWay(t tab, chat *fakeChat) {
	release := make(chan struct{})
	chat.on("login", answer{hold: release})
	host(t, chat)
	t.Do(putDemo)
	state(t, "signing-in")
	t.Do(putDemo)
	state(t, "checking")
	close(release)
	t.Wait(`events.filter((e) => e === "ready:demo").length === 2`)
	if n := len(chat.seen("login")); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

func keepsFocus(t tab, chat *fakeChat) {
	chat.thieving = true
	host(t, chat)
	t.Do(`window.lost = 0; field.addEventListener("blur", () => lost++); field.focus()`)
	t.Do(putDemo)
	state(t, "ready")
	t.Wait("lost === 1 && document.activeElement === field")
	t.Frame(chat.url).Wait("!document.hasFocus()") // the frame's process has heard of it, too
	t.Run(chromedp.MouseClickXY(300, 200))         // the person goes there
	t.Wait("lost === 2 && document.activeElement === chat")
}

func keepsWaitingForCredentials(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(`put("demo@erp.test", {}, null)`)
	state(t, "error")
	want(t, "events", t.Text("events"), "error:credentials_missing")
	t.Do(`chat.credentials = credentials("demo@erp.test")`)
	state(t, "ready")
	t.Do(`chat.credentials = credentials("demo@erp.test")`)
	want(t, "state after another function of the same person", t.Text(`chat.getAttribute("state")`), "ready")
}

func takesAnySession(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(putDemo)
	state(t, "ready")
	t.Do(`chat.remove(), put("nobody@erp.test", {}, null).then((e) => e.removeAttribute("email"))`)
	state(t, "ready")
	want(t, "events", t.Text("events"), "signin:demo,ready:demo,ready:demo")
}

func signsOut(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(putDemo)
	state(t, "ready")
	t.Do("chat.signOut({ everywhere: true })")
	state(t, "signed-out")
	want(t, "chat", shell(t, chat).Text(`document.querySelector("iframe")`), "null")
	want(t, "logout", chat.seen("logout")[0].body, `{"everywhere":true}`)
	press(t, chat)
	state(t, "ready")
	want(t, "events", t.Text("events"), "signin:demo,ready:demo,signout,signin:demo,ready:demo")
}

func signsInAfterSignOut(t tab, chat *fakeChat) {
	release := make(chan struct{})
	host(t, chat)
	t.Do(putDemo)
	state(t, "ready")
	chat.on("logout", answer{hold: release})
	t.Do(`chat.signOut(), chat.setAttribute("email", "dana@erp.test"), chat.credentials = credentials("dana@erp.test"), chat.signIn()`)
	t.Wait(`chat.getAttribute("state") === "checking"`)
	close(release)
	state(t, "ready")
	want(t, "calls", chat.order(), "health session login session page:demo@erp.test logout health session logout session login session page:dana@erp.test")
}

func upgrades(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(`chat = document.createElement("mattermost-chat"); chat.setAttribute("email", "demo@erp.test");
		chat.credentials = { email: "demo@erp.test", password: "early" }; chat.channel = "orders"; document.body.append(chat); import("` + chat.url + `/widget/v1/matterpass.js")`)
	state(t, "ready")
	want(t, "login", chat.seen("login")[0].body, `{"email":"demo@erp.test","password":"early"}`)
	t.Frame(chat.url + "/erp/").Wait(`location.pathname === "/erp/channels/orders"`)
	want(t, "shadowing property", t.Text(`Object.hasOwn(chat, "credentials")`), "false")
}

func saysNoCredentials(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(putDemo + `.then(() => { chat.credentials = async () => { throw new Error("logged out") } })`)
	state(t, "error")
	says(t, chat, "did not say who you are", "Try again (2 of 3)")
	want(t, "last event", t.Text("events.at(-1)"), "error:credentials_missing")
}

func waitsForView(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(`field.after(Object.assign(document.createElement("canvas"), { height: 5000 }))`)
	t.Do(`put("demo@erp.test", { lazy: "" })`)
	t.Wait("chat?.shadowRoot && new Promise((seen) => new IntersectionObserver(() => seen(true)).observe(chat))")
	want(t, "state", t.Text(`chat.getAttribute("state")`), "null")
	want(t, "calls", chat.order(), "")
	t.Do("chat.scrollIntoView()")
	state(t, "ready")
}

func storesNothing(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(putDemo)
	state(t, "ready")
	want(t, "storage and cookies", t.Text("localStorage.length + sessionStorage.length + document.cookie"), "0")
}
