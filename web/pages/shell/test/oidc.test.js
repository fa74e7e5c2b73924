import assert from "node:assert/strict";
import { test } from "node:test";
import { listen, startOf } from "../oidc.js";

// windows is an own window: messages to it, and channels by their names.
function windows() {
  const scope = new EventTarget();
  const channels = [];
  scope.location = { origin: "https://chat.test" };
  scope.BroadcastChannel = class {
    constructor(name) {
      Object.assign(this, { name, sent: [], closed: false });
      channels.push(this);
    }
    postMessage(data) { this.sent.push(data); }
    close() { this.closed = true; }
  };
  const say = (data, origin = "https://chat.test") => {
    const sent = [];
    scope.dispatchEvent(Object.assign(new Event("message"), { data, origin, source: { postMessage: (...given) => sent.push(given) } }));
    return sent;
  };
  return { scope, channels, say };
}

const outcome = { matterpass: "oidc", handle: "h1", ticket: "mt1_x" };

test("the pop-up is told who embeds, where to go and its handle", () => {
  assert.equal(startOf({ id: "p1" }, { embedder: "https://erp.test", target: "/erp/channels/a b" }, "h1"),
    "/auth/oidc/start?provider=p1&mode=popup&handle=h1&origin=https%3A%2F%2Ferp.test&target=%2Ferp%2Fchannels%2Fa+b");
  assert.equal(startOf({ id: "p1" }, {}, "h1"), "/auth/oidc/start?provider=p1&mode=popup&handle=h1");
});

test("the outcome of this very pop-up is taken, and it is told so", async () => {
  const { scope, channels, say } = windows();
  const { signal } = new AbortController();
  const waiting = listen("h1", { scope, signal });
  for (const data of [undefined, null, "mt1_x", {}, { ...outcome, handle: "h2" }, { ...outcome, matterpass: 1 }, { ...outcome, ticket: 7 }]) {
    assert.deepEqual(say(data), [], JSON.stringify(data));
  }
  assert.deepEqual(say(outcome, "https://erp.test"), [], "another origin");
  assert.deepEqual(say(outcome), [[{ matterpass: "oidc-taken", handle: "h1" }, "https://chat.test"]]);
  assert.deepEqual(await waiting, { ticket: "mt1_x", code: undefined });
  assert.ok(channels[0].closed);
  assert.deepEqual(say(outcome), [], "twice");
});

test("a pop-up without an opener reaches the shell by the channel", async () => {
  const { scope, channels } = windows();
  const waiting = listen("h1", { scope, signal: new AbortController().signal });
  assert.equal(channels[0].name, "matterpass.oidc.h1");
  channels[0].onmessage({ data: { ...outcome, handle: "h2" } });
  channels[0].onmessage({ data: { matterpass: "oidc", handle: "h1", code: "idp_denied" } });
  assert.deepEqual(await waiting, { ticket: undefined, code: "idp_denied" });
  assert.deepEqual(channels[0].sent, [{ matterpass: "oidc-taken", handle: "h1" }]);
});

test("what is overtaken listens no more", async () => {
  const { scope, channels, say } = windows();
  const turn = new AbortController();
  const waiting = listen("h1", { scope, signal: turn.signal });
  turn.abort();
  assert.equal(await waiting, undefined);
  assert.ok(channels[0].closed);
  assert.deepEqual(say(outcome), []);
});
