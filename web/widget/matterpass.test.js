import assert from "node:assert/strict";
import { test } from "node:test";
import { MattermostChat, backoff, verdict } from "./matterpass.js";

test("the module loads where there is no DOM", () => {
  assert.equal(typeof MattermostChat, "function");
});

test("properties mirror the attributes", () => {
  for (const name of ["server", "email", "channel", "theme", "locale", "label", "lazy", "sandbox", "credentials", "state", "unread"]) {
    assert.ok(Object.getOwnPropertyDescriptor(MattermostChat.prototype, name).get, name);
  }
});

test("three tries, 300 ms and 800 ms apart, then no more", () => {
  assert.deepEqual([1, 2, 3, 4].map((attempt) => backoff(attempt)), [300, 800, 0, 0]);
});

test("Retry-After lengthens a pause, never shortens it, and never adds a try", () => {
  assert.equal(backoff(1, 7), 7000);
  assert.equal(backoff(2, 0.1), 800);
  assert.equal(backoff(3, 60), 0);
});

test("chat that is up or limps is loaded", () => {
  assert.equal(verdict(200, { status: "ok" }), undefined);
  assert.equal(verdict(200, { status: "degraded" }), undefined);
});

test("anything else keeps from loading it, with the server's words", () => {
  assert.deepEqual(verdict(503, { status: "down", message: "Back at noon.", retry_after: 5 }), { code: "upstream_unavailable", status: 503, detail: "Back at noon.", retryAfter: 5 });
  assert.equal(verdict(0).code, "unreachable");
  assert.equal(verdict(502).code, "upstream_unavailable");
  assert.equal(verdict(200, { status: "confused", retry_after: "soon" }).retryAfter, 0);
});
