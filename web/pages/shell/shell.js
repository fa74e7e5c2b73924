// The shell around Mattermost, on the chat's own origin: it signs in, holds the
// web app in a child frame, counts what is unread, and talks to the host page.

import { codeForm, deck, failure, language, make, progress, words } from "./cards.js";
import { ME, facts } from "./facts.js";
import { calm, chat, pathOf } from "./frame.js";
import { listen } from "./live.js";
import { notifier } from "./notify.js";
import { company } from "./oidc.js";
import { converse } from "./protocol.js";
import { PATIENCE, PAUSE, TRIES, alone, backoff, caller, enter, problem, retriable, sleep } from "./session.js";
import { foreign, lasting, ofTab, own, wipe } from "./storage.js";
import { counter } from "./unread.js";

const RUNG = "matterpass.rung"; // of the ladder: none, "access" or "tab"
const LEFT = "matterpass.left"; // who signed out of Mattermost by themselves, in this tab
const HEALS = { most: 2, within: 300_000 }; // silent sign-ins after an expiry
const HOST_PATIENCE = 30_000; // ms for the host page's credentials

const config = JSON.parse(document.querySelector("#config").textContent); // {origins, chat, team}
const query = new URLSearchParams(location.search);
const hosted = parent !== window && query.has("widget");
const home = new URL(config.chat, location.origin);
const sameOrigin = home.origin === location.origin;
const show = deck(document.querySelector("#card"));

let host = {}; // the hello
let embedder; // its origin
let say = words();
let turn; // aborted when overtaken
let frame;
let target;
let allowed = false; // Storage Access was given to this document
let questions = 0;
let failed; // the last problem that was shown
const asked = new Map(); // questions to the host by id
const heals = [];

const send = converse(window, config.origins, (message, from) => {
  embedder = from;
  actions[message.type](message);
});

const actions = {
  hello(message) {
    host = message;
    say = words(host.locale);
    document.documentElement.lang = language(host.locale);
    actions.theme(message);
    actions.open(message);
    if (host.again) ofTab.remove(LEFT);
    start(1);
  },
  theme({ theme }) {
    document.documentElement.dataset.theme = theme ?? "auto";
  },
  open({ target: wish }) {
    const path = wish && pathOf(wish, config.team);
    if (!path) return;
    target = path;
    frame?.go(path);
  },
  credentials({ id, credentials }) {
    asked.get(id)?.(credentials);
  },
  "sign-out": signOut,
};

// ---- what is shown, and told

function state(name, ...content) {
  show(name, ...content);
  send("state", { state: name });
}

// tell raises an event on the host's element.
const tell = (name, detail) => send("event", { name, detail });

// fail shows a card with ways out, and answers the ordinary one: to try again.
function fail(problem, attempt, ways) {
  failed = problem;
  const last = attempt >= TRIES;
  const again = make("button", { disabled: last, onclick: () => start(attempt + 1) }, say.again(Math.min(attempt + 1, TRIES), TRIES));
  state("error", ...failure(say, problem, last, ways ?? [again]));
  send("unread", { unread: { messages: 0, mentions: 0 } }); // not known any more
  const { code, status, retryAfter, request_id: requestId } = problem;
  const text = document.querySelector("[role=alert]").textContent;
  tell("error", { code, message: text, status, retryAfter, requestId });
  return again;
}

// tab leads out of the frame, to where cookies come back. Who has no password there
// takes along what the host page says of them; its confirmation is that page's.
function tab() {
  const onclick = async (event) => {
    event.preventDefault();
    const page = window.open("", "_blank"); // now, while it is a click
    const given = await ask("signed-out");
    const proof = given?.ticket ?? given?.token;
    if (!page) return;
    page.opener = null;
    page.location.replace(proof ? `${location.origin}/launch#${proof}` : home.href);
  };
  return make("a", { href: home.href, target: "_blank", ...(hosted && sameOrigin && { onclick }) }, say.tab);
}

function signedOut() {
  leave();
  if (!hosted && parent !== window && config.oidc) return offer((turn = new AbortController()).signal); // a frame is no place for a provider
  const back = hosted
    ? make("button", { onclick: () => (ofTab.remove(LEFT), start(1)) }, say.signIn)
    : make("a", { className: "action", href: config.oidc ? "/auth/oidc/start" : new URL("/login", home).href }, say.signIn);
  send("unread", { unread: { messages: 0, mentions: 0 } });
  state("signed-out", make("span", { role: "status" }, say.signedOut), back);
}

// ---- signing in

function leave() {
  turn?.abort();
  turn = undefined;
  for (const done of asked.values()) done();
  frame?.close();
  frame = undefined;
}

const named = () => ({ email: host.email, subject: host.subject });
const me = () => (host.subject ?? host.email ?? "").toLowerCase();
const isHash = (text) => /^[0-9a-f]{64}$/i.test(text);

async function start(attempt, { code, quiet } = {}) {
  leave();
  const { signal } = (turn = new AbortController());
  if (host.subject && !isHash(host.subject)) return fail(problem(400, { code: "subject_invalid" }), TRIES);
  if (hosted && ofTab.get(LEFT) === me()) return announceSignOut();
  for (; !signal.aborted; attempt++) {
    state("checking", ...progress(quiet ? say.states.renewing : say.states.checking));
    try {
      const session = await climb(signal, code, quiet);
      return signal.aborted || (await open(session, signal));
    } catch (error) {
      if (signal.aborted) return undefined;
      const left = await refused(error, attempt, signal, code);
      if (!left) return undefined;
    }
  }
  return undefined;
}

// refused waits where another try may help; 0 means that a card is shown.
async function refused(thrown, attempt, signal, code) {
  const error = typeof thrown.code === "string" ? thrown : problem(500, { code: "internal" });
  if (error !== thrown) reportError(thrown);
  if (error.code === "mfa_required") return void state("mfa", ...codeForm(say, Boolean(code), (typed) => start(1, { code: typed })));
  if (error.code === "signed_out") return void signedOut();
  if (error.code === "credentials_missing" && config.oidc) return void offer(signal);
  if (error.code === "cookies_blocked") return void (await ladder(error));
  const wait = retriable(error) && backoff(attempt, error.retryAfter);
  const button = (!wait || wait > PATIENCE) && fail(error, attempt);
  for (let left = wait; left > 0 && !signal.aborted; left -= 1000) {
    if (button) Object.assign(button, { disabled: true, ariaLive: "off", textContent: say.waiting(left / 1000) });
    await sleep(Math.min(left, 1000));
  }
  return wait;
}

// offer is for a host page that says nothing of who somebody is.
function offer(signal) {
  company({
    providers: config.oidc, locale: host.locale, say, person: named(), embedder, target, signal, call: caller(signal),
    show: (...content) => state("signed-out", ...content),
    done: () => start(1), fail: (error) => fail(error, 1),
  });
}

function climb(signal, code, quiet) {
  const call = caller(signal);
  return alone(async () => {
    signal.throwIfAborted();
    if (hosted) await tryRung(call);
    return enter({
      person: named(), code, guarded: hosted, embedder, call, clean,
      ask: () => ask(quiet ? "expired" : "signed-out"),
      foreign: (whose) => sameOrigin && !wiped && foreign(whose),
      on(what, session) {
        if (what === "signing-in") state(what, ...progress(quiet ? say.states.renewing : say.states[what]));
        else tell(what, session);
      },
    });
  }, signal);
}

let wiped = false;

// clean loads the shell anew: its answer carries Clear-Site-Data, which works on
// a navigation only (docs/webapp.md G3). Where that did nothing, as on plain
// http, scripts clear what they can; there is never a second navigation.
async function clean() {
  if (!query.has("switched")) {
    query.set("switched", "1");
    location.replace(`/embed?${query}`);
    await new Promise(() => {});
  }
  await wipe();
  wiped = true;
}

function ask(reason) {
  const id = ++questions;
  send("credentials", { id, reason });
  return new Promise((done) => {
    asked.set(id, done);
    setTimeout(done, HOST_PATIENCE);
  }).finally(() => asked.delete(id));
}

// ---- the ladder: cookies come back; else Storage Access; else a tab of its own

// tryRung takes the rung that this browser needed before, without a sign-in.
async function tryRung(call) {
  const rung = lasting.get(RUNG);
  if (rung === "access") allowed = (await document.requestStorageAccess?.().then(() => true, () => false)) ?? false;
  if (rung !== "tab") return;
  const reason = await probe(call);
  if (reason.verdict === "blocked") throw problem(401, { code: "cookies_blocked", ...reason });
  lasting.remove(RUNG);
}

async function probe(call) {
  const answer = await call("test-cookies").then(() => call("test-cookies?step=read")).catch(() => ({}));
  return { verdict: answer?.verdict, sentence: answer?.sentence };
}

async function ladder(error) {
  const { signal } = turn;
  const it = error.sentence ? error : { ...error, ...(await probe(caller(signal))) };
  if (signal.aborted) return;
  if (allowed || !hosted || !document.requestStorageAccess || lasting.get(RUNG) === "tab") return giveUp(it);
  const onclick = () => document.requestStorageAccess().then(() => {
    allowed = true;
    lasting.set(RUNG, "access");
    start(1);
  }, () => giveUp(it));
  fail(it, 1, [make("button", { onclick }, say.allow), tab()]);
}

// giveUp offers the last rung, and remembers it.
function giveUp(error) {
  leave();
  lasting.set(RUNG, "tab");
  fail(error, 1, [tab(), make("button", { onclick: () => start(1) }, say.again(2, TRIES))]);
}

const DEAF = 2; // greetings that did not come

// deafness counts them: with Storage Access Chromium sends cookies with
// everything but a WebSocket (docs/webapp.md C13), and a chat in which nothing
// arrives is none. know is asked whether the session itself is alive.
function deafness(know) {
  let missed = 0;
  return {
    heard: () => (missed = -Infinity),
    async missed() {
      if (!allowed || ++missed !== DEAF) return;
      if (await know(ME).then(() => true, () => false)) giveUp(problem(401, { code: "not_live" }));
    },
  };
}

// ---- chat

async function open(session, signal) {
  ofTab.remove(LEFT);
  own(session);
  state("opening", ...progress(say.states.opening));
  if (sameOrigin) await calm(session.user.id);
  if (signal.aborted) return;
  const again = make("button", { onclick: () => start(1) }, say.again(2, TRIES));
  const slow = setTimeout(() => {
    show("opening", ...progress(say.states.slow), again);
    tell("error", { code: "upstream_timeout", message: say.states.slow, status: 0, retryAfter: 0 });
  }, PATIENCE);
  signal.addEventListener("abort", () => clearTimeout(slow), { once: true });
  frame = chat({
    path: target ?? (sameOrigin ? home.pathname : home.href), label: host.label, access: allowed && sameOrigin,
    loaded() {
      clearTimeout(slow);
      state("ready");
      tell("ready", session);
    },
    moved(path) {
      target = path;
      tell("navigate", { path });
    },
    left(path) {
      heal();
      target = pathOf(path ?? "", config.team) ?? target;
    },
    denied: () => (leave(), fail(problem(403, { code: "not_provisioned" }), 1)),
  });
  if (sameOrigin) follow(signal, session.user.id);
}

// follow counts what is unread and passes on what there is to be told of.
function follow(signal, user) {
  const { know, heard } = facts(signal);
  const count = counter({ signal, know, onChange: (unread) => send("unread", { unread }), onExpired: heal });
  const notice = notifier({
    know, team: config.team,
    onScreen: () => document.hasFocus() && !document.hidden && frame?.path(),
    onNotify: (detail) => signal.aborted || tell("notification", detail),
  });
  const ears = deafness(know);
  listen({
    signal,
    silent() {
      count.soon();
      ears.missed();
    },
    heard(event) {
      if (event.event === "hello" && (event.broadcast?.user_id || user) !== user) return announceSignOut();
      ears.heard();
      heard(event);
      count.heard(event);
      notice.heard(event);
    },
  });
  count.soon();
}

// announceSignOut is for a sign-out that was not begun here, or of which the host has not
// heard yet. To sign in again would only take the session from whoever has it now.
function announceSignOut() {
  tell("signout");
  signedOut();
}

// heal signs in again after the session has ended under an open chat. What a
// person ended on purpose is not undone, and what ends again and again is said.
async function heal() {
  target = frame?.path() ?? target;
  leave();
  const { signal } = (turn = new AbortController());
  state("checking", ...progress(say.states.renewing));
  await sleep(PAUSE); // the word that it was on purpose may come after the login page
  if (signal.aborted) return;
  if (!hosted || ofTab.get(LEFT) !== undefined) return signedOut();
  const now = Date.now();
  while (heals.length && now - heals[0] > HEALS.within) heals.shift();
  if (heals.push(now) > HEALS.most) return expired();
  await start(1, { quiet: true });
  if (["error", "mfa", "signed-out"].includes(document.documentElement.dataset.state)) tell("expired");
}

function expired() {
  const back = make("button", { onclick: () => ((heals.length = 0), start(1)) }, say.signIn);
  fail(problem(401, { code: "session_expired" }), 1, [back]);
  tell("expired");
}

async function signOut({ everywhere }) {
  leave();
  const { signal } = (turn = new AbortController());
  try {
    await caller(signal)("logout", { everywhere: everywhere ?? false });
    ended.postMessage("");
    tell("signout");
    if (!signal.aborted) signedOut();
  } catch (error) {
    if (!signal.aborted) fail(error, 0, [make("button", { onclick: () => signOut({ everywhere }) }, say.again(1, TRIES))]);
  }
}

// What another element or tab of this browser has ended is not begun anew here.
const ended = new BroadcastChannel("matterpass.ended");
ended.onmessage = () => turn && announceSignOut();

// A browser that is online again has a reason to try, however often it did before.
addEventListener("online", () => document.documentElement.dataset.state === "error" && retriable(failed ?? {}) && start(1));

// The web app says so in localStorage when a person logs out, in whatever
// window of this origin (docs/webapp.md F6).
addEventListener("storage", ({ key, newValue }) => {
  if (key !== "__logout__" || !newValue || !turn) return;
  ofTab.set(LEFT, me());
  announceSignOut();
});

const wish = query.get("target");
if (wish) target = pathOf(wish, config.team);
if (!hosted) start(1);
else state("checking", ...progress(say.states.checking));
