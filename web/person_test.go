package web_test

// What the element promises about whose chat it shows; TestWidget lists it.

func switchesUser(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(putDemo)
	state(t, "ready")
	t.Do(`window.old = frame(), chat.setAttribute("email", "dana@erp.test"), chat.credentials = credentials("dana@erp.test")`)
	want(t, "old frame in the page", t.Text("old.isConnected"), "false")
	t.Wait(`events.includes("ready:dana")`)
	want(t, "calls", chat.order(), "health session login session page:demo@erp.test health session logout session login session page:dana@erp.test")
	want(t, "logout", chat.seen("logout")[0].body, `{"forget":true}`)
	want(t, "events", t.Text("events"), "signin:demo,ready:demo,signout,signin:dana,ready:dana")
	want(t, "frames", t.Text(`chat.shadowRoot.querySelectorAll("iframe").length`), "1")
}

func switchesSubject(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(`put("", {subject: "` + subjectOf("demo@erp.test") + `"}, credentials("demo@erp.test"))`)
	state(t, "ready")
	t.Do(`chat.credentials = credentials("dana@erp.test"), chat.subject = "` + subjectOf("dana@erp.test") + `"`)
	t.Wait(`events.includes("ready:dana")`)
	want(t, "calls", chat.order(), "health session login session page:demo@erp.test health session logout session login session page:dana@erp.test")
	want(t, "events", t.Text("events"), "signin:demo,ready:demo,signout,signin:dana,ready:dana")
}

func refusesOthers(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(`put("", {subject: "` + subjectOf("demo@erp.test") + `"}, credentials("dana@erp.test"))`)
	state(t, "error")
	says(t, chat, "named one person and brought the proof of another", "ask your help desk")
	want(t, "calls", chat.order(), "health session login session logout")
	want(t, "events", t.Text("events"), "error:person_mismatch")
}

func saysNoHash(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(`put("", {subject: "4711"}, credentials("demo@erp.test"))`)
	state(t, "error")
	want(t, "calls", chat.order(), "health")
	want(t, "events", t.Text("events"), "error:subject_invalid")
}

func dropsOldAnswers(t tab, chat *fakeChat) {
	chat.on("login", answer{hold: make(chan struct{})}, works) // until the browser gives up
	host(t, chat)
	t.Do(putDemo)
	state(t, "signing-in")
	t.Do(`chat.setAttribute("email", "dana@erp.test"), chat.credentials = credentials("dana@erp.test")`)
	t.Wait(`events.includes("ready:dana")`)
	want(t, "events", t.Text("events"), "signin:dana,ready:dana")
}
