package web_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"matterpass/internal/browsertest"
)

// neighbours is a page with an element, and around it frames that do not mean
// well: one of another origin, one without any, and one of the page's own.
const neighbours = `<!doctype html><title>host</title><script src="/host.js"></script>
<iframe src="%[1]s/stranger"></iframe><iframe sandbox="allow-scripts" src="%[1]s/nobody"></iframe><iframe src="/sibling"></iframe>`

// listener is a page that notes whether it is ever answered.
const listener = `<!doctype html><title>silence</title><script>addEventListener("message", ({ data }) => data === "bystander" || (document.title = "answered: " + JSON.stringify(data)))</script>`

// neighbourhood serves the page and its frames.
func neighbourhood(t *testing.T, chat *fakeChat) (page, stranger string) {
	t.Helper()
	mux := http.NewServeMux()
	html := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprint(w, text)
		}
	}
	mux.HandleFunc("GET /", html(listener))
	stranger = serve(t, "evil.localhost", mux)
	own := http.NewServeMux()
	own.Handle("GET /host.js", hostPage(chat.url))
	own.HandleFunc("GET /sibling", html(listener))
	own.HandleFunc("GET /{$}", html(fmt.Sprintf(neighbours, stranger)))
	page = serve(t, "erp.localhost", own)
	chat.allow(page)
	return page, stranger
}

// generator is the hostile messages of the tests in Node, as a script.
func generator(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile("pages/shell/test/hostile.js")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(source), "export function", "function")
}

// attack posts a thousand messages to a window; what cannot be cloned is left
// out, some are sent along with a port and a buffer that change hands.
func attack(source, window string, seed int) string {
	return fmt.Sprintf(`(() => { %s
		const to = %s;
		for (const [i, message] of messages(%d, 1000, nonce).entries()) {
			try {
				const buffer = new ArrayBuffer(8);
				to.postMessage(i %% 10 ? message : { ...message, buffer }, "*", i %% 10 ? [] : [buffer, new MessageChannel().port1]);
			} catch {}
		}
		to.postMessage("bystander", "*");
	})()`, source, window, seed)
}

// TestHostileMessages: from wherever they come and whatever they are made of,
// nothing happens: no request, no event, no other state, page or answer.
func TestHostileMessages(t *testing.T) {
	browser := browsertest.Start(t, browsertest.Options{})
	p, chat := browser.NewTab(t), newFakeChat(t)
	page, stranger := neighbourhood(t, chat)
	p.Open(page)
	p.Do(`window.broken = []; window.nonce = undefined;
		addEventListener("error", ({ message }) => message && broken.push(message)); addEventListener("unhandledrejection", ({ reason }) => broken.push(String(reason)));
		addEventListener("message", ({ data, origin }) => { if (origin === "` + chat.url + `") nonce ??= data?.nonce })`)
	p.Do(putDemo)
	state(p, "ready")
	shell(p, chat).Text(`addEventListener("error", ({ message }) => (document.documentElement.dataset.broken = message))`)
	before, nonce := snapshot(p, chat), p.Text("nonce")
	if len(nonce) < 7 {
		t.Fatalf("no conversation to break into: nonce %s", nonce)
	}
	const theShell = `document.querySelector("mattermost-chat").shadowRoot.querySelector("iframe").contentWindow`
	for name, from := range map[string]struct {
		run    func(script string) string
		window string // that it can reach
		nonce  string // that it may have overheard
	}{
		"a frame of another origin":                            {p.Frame(stranger + "/stranger").Text, "parent", nonce},
		"a frame without an origin":                            {p.Frame(stranger + "/nobody").Text, "parent", nonce},
		"a sibling of the page's own origin, to the element":   {p.Frame(page + "/sibling").Text, "parent", nonce},
		"a sibling of the page's own origin, to the shell":     {p.Frame(page + "/sibling").Text, "parent." + theShell, nonce},
		"Mattermost's page, to the shell":                      {p.Frame(chat.url + "/erp/").Text, "parent", nonce},
		"Mattermost's page, to the element, past the shell":    {p.Frame(chat.url + "/erp/").Text, "top", nonce},
		"the page itself, to the shell, out of another talk":   {p.Text, theShell, "9,9,9,9"},
		"the page itself, to itself, as a confused script may": {p.Text, "window", nonce},
	} {
		t.Run(name, func(t *testing.T) {
			p := p.For(t)
			script := generator(t) + fmt.Sprintf("const nonce = %q;", from.nonce)
			for seed := range 3 {
				from.run(attack(script, from.window, seed))
			}
			settle(p, chat)
			if got := snapshot(p, chat); got != before {
				t.Errorf("something happened:\n%s\nbefore:\n%s", got, before)
			}
		})
	}
	want(p.For(t), "errors thrown", p.Text("broken"), "")
	for _, path := range []string{"/stranger", "/nobody"} {
		want(p.For(t), "answer to "+path, p.Frame(stranger+path).Text("document.title"), "silence")
	}
	want(p.For(t), "answer to /sibling", p.Frame(page+"/sibling").Text("document.title"), "silence")
	p.Do(`chat.open("orders")`) // and who may speak is still heard
	p.Frame(chat.url + "/erp/").Wait(`location.pathname === "/erp/channels/orders"`)
}

// settle waits until every window has worked through what was sent to it: a
// message of the test's own queues up behind.
func settle(p tab, chat *fakeChat) {
	p.Text(`new Promise((done) => setTimeout(done, 50))`)
	shell(p, chat).Text(`new Promise((done) => { addEventListener("message", done, { once: true }); postMessage("bystander", "*") }).then(() => 0)`)
	p.Text(`new Promise((done) => { addEventListener("message", done, { once: true }); postMessage("bystander", "*") }).then(() => 0)`)
}

// snapshot is all that a message could change.
func snapshot(p tab, chat *fakeChat) string {
	p.Helper()
	return strings.Join([]string{
		"requests " + chat.order(),
		"events " + p.Text("events"),
		"element " + p.Text(`JSON.stringify([chat.state, chat.unread, [...chat.attributes].map((a) => a.name + a.value), chat.shadowRoot.innerHTML])`),
		"page " + p.Text(`location.href + document.body.innerHTML`),
		"shell " + shell(p, chat).Text(`location.href + document.documentElement.outerHTML`),
		"chat " + p.Frame(chat.url+"/erp/").Text("location.href"),
	}, "\n")
}
