package web_test

import (
	"net/http"
	"strings"
	"testing"

	"matterpass/internal/browsertest"
)

// TestEveryFallbackIsOneSentenceAndOneAction: whatever keeps chat away, people
// read what happened, can do one thing about it, and the page is told.
func TestEveryFallbackIsOneSentenceAndOneAction(t *testing.T) {
	browser := browsertest.Start(t, browsertest.Options{})
	for code, c := range map[string]struct {
		status int
		says   string
		action string // enabled; none where only somebody else can help
	}{
		"upstream_unavailable": {http.StatusServiceUnavailable, "The chat server is not working at the moment.", ""},
		"upstream_timeout":     {http.StatusGatewayTimeout, "The chat server takes too long to answer.", ""},
		"busy":                 {http.StatusServiceUnavailable, "Very many people are signing in right now.", ""},
		"mint_unavailable":     {http.StatusServiceUnavailable, "Chat cannot sign you in right now.", ""},
		"store_unavailable":    {http.StatusServiceUnavailable, "Chat cannot sign you in right now.", ""},
		"assertion_spent":      {http.StatusUnauthorized, "This page's sign-in was used before.", "Try again (2 of 3)"},
		"conflict":             {http.StatusConflict, "A chat account with your address is not linked to you yet.", "Try again (2 of 3)"},
		"seat_limit":           {http.StatusUnprocessableEntity, "The chat server has no free seat for you.", "Try again (2 of 3)"},
		"not_provisioned":      {http.StatusForbidden, "Your account has no team in this chat yet.", "Try again (2 of 3)"},
		"login_refused":        {http.StatusUnauthorized, "Your e-mail or password was not accepted.", "Try again (2 of 3)"},
		"no_such_code":         {http.StatusInternalServerError, "The chat server is not working at the moment.", "Try again (2 of 3)"},
	} {
		t.Run(code, func(t *testing.T) {
			p, chat := browser.NewTab(t), newFakeChat(t)
			chat.on("login", refusal(c.status, code))
			host(p, chat)
			p.Do(putDemo)
			state(p, "error")
			says(p, chat, "Chat is not available", c.says)
			want(p, "actions", shell(p, chat).Text(`[...document.querySelectorAll("button:enabled, a")].map((e) => e.innerText)`), c.action)
			want(p, "alerts", shell(p, chat).Text(`document.querySelectorAll("[role=alert]").length`), "1")
			want(p, "events", p.Text("events"), "error:"+code)
		})
	}
}

// TestAChatThatIsSlowIsSaidToBe: the page of Mattermost does not come; waiting
// may still help, and trying again may, too.
func TestAChatThatIsSlowIsSaidToBe(t *testing.T) {
	p, chat := browsertest.Start(t, browsertest.Options{}).NewTab(t), newFakeChat(t)
	release := make(chan struct{})
	chat.hold(release)
	host(p, chat)
	p.Do(putDemo)
	state(p, "opening")
	shell(p, chat).Wait(`document.querySelector("#card").innerText.includes("takes longer than usual")`)
	want(p, "actions", shell(p, chat).Text(`[...document.querySelectorAll("button:enabled")].map((e) => e.innerText)`), "Try again (2 of 3)")
	close(release)
	state(p, "ready")
	want(p, "events", p.Text("events"), "signin:demo,error:upstream_timeout,ready:demo")
}

// survivesNavigation as an application does it that keeps its elements.
func survivesNavigation(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(putDemo)
	state(t, "ready")
	t.Do(`window.kept = chat; chat.remove()`)
	want(t, "state while away", t.Text("kept.state"), "null")
	want(t, "frames while away", t.Text(`kept.shadowRoot.querySelectorAll("iframe").length`), "0")
	t.Do(`kept.open("orders"); kept.setTheme("dark"); document.body.append(kept)`)
	t.Wait(`kept.state === "ready"`)
	t.Frame(chat.url + "/erp/").Wait(`location.pathname === "/erp/channels/orders"`)
	want(t, "theme", shell(t, chat).Text("document.documentElement.dataset.theme"), "dark")
	t.Do(`document.body.prepend(kept)`) // moved: the browser loads frames anew
	t.Wait(`events.filter((e) => e === "ready:demo").length === 3`)
	if n := len(chat.seen("login")); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
	if got := chat.order(); strings.Contains(got, "logout") {
		t.Errorf("leaving the page signed out: %s", got)
	}
}
