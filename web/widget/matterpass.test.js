import assert from "node:assert/strict";
import { test } from "node:test";
import { MattermostChat, backoff, message, problem, retriable } from "./matterpass.js";

const headers = (values) => new Headers(values);

test("the module loads where there is no DOM", () => {
  assert.equal(typeof MattermostChat, "function");
});

test("three tries, 300 ms and 800 ms apart, then no more", () => {
  assert.deepEqual([1, 2, 3, 4].map((attempt) => backoff(attempt)), [300, 800, 0, 0]);
});

test("Retry-After lengthens a pause, never shortens it, and never adds a try", () => {
  assert.equal(backoff(1, 7), 7000);
  assert.equal(backoff(2, 0.1), 800);
  assert.equal(backoff(3, 60), 0);
});

test("only what may pass by itself is tried again", () => {
  const wanted = { 0: true, 429: true, 502: true, 503: true, 504: true, 400: false, 401: false, 403: false, 404: false, 409: false, 413: false, 500: false };
  for (const [status, want] of Object.entries(wanted)) assert.equal(retriable({ status: Number(status) }), want, status);
});

test("problem+json keeps its code, reference and wait", () => {
  const it = problem(429, { code: "rate_limited", request_id: "r1", retry_after: 12, detail: "d" });
  assert.deepEqual(it, { code: "rate_limited", request_id: "r1", retry_after: 12, detail: "d", status: 429, retryAfter: 12 });
});

test("the Retry-After header wins over the body", () => {
  assert.equal(problem(503, { retry_after: 12 }, headers({ "Retry-After": "3" })).retryAfter, 3);
});

test("a Retry-After that is no number of seconds is no wait", () => {
  for (const value of ["soon", "", "Wed, 21 Oct 2026 07:28:00 GMT"]) {
    assert.equal(problem(503, undefined, headers({ "Retry-After": value })).retryAfter, 0, value);
  }
});

test("a proxy's page and the health answer become the same shape", () => {
  assert.equal(problem(502).code, "upstream_unavailable");
  const down = problem(503, { status: "down", message: "back at noon", retry_after: 30 });
  assert.equal(down.status, 503, "HTTP's status, not the health word");
  assert.equal(down.message, "back at noon");
});

test("every code says what happened and what to do", () => {
  const codes = ["login_refused", "origin_refused", "rate_limited", "upstream_invalid", "upstream_unavailable", "busy", "upstream_timeout", "invalid_request", "unreachable", "cookies_blocked", "credentials_missing", "never heard of it"];
  for (const code of codes) {
    const { text, advice } = message({ code, status: 503 });
    assert.match(text, /^[A-Z].*\.$/, code);
    assert.match(advice, /^[A-Z].*\.$/, code);
  }
});

test("after the last try the advice is no longer to wait", () => {
  const down = { code: "upstream_unavailable", status: 503 };
  assert.notEqual(message(down).advice, message(down, true).advice);
  assert.match(message(down, true).advice, /reload/i);
});
