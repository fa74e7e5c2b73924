import assert from "node:assert/strict";
import { test } from "node:test";
import { handOver, run, sentence, wordsFor } from "./outcome.js";

// popUp is the window in which a sign-in ended.
function popUp({ outcome = {}, opener, language = "en" } = {}) {
  const scope = new EventTarget();
  const elements = {};
  for (const id of ["#outcome", "#title", "#sentence", "#next"]) elements[id] = { textContent: "", hidden: true };
  elements["#outcome"].textContent = JSON.stringify(outcome);
  const gone = [];
  return Object.assign(scope, {
    elements, gone, opener, setTimeout, clearTimeout,
    document: { querySelector: (id) => elements[id], documentElement: {} },
    navigator: { language },
    location: { origin: "https://chat.test", replace: (to) => gone.push(to) },
    close: () => gone.push("closed"),
    BroadcastChannel: class {
      constructor(name) { scope.channel = Object.assign(this, { name, sent: [] }); }
      postMessage(data) { this.sent.push(data); }
      close() { this.closed = true; }
    },
    say: (data, origin = "https://chat.test") => scope.dispatchEvent(Object.assign(new Event("message"), { data, origin })),
  });
}

const done = { mode: "popup", handle: "h1", ticket: "mt1_x" };

test("the outcome goes to the opener of the chat's own origin alone, and to the channel", async () => {
  const sent = [];
  const scope = popUp({ opener: { postMessage: (...given) => sent.push(given) } });
  const taken = handOver(done, { scope });
  const message = { matterpass: "oidc", handle: "h1", ticket: "mt1_x", code: undefined };
  assert.deepEqual(sent, [[message, "https://chat.test"]]);
  assert.deepEqual(scope.channel.sent, [message]);
  assert.equal(scope.channel.name, "matterpass.oidc.h1");
  scope.say({ matterpass: "oidc-taken", handle: "h1" });
  assert.equal(await taken, true);
  assert.ok(scope.channel.closed);
});

test("only the shell's own word ends the wait", async () => {
  const scope = popUp();
  const taken = handOver(done, { scope, patience: 20 });
  scope.say({ matterpass: "oidc-taken", handle: "h1" }, "https://evil.test");
  scope.say({ matterpass: "oidc-taken", handle: "h2" });
  scope.say(null);
  assert.equal(await taken, false);
});

test("a pop-up whose outcome was taken closes", async () => {
  const scope = popUp({ outcome: done });
  const ended = run(scope);
  scope.channel.onmessage({ data: { matterpass: "oidc-taken", handle: "h1" } });
  await ended;
  assert.deepEqual(scope.gone, ["closed"]);
});

test("a pop-up that nobody listens to goes on by a click, with the ticket in the fragment", async () => {
  const scope = popUp({ outcome: done });
  scope.setTimeout = (work, _, given) => setTimeout(work, 1, given);
  await run(scope);
  assert.deepEqual(scope.gone, []);
  assert.deepEqual(scope.elements["#next"], { href: "/launch#mt1_x", textContent: "Open chat here", hidden: false });
});

test("a tab that needs a code goes on to the launch page", async () => {
  const scope = popUp({ outcome: { ...done, mode: "top" } });
  await run(scope);
  assert.deepEqual(scope.gone, ["/launch#mt1_x"]);
});

test("a tab that failed offers another try, in the person's language", async () => {
  const scope = popUp({ outcome: { mode: "top", code: "idp_denied" }, language: "de-AT" });
  await run(scope);
  assert.equal(scope.elements["#next"].href, "/auth/oidc/start");
  assert.match(scope.elements["#sentence"].textContent, /nicht zugelassen/);
  assert.equal(scope.document.documentElement.lang, "de");
});

test("every code has a sentence, and names of objects have none of their own", () => {
  const german = wordsFor("de");
  for (const code of ["flow_invalid", "idp_denied", "constructor", "never heard of it"]) assert.equal(typeof sentence(german, code), "string");
  assert.equal(sentence(wordsFor("fr"), "idp_denied"), undefined, "the page's own is English");
});
