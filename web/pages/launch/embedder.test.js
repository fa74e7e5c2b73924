import assert from "node:assert/strict";
import { test } from "node:test";
import { embedderOf, seen } from "./embedder.js";

const ERP = "https://erp.test";

// frame is a window inside another one; hear delivers what the page around says.
function frame(ancestors) {
  const listeners = new Set();
  const asked = [];
  const parent = { postMessage: (message, to) => asked.push({ message, to }) };
  const scope = {
    parent, asked, crypto: globalThis.crypto, location: { ancestorOrigins: ancestors },
    addEventListener: (_, f) => listeners.add(f), removeEventListener: (_, f) => listeners.delete(f),
    hear: (event) => [...listeners].forEach((f) => f({ source: parent, origin: ERP, ...event })),
  };
  return scope;
}

test("a tab of its own has nobody around it", async () => {
  const scope = {};
  scope.parent = scope;
  assert.equal(await embedderOf(scope, [ERP]), "");
});

test("the browser's own word is taken, and only for a page that may", async () => {
  assert.equal(await embedderOf(frame([ERP, "https://portal.test"]), [ERP]), ERP);
  assert.equal(await embedderOf(frame(["https://evil.test", ERP]), [ERP]), undefined);
  assert.equal(await embedderOf(frame(["null"]), [ERP]), undefined);
});

test("where the browser does not say, the page around answers the very question", async () => {
  const scope = frame(undefined);
  const answer = embedderOf(scope, [ERP], 1000);
  const { nonce } = scope.asked[0].message;
  for (const wrong of [
    { data: { matterpass: 1, type: "embedder", nonce: "1" } }, { data: { matterpass: 1, type: "embedder?", nonce } }, { data: { type: "embedder", nonce } },
    { data: null }, { data: "embedder" }, { source: {}, data: { matterpass: 1, type: "embedder", nonce } },
    { origin: "https://evil.test", data: { matterpass: 1, type: "embedder", nonce } }, { origin: "null", data: { matterpass: 1, type: "embedder", nonce } },
  ]) scope.hear(wrong);
  scope.hear({ data: { matterpass: 1, type: "embedder", nonce } });
  assert.equal(await answer, ERP);
});

test("silence is no origin", async () => {
  assert.equal(await embedderOf(frame(undefined), [ERP], 1), undefined);
});

test("a page that is loaded ahead waits until somebody looks", async () => {
  assert.equal(seen({ prerendering: false }), undefined);
  let look;
  const waiting = seen({ prerendering: true, addEventListener: (name, f) => name === "prerenderingchange" && (look = f) });
  look();
  await waiting;
});
