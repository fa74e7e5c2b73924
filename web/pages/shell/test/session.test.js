import assert from "node:assert/strict";
import { test } from "node:test";
import { alone, backoff, enter, problem, retriable } from "../session.js";
import { message, words, language } from "../cards.js";

const headers = (values) => new Headers(values);

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

test("the Retry-After header wins over the body, and nonsense is no wait", () => {
  assert.equal(problem(503, { retry_after: 12 }, headers({ "Retry-After": "3" })).retryAfter, 3);
  for (const value of ["soon", "", "Wed, 21 Oct 2026 07:28:00 GMT"]) {
    assert.equal(problem(503, undefined, headers({ "Retry-After": value })).retryAfter, 0, value);
  }
});

test("a proxy's page becomes the same shape", () => {
  assert.equal(problem(502).code, "upstream_unavailable");
});

const codes = ["login_refused", "origin_refused", "rate_limited", "upstream_invalid", "upstream_unavailable", "busy", "upstream_timeout", "invalid_request", "unreachable", "cookies_blocked", "not_live", "credentials_missing", "session_expired", "not_provisioned", "seat_limit", "ticket_spent", "ticket_missing", "embedder_refused", "subject_invalid", "person_mismatch", "conflict", "mint_refused", "constructor", "never heard of it"];

test("every code says what happened and what to do, in every language", () => {
  for (const locale of ["en", "de-AT"]) {
    for (const code of codes) {
      const { text, advice } = message({ code, status: 503 }, false, words(locale));
      assert.match(text, /^[A-Z].*\.$/, code);
      if (!["cookies_blocked", "not_live", "session_expired"].includes(code)) assert.match(advice, /^[A-Z].*\.$/, code);
    }
  }
});

test("the languages have the same words", () => {
  const shape = (it) => JSON.stringify(it, (_, value) => (typeof value === "object" ? Object.fromEntries(Object.entries(value).sort()) : typeof value)).replace(/"[^"]*":/g, "$&");
  assert.equal(shape(words("de")), shape(words("en")));
  for (const unknown of [undefined, "", "fr", "constructor", "__proto__"]) assert.equal(language(unknown), "en");
});

test("after the last try the advice is no longer to wait", () => {
  const down = { code: "upstream_unavailable", status: 503 };
  assert.notEqual(message(down).advice, message(down, true).advice);
  assert.match(message(down, true).advice, /reload/i);
});

// walk runs enter against answers in order and returns the calls it made.
async function walk(answers, change = {}) {
  const log = [];
  const call = async (path, body, token) => {
    log.push([path, body && JSON.stringify(body), token].filter(Boolean).join(" "));
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const it = { guarded: true, person: {}, call, ask: async () => ({ email: "demo@erp.test", password: "p" }), foreign: () => false, clean: async () => void log.push("clean"), on: (what) => log.push(`(${what})`), ...change };
  return { log, session: await enter(it).catch((error) => (log.push(error.code), undefined)) };
}

const session = (name, ...subjects) => ({ user: { id: name, email: `${name}@erp.test` }, subjects });
const unknown = (name) => ({ ...session(name), subjects: undefined });

test("a session that is there is taken, and costs no sign-in", async () => {
  assert.deepEqual((await walk([session("demo")], { person: { email: "DEMO@erp.test" } })).log, ["session"]);
  assert.deepEqual((await walk([session("demo")])).log, ["session"]);
});

test("without a session the host's credentials make one, and it is looked at", async () => {
  const { log } = await walk([undefined, session("demo"), session("demo")], { code: "123456" });
  assert.deepEqual(log, ["session", "(signing-in)", 'login {"email":"demo@erp.test","password":"p","mfa_code":"123456"}', "session", "(signin)"]);
});

test("an assertion goes into the header, a ticket to where it is redeemed", async () => {
  const answers = () => [undefined, session("demo"), session("demo")];
  const given = (it) => ({ ask: async () => it });
  assert.equal((await walk(answers(), given({ token: "t" }))).log[2], "login t");
  assert.equal((await walk(answers(), { ...given({ token: "t" }), code: "123456" })).log[2], 'login {"mfa_code":"123456"} t');
  const ticket = await walk(answers(), { ...given({ ticket: "mt1_x" }), embedder: "https://erp.test" });
  assert.equal(ticket.log[2], 'launch/redeem {"ticket":"mt1_x","embedder":"https://erp.test"}');
});

test("whose storage it is shows only once the assertion has said who it is", async () => {
  let foreign = true;
  const { log } = await walk([undefined, session("demo"), session("demo")], {
    ask: async () => ({ token: "t" }), foreign: (whose) => whose.user && foreign, clean: async () => (foreign = false),
  });
  assert.equal(foreign, false);
  assert.equal(log.at(-1), "(signin)");
});

test("cookies that do not come back are named", async () => {
  assert.equal((await walk([undefined, session("demo"), undefined])).log.at(-1), "cookies_blocked");
  assert.equal((await walk([undefined, session("demo"), session("dana")])).log.at(-1), "cookies_blocked");
});

test("somebody else's session ends, and what they stored goes, before anything else", async () => {
  const { log } = await walk([session("dana"), true, undefined, session("demo"), session("demo")], { person: { email: "demo@erp.test" } });
  assert.deepEqual(log.slice(0, 4), ["session", 'logout {"forget":true}', "(signout)", "clean"]);
  assert.equal(log.at(-1), "(signin)");
});

const [DEMO, DANA] = ["a".repeat(64), "b".repeat(64)];

test("a subject tells people apart whatever their addresses are, and however they signed in", async () => {
  const demo = { person: { email: "former@erp.test", subject: DEMO.toUpperCase() } };
  assert.deepEqual((await walk([session("demo", DANA, DEMO)], demo)).log, ["session"]);
  const other = await walk([session("demo", DANA), true, undefined, session("demo"), session("demo", DEMO)], { person: { email: "demo@erp.test", subject: DEMO } });
  assert.deepEqual(other.log.slice(0, 4), ["session", 'logout {"forget":true}', "(signout)", "clean"]);
  assert.equal(other.log.at(-1), "(signin)");
});

test("where it cannot be said whose session it is, nobody gets it and nobody loses it", async () => {
  for (const email of [undefined, "dana@erp.test", "demo@erp.test"]) {
    const { log, session: got } = await walk([unknown("dana")], { person: { email, subject: DEMO } });
    assert.deepEqual(log, ["session", "store_unavailable"]);
    assert.equal(got, undefined);
  }
});

test("a page that names an address is not let in by an account that has none", async () => {
  const nameless = { user: { id: "x", email: "" }, subjects: [] };
  for (const person of [{ email: "demo@erp.test" }, { subject: DEMO }]) {
    const { log } = await walk([nameless, true, undefined, session("demo"), session("demo", DEMO)], { person });
    assert.deepEqual([log[1], log.at(-1)], ['logout {"forget":true}', "(signin)"]);
  }
});

test("a proof of somebody else than the page named opens nothing, and what is stored stays", async () => {
  const { log, session: got } = await walk([undefined, session("dana"), session("dana", DANA), true], { person: { subject: DEMO }, ask: async () => ({ token: "t" }) });
  assert.deepEqual(log.slice(-2), ["logout {}", "person_mismatch"]);
  assert.equal(got, undefined);
});

test("an address beside a token says nothing", async () => {
  const { log } = await walk([undefined, session("demo"), session("demo")], { foreign: (whose) => whose.email === "erp@other.test", ask: async () => ({ token: "t", email: "erp@other.test" }) });
  assert.deepEqual(log, ["session", "(signing-in)", "login t", "session", "(signin)"]);
});

test("a session that does not go away is no loop", async () => {
  const { log } = await walk([session("dana"), true, session("dana")], { person: { email: "demo@erp.test" } });
  assert.deepEqual(log.slice(-2), ["session", "cookies_blocked"]);
});

test("another person's storage is cleared before the sign-in", async () => {
  let foreign = true;
  const { log } = await walk([undefined, true, undefined, session("demo"), session("demo")], { person: { email: "demo@erp.test" }, foreign: () => foreign, clean: async () => (foreign = false) });
  assert.deepEqual(log.slice(0, 3), ["session", 'logout {"forget":true}', "session"]);
  assert.equal(log.at(-1), "(signin)");
});

test("without a host page nobody is signed out and nobody in", async () => {
  assert.deepEqual((await walk([session("dana")], { guarded: false, foreign: () => true })).log, ["session"]);
  assert.deepEqual((await walk([undefined], { guarded: false })).log, ["session", "signed_out"]);
});

test("no credentials, no sign-in", async () => {
  assert.equal((await walk([undefined], { ask: async () => undefined })).log.at(-1), "credentials_missing");
});

test("sign-ins of one browser wait for one another where it can", async () => {
  const asked = [];
  await alone(async () => {}, undefined, { request: async (name, options, work) => (asked.push(name), work()) });
  assert.deepEqual(asked, ["matterpass.sign-in"]);
  assert.equal(await alone(async () => 1, undefined, null), 1);
});
