import assert from "node:assert/strict";
import { test } from "node:test";
import { pathOf } from "../frame.js";
import { FROM_HOST, converse, read } from "../protocol.js";
import { messages, random } from "./hostile.js";

const ERP = "https://erp.example.com";
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const EACH = 2000;

// arrived is a message as a window gets it; what cannot be cloned never leaves.
function arrived(message) {
  try {
    return structuredClone(message);
  } catch {
    return undefined;
  }
}

test("whatever arrives, a message has only its own members, each of its kind, or there is none", () => {
  let taken = 0;
  for (const seed of SEEDS) {
    for (const data of messages(seed, EACH).map(arrived)) {
      const message = read({ source: 1, origin: ERP, data }, 1, [ERP]);
      if (message === undefined) continue;
      taken++;
      assert.equal(Object.getPrototypeOf(message), Object.prototype);
      const members = FROM_HOST[message.type];
      assert.deepEqual(Object.keys(message).filter((key) => !["type", "nonce"].includes(key) && !Object.hasOwn(members, key)), []);
      for (const [name, check] of Object.entries(members)) assert.ok(check(message[name]) || message[name] === undefined, name);
      for (const value of Object.values(message)) assert.ok(typeof value !== "string" || value.length <= 512);
    }
  }
  assert.ok(taken > 100, `only ${taken} were messages: the others prove little`);
  assert.equal({}.matterpass, undefined, "the prototype of all objects has changed");
});

test("from another window or origin nothing is a message, however well it is made", () => {
  for (const seed of SEEDS) {
    const next = random(seed);
    for (const data of messages(seed, EACH).map(arrived)) {
      const [source, origin] = next() < 0.5 ? [2, ERP] : [1, ["null", "", "https://evil.example", `${ERP}.evil.example`, `${ERP}:444`, "http://erp.example.com", ERP.toUpperCase(), undefined][Math.floor(next() * 8)]];
      assert.equal(read({ source, origin, data }, 1, [ERP]), undefined);
    }
  }
});

test("before and within a conversation, strangers get no act and no answer", () => {
  for (const seed of SEEDS) {
    const parent = { sent: 0, postMessage: () => parent.sent++ };
    let acts = 0;
    let say;
    const scope = { parent, addEventListener: (_, listener) => (say = (data, more) => listener({ source: parent, origin: ERP, data, ...more })) };
    converse(scope, [ERP], () => acts++);
    const strangers = messages(seed, EACH, "7,7,7,7").map(arrived);
    for (const data of strangers) say(data, { source: {} });
    for (const data of strangers) say(data, { origin: "null" });
    assert.deepEqual([acts, parent.sent], [0, 0]);
    say({ matterpass: 1, type: "hello", nonce: "4,3,2,1" });
    assert.deepEqual([acts, parent.sent], [1, 1]);
    for (const data of strangers) say(data); // the right window and origin, a nonce from elsewhere
    for (const data of messages(seed, EACH, "4,3,2,1").map(arrived)) say(data, { source: {} }); // replayed by another window
    assert.deepEqual([acts, parent.sent], [1, 1]);
  }
});

test("whatever a target is made of, it leads below a team, or nowhere", () => {
  const pieces = ["/", "//", "\\", "..", ".", "%2f", "%2e", "erp", "channels", "messages", "pl", "api", "v4", "embed", "@", "#", "?", ":", "javascript:", "https://evil.example", "\n", "\t", " ", "\u0000", "é", "_redirect", "x".repeat(65), "abcdefghijklmnopqrstuvwxyz"];
  const next = random(42);
  for (let i = 0; i < 50_000; i++) {
    const target = Array.from({ length: 1 + Math.floor(next() * 6) }, () => pieces[Math.floor(next() * pieces.length)]).join(next() < 0.5 ? "/" : "");
    const path = pathOf(target, "erp");
    if (path === undefined) continue;
    const url = new URL(path, "https://chat.example.com");
    assert.equal(url.origin, "https://chat.example.com", target);
    assert.match(url.pathname, /^\/[a-z0-9_-]+\/(channels|messages|pl|threads)(\/[\w.@-]+)?$/, target);
    assert.ok(!url.search && !url.hash, target);
  }
});
