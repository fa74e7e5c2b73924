package web_test

import (
	"fmt"
	"net/http"

	"matterpass/internal/browsertest"
)

type tab = browsertest.Tab

// hostPage is somebody's ERP under a strict policy, without a word of our own:
// the element is made by its script, which is the test's.
func hostPage(chat string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self' "+chat+"; connect-src 'self' "+chat+
			"; frame-src "+chat+"; style-src 'self'; require-trusted-types-for 'script'")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, `<!doctype html><title>host</title><script src="/host.js"></script><input id="field">`)
	})
	mux.HandleFunc("GET /host.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = fmt.Fprintf(w, hostScript, chat+"/widget/v1/matterpass.js")
	})
	return mux
}

const hostScript = `
let chat, events = [], asked = 0, violations = 0;
addEventListener("securitypolicyviolation", () => violations++);
for (const name of ["ready", "signin", "signout", "expired"]) addEventListener(name, ({ detail }) => events.push(name + (detail ? ":" + detail.user.username : "")));
addEventListener("error", ({ detail }) => detail && events.push("error:" + detail.code));
const card = () => chat?.shadowRoot?.querySelector("section:not([hidden])")?.innerText ?? "";
const frame = () => chat.shadowRoot.querySelector("iframe");
const button = () => chat.shadowRoot.querySelector("button");
const credentials = (email) => () => (asked++, { email, password: "secret of " + email });
async function put(email, attributes = {}, source = credentials(email)) {
  await import(%q);
  const element = document.createElement("mattermost-chat");
  for (const [name, value] of Object.entries({ email, ...attributes })) element.setAttribute(name, value);
  element.credentials = source;
  document.body.append(element);
  return (chat = element);
}`

// host opens a page of somebody's with the chat of demo@erp.test in it.
func host(t tab, chat *fakeChat) string {
	t.Helper()
	address := serve(t.T, "erp.localhost", hostPage(chat.url))
	chat.allow(address)
	t.Open(address)
	return address
}

// shell is the page in the element's frame.
func shell(t tab, chat *fakeChat) browsertest.Frame { return t.Frame(chat.url + "/embed") }

// press the button on the shell's card.
func press(t tab, chat *fakeChat) {
	t.Helper()
	shell(t, chat).Text(`document.querySelector("button").click()`)
}

const putDemo = `put("demo@erp.test")`

// state waits until the element says it is in the given one.
func state(t tab, want string) {
	t.Helper()
	t.Wait(`chat?.getAttribute("state") === "` + want + `"`)
}
