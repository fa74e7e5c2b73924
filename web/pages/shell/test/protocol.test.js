import assert from "node:assert/strict";
import { test } from "node:test";
import { converse, read } from "../protocol.js";

const ERP = "https://erp.example.com";
const hello = { matterpass: 1, type: "hello", nonce: "1,2,3,4", email: "demo@erp.test" };

// window is a stand-in: it records what is posted to its parent.
function page() {
  const parent = { sent: [], postMessage: (data, origin) => parent.sent.push({ data, origin }) };
  const scope = { parent, addEventListener: (_, listener) => (scope.say = (data, more) => listener({ source: parent, origin: ERP, data, ...more })) };
  const acts = [];
  const send = converse(scope, [ERP, "https://portal.example.com"], (message) => acts.push(message));
  return { scope, parent, acts, send };
}

test("the first hello is welcomed with its own nonce, to its own origin", () => {
  const { scope, parent, acts } = page();
  scope.say(hello);
  assert.deepEqual(parent.sent, [{ data: { matterpass: 1, type: "welcome", nonce: "1,2,3,4" }, origin: ERP }]);
  assert.equal(acts[0].email, "demo@erp.test");
});

test("nothing is said to anybody before", () => {
  const { parent, send } = page();
  send("state", { state: "ready" });
  assert.deepEqual(parent.sent, []);
});

test("what is not a message of a known window, origin and conversation does nothing", () => {
  const strange = [
    [hello, { origin: "https://evil.example" }],
    [hello, { origin: "null" }],
    [hello, { source: {} }],
    [hello, { source: null }],
    ...[null, undefined, 1, "hello", [], {}, new Map(), { ...hello, matterpass: 2 }, { ...hello, matterpass: "1" }, { ...hello, type: "Hello" }, { ...hello, type: "constructor" },
      { ...hello, type: "__proto__" }, { ...hello, type: ["hello"] }, { ...hello, nonce: "" }, { ...hello, nonce: undefined }, { ...hello, nonce: "<script>" }, { ...hello, nonce: ["1,2,3,4"] }, { ...hello, nonce: { toString: 1 } }, { ...hello, nonce: "1".repeat(99) },
      { ...hello, email: 1 }, { ...hello, email: "x".repeat(999) }, { ...hello, theme: {} }, { ...hello, again: "yes" }, { ...hello, target: ["a"] }].map((data) => [data, {}]),
  ];
  for (const [data, more] of strange) {
    const { scope, parent, acts } = page();
    scope.say(data, more);
    assert.deepEqual([parent.sent, acts], [[], []], JSON.stringify(data));
  }
});

test("after the hello only its origin and its nonce count, and no second hello", () => {
  const { scope, parent, acts } = page();
  scope.say({ ...hello, type: "open", target: "orders" }); // too early
  scope.say(hello);
  scope.say({ ...hello, nonce: "5,6,7,8" });
  scope.say({ ...hello, type: "open", target: "orders", nonce: "5,6,7,8" });
  scope.say({ ...hello, type: "open", target: "orders" }, { origin: "https://portal.example.com" });
  assert.equal(acts.length, 1);
  assert.equal(parent.sent.length, 1);
  scope.say({ ...hello, type: "open", target: "orders" });
  assert.deepEqual(acts[1], { type: "open", nonce: "1,2,3,4", target: "orders" });
});

test("members that are not described are not passed on", () => {
  const event = { source: 1, origin: ERP, data: { ...hello, extra: 1, email: "" } };
  assert.deepEqual(Object.keys(read(event, 1, [ERP])).sort(), ["again", "email", "label", "locale", "nonce", "subject", "target", "theme", "type"].sort());
  assert.equal(read(event, 1, [ERP]).email, undefined);
});

test("credentials have an e-mail and a password, or are none", () => {
  const say = (credentials) => read({ source: 1, origin: ERP, data: { ...hello, type: "credentials", id: 1, credentials } }, 1, [ERP]);
  assert.ok(say({ email: "a@b.c", password: "p" }));
  assert.ok(say(undefined));
  for (const wrong of ["x", 1, {}, [], { email: "a@b.c" }, { email: 1, password: "p" }, { email: "a", password: "p", mfa_code: 1 }]) assert.equal(say(wrong), undefined);
});
