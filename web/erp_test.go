package web_test

import (
	"fmt"
	"net/http"
	"testing"

	"matterpass/internal/browsertest"
	"matterpass/internal/erp"
	"matterpass/web"
)

func demoERP(t *testing.T, chat *fakeChat) string {
	t.Helper()
	address := serve(t, "erp.localhost", erp.New(erp.Options{
		ChatURL: chat.url, Secret: "whatever the chat believes",
		People: []erp.Person{
			{Name: "Demo User", Email: "demo@erp.test"},
			{Name: "Dana", Email: "dana@erp.test"},
		},
		Assets: web.ERP(),
	}))
	chat.allow(address)
	return address
}

const pageState = `document.querySelector("#chat").getAttribute("state")`

func TestERPPage(t *testing.T) {
	browser := browsertest.Start(t, browsertest.Options{})
	for name, promise := range map[string]func(tab, *fakeChat, string){
		"the ERP's user is signed in to chat, under the page's own policy": opensChat,
		"the user switch changes chat in place and outlives a reload":      switchesInPlace,
		"without the chat server the orders still work":                    survivesWithoutChat,
		"the filter finds orders":                                          filtersOrders,
		"the chat doctor opens in a frame like the chat's":                 asksTheDoctor,
		"no width needs sideways scrolling":                                fitsEveryWidth,
	} {
		t.Run(name, func(t *testing.T) {
			chat := newFakeChat(t)
			promise(browser.NewTab(t), chat, demoERP(t, chat))
		})
	}
}

func opensChat(t tab, chat *fakeChat, address string) {
	t.Open(address)
	t.Wait(pageState + ` === "ready"`)
	want(t, "user", t.Text(`document.querySelector("#user").innerText`), "Demo User")
	want(t, "calls", chat.order(), "health session login session page:demo@erp.test")
}

func switchesInPlace(t tab, chat *fakeChat, address string) {
	t.Open(address)
	t.Wait(pageState + ` === "ready"`)
	t.Do(`window.same = true; const people = document.querySelector("#switch"); people.value = "dana@erp.test"; people.dispatchEvent(new Event("change"))`)
	t.Wait(`document.querySelector("#user").innerText === "Dana" && ` + pageState + ` === "ready"`)
	want(t, "page reloaded", t.Text("!window.same"), "false")
	t.Open(address)
	t.Wait(pageState + ` === "ready"`)
	want(t, "user", t.Text(`document.querySelector("#user").innerText`), "Dana")
	if n := len(chat.seen("login")); n != 2 {
		t.Errorf("%d logins, want one for each person", n)
	}
}

func survivesWithoutChat(t tab, _ *fakeChat, _ string) {
	nowhere := &fakeChat{url: "http://chat.localhost:1"}
	t.Open(demoERP(t.T, nowhere))
	t.Wait(`document.querySelector("#chat").innerText.includes("cannot be loaded")`)
	want(t, "orders", t.Text(`document.querySelectorAll("tbody tr").length`), "12")
}

func asksTheDoctor(t tab, chat *fakeChat, address string) {
	t.Open(address)
	t.Wait(pageState + ` === "ready"`)
	t.Click(`document.querySelector("#doctor")`)
	t.Wait(`document.querySelector("#checkup").open`)
	frame := `document.querySelector("#checkup iframe")`
	want(t, "address", t.Text(frame+".src"), chat.url+"/embed-doctor")
	want(t, "rights", t.Text(frame+".allow"), t.Text(`document.querySelector("#chat").shadowRoot.querySelector("iframe").allow`))
	t.Wait(frame + `.getBoundingClientRect().height > 300`)
	t.Click(`document.querySelector("#close")`)
	t.Wait(`!document.querySelector("#checkup").open`)
}

func filtersOrders(t tab, _ *fakeChat, address string) {
	t.Open(address)
	t.Wait(`!document.querySelector("#switch").disabled`)
	filter := func(words string) string {
		t.Do(fmt.Sprintf(`{ const f = document.querySelector("#filter"); f.value = %q; f.dispatchEvent(new Event("input")) }`, words))
		return t.Text(`document.querySelectorAll("tbody tr:not([hidden])").length + " " + document.querySelector("#none").hidden`)
	}
	want(t, "one customer", filter("seaview"), "2 true")
	want(t, "nothing", filter("zzz"), "0 false")
	want(t, "everything", filter(" "), "12 true")
}

func fitsEveryWidth(t tab, _ *fakeChat, address string) {
	for _, width := range []int64{320, 360, 600, 900, 1280, 1920} {
		t.Look(width, "light")
		t.Open(address)
		t.Wait(pageState + ` === "ready"`)
		if got := t.Text("document.documentElement.scrollWidth <= innerWidth"); got != "true" {
			t.Errorf("%d px: the page is %s px wide", width, t.Text("document.documentElement.scrollWidth"))
		}
		if got := t.Text(`(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector(".sheet"))`); got != "0" {
			t.Errorf("%d px: %s px of the orders are cut off", width, got)
		}
	}
}

// TestScreenshots writes what people see to MATTERPASS_SCREENSHOTS.
func TestScreenshots(t *testing.T) {
	browser := browsertest.Start(t, browsertest.Options{})
	for _, width := range []int64{360, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			chat := newFakeChat(t)
			page := browser.NewTab(t)
			page.Look(width, scheme)
			release := make(chan struct{})
			chat.on("login", answer{hold: release}, refusal(http.StatusUnauthorized, "login_refused"))
			page.Open(demoERP(t, chat))
			for _, state := range []string{"signing-in", "ready", "error"} {
				page.Wait(pageState + ` === "` + state + `"`)
				page.Screenshot(fmt.Sprintf("erp-%s-%d-%s", state, width, scheme))
				if state == "signing-in" {
					close(release)
				} else {
					page.Do(`document.querySelector("#chat").signOut().then(() => document.querySelector("#chat").signIn())`)
				}
			}
		}
	}
}
