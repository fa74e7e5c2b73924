package main

import (
	"fmt"
	"net/http"

	"matterpass/internal/simulator"
)

// countsUnread compares with what Mattermost counts.
func countsUnread(s seat) {
	s.mattermost.Say(simulator.DanaEmail, "orders", "before anybody looks")
	s.enter()
	unread := func(messages, mentions int) {
		s.Helper()
		s.Wait(fmt.Sprintf(`JSON.stringify(%s.unread) === '{"messages":%d,"mentions":%d}'`, theChat, messages, mentions))
	}
	var messages, mentions int
	for counted := ""; counted == "" || counted != fmt.Sprint(messages, " ", mentions); counted = s.counted() { // what is on the screen is being read
		if s.Err() != nil {
			s.Fatalf("the host was told %d, %d, Mattermost counts %s", messages, mentions, counted)
		}
		_, _ = fmt.Sscan(s.Text(theChat+`.unread.messages + " " + `+theChat+`.unread.mentions`), &messages, &mentions)
	}
	if messages == 0 {
		s.Fatal("nothing is unread in the demo: nothing is tested")
	}
	s.mattermost.Say(simulator.DanaEmail, "orders", "one more")
	unread(messages+1, mentions)
	s.mattermost.Say(simulator.DanaEmail, "orders", "@demo and one for you")
	unread(messages+2, mentions+1)
	s.write(simulator.DanaEmail, "direct, which no team counts")
	unread(messages+3, mentions+2)
	if want := "true"; s.Text(`!document.querySelector("#unread").hidden && document.querySelector("#unread").innerText === "`+fmt.Sprint(mentions+2)+`"`) != want {
		s.Error("the ERP's badge does not show it")
	}
	s.Screenshot("unread")
	s.Do(`window.before = ` + theChat + `.unread.mentions; ` + theChat + `.open("orders")`)
	s.Wait(theChat + ".unread.mentions < before")
}

// passesNotificationsOn: to the ERP's page, which shows them.
func passesNotificationsOn(s seat) {
	s.enter()
	s.Do(`window.notices = []; ` + theChat + `.addEventListener("notification", ({ detail }) => notices.push([detail.sender, detail.channel, detail.text, detail.target, detail.mention, detail.direct].join("|")))`)
	s.page().Text(`document.querySelector("#composer textarea").focus()`)
	s.page().Wait("document.hasFocus()")
	say := func(channel, words string) { s.Helper(); s.mattermost.Say(simulator.DanaEmail, channel, words) }
	say("orders", "nobody is meant")
	say("town-square", "@demo you are looking at this")
	s.mattermost.Say(simulator.DemoEmail, "orders", "@demo to myself")
	say("orders", "@demo \n please <b>look</b>")
	s.write(simulator.DanaEmail, "between us")
	s.Wait("notices.length === 2")
	want := "dana|Orders|@demo please <b>look</b>|/erp/channels/orders|true|false,dana|dana|between us|/erp/messages/@dana|true|true"
	if got := s.Text("notices"); got != want {
		s.Errorf("the host was told %s, want %s", got, want)
	}
	s.Wait(`document.querySelector("#toast").innerText.includes("between us")`)
	s.Screenshot("notification")
	s.Click(`document.querySelector("#toast button")`)
	s.page().Wait(`location.pathname === "/erp/messages/@dana" && document.activeElement.localName === "textarea"`) // it took the focus once more
	s.Click(`document.querySelector("#filter")`)
	s.page().Wait("!document.hasFocus()")
	s.write(simulator.DanaEmail, "on the screen, but the eyes are in the orders")
	s.Wait("notices.length === 3")
	s.Do(`window.shown = []; Object.defineProperty(document, "hidden", { value: true });
		window.Notification = class { static permission = "granted"; constructor(title, { body, tag }) { shown.push(title + "|" + body + "|" + tag.length) } }`)
	say("orders", "@demo are you there?")
	s.Wait(`shown.join() === "dana in Orders|@demo are you there?|26"`) // in another tab of the browser: the system shows it
}

// counted is what Mattermost itself says, direct messages left out.
func (s seat) counted() string {
	s.Helper()
	return s.page().Text(`fetch("/api/v4/users/me/teams/unread?include_collapsed_threads=true").then((r) => r.json())
		.then((teams) => teams[0].msg_count_root + " " + teams[0].mention_count_root)`)
}

// write sends demo a direct message.
func (s seat) write(from, message string) {
	s.Helper()
	token, _ := s.mattermost.SignIn(from)
	call := func(path, body string) string {
		got := ask(s.T, http.MethodPost, s.details.Mattermost+"/api/v4"+path, body, "Authorization", "Bearer "+token)
		if got.StatusCode != http.StatusCreated {
			s.Fatalf("%s: %d %s", path, got.StatusCode, got.body)
		}
		return got.field(s.T, "id").(string)
	}
	channel := call("/channels/direct", fmt.Sprintf(`[%q,%q]`, s.mattermost.UserID(from), s.mattermost.UserID(simulator.DemoEmail)))
	call("/posts", fmt.Sprintf(`{"channel_id":%q,"message":%q}`, channel, message))
}
