package web_test

import (
	"net/http"
	"testing"

	"matterpass/internal/browsertest"
)

func saysNoAddress(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(`put("demo@erp.test", { server: "https://" })`)
	state(t, "error")
	want(t, "events", t.Text("events"), "error:unreachable")
}

func triesWhenOnline(t tab, chat *fakeChat) {
	chat.on("health", answer{status: http.StatusServiceUnavailable, body: `{"status":"down"}`})
	host(t, chat)
	t.Do(putDemo)
	t.Wait(`button()?.disabled`) // all tries are used up
	chat.on("health", works)
	t.Do(`dispatchEvent(new Event("online"))`)
	state(t, "ready")
	chat.on("session", refusal(http.StatusServiceUnavailable, "upstream_unavailable"))
	t.Do("chat.reload()")
	state(t, "error")
	shell(t, chat).Wait(`document.querySelector("button").disabled`)
	chat.on("session", works)
	shell(t, chat).Text(`dispatchEvent(new Event("online"))`)
	state(t, "ready")
}

// keepsProofsApart: each shell counts its questions from one.
func keepsProofsApart(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(`put("demo@erp.test", {}, () => new Promise((done) => { window.late = () => done({ email: "demo@erp.test", password: "x" }) }))`)
	t.Wait("window.late")
	t.Do(`chat.credentials = () => new Promise((done) => { window.next = () => done({ email: "dana@erp.test", password: "x" }) }); chat.setAttribute("email", "dana@erp.test")`)
	t.Wait("window.next")
	t.Do("late()")
	t.Do("setTimeout(next, 300)")
	t.Wait(`events.includes("ready:dana")`)
	want(t, "events", t.Text("events"), "signin:dana,ready:dana")
}

func forgetsTarget(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(putDemo)
	state(t, "ready")
	t.Do(`window.paths = []; chat.addEventListener("navigate", ({ detail }) => paths.push(detail.path)); chat.open("@admin")`)
	t.Wait(`paths.at(-1) === "/erp/messages/@admin"`)
	t.Do(`paths.length = 0; chat.credentials = credentials("dana@erp.test"); chat.setAttribute("email", "dana@erp.test")`)
	t.Wait(`events.includes("ready:dana")`)
	t.Wait(`paths.length`)
	want(t, "the next person is at", t.Text("paths"), "/erp/channels/town-square")
}

func saysUnfitCredentials(t tab, chat *fakeChat) {
	host(t, chat)
	t.Do(`put("demo@erp.test", {}, () => fetch("/"))`) // without reading the answer
	state(t, "error")
	want(t, "events", t.Text("events"), "error:credentials_missing")
}

// TestTheDoctorSaysWhatToChangeWhereNothingOfOursAnswers: all it can show then is its
// verdict, and that must be whole.
func TestTheDoctorSaysWhatToChangeWhereNothingOfOursAnswers(t *testing.T) {
	browser := browsertest.Start(t, browsertest.Options{})
	for code, instead := range map[string]http.HandlerFunc{
		"MP-1D": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"hello":"world"}`)) },
		"MP-1C": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
	} {
		t.Run(code, func(t *testing.T) {
			c := clinic{fault: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/embed-doctor/report" || r.URL.Path == "/api/mattermost/health" {
						instead(w, r)
						return
					}
					next.ServeHTTP(w, r)
				})
			}}.open(t)
			tab := browser.NewTab(t)
			tab.Open(c.page)
			frame := tab.Frame(c.chat + "/embed-doctor")
			if got := diagnosis(frame); got != code {
				t.Errorf("code %q, want %q", got, code)
			}
			frame.Wait(`!document.querySelector("#buttons").hidden && !document.querySelector("#again").disabled`)
			if got := frame.Text(`document.querySelector("#setting").textContent`); got == "" {
				t.Error("it names nothing to change")
			}
			frame.Click(`document.querySelector("#again")`)
			frame.Wait(`!document.querySelector("#again").disabled`)
		})
	}
}
