// Signing in: the calls to Matterpass, when to try again, and the walk from
// "who is there" to a session that this browser keeps. It shows nothing.

import { means } from "./storage.js";

export const TRIES = 3;
export const PATIENCE = 10_000; // ms for a request; a longer pause is counted down
export const PAUSE = 300; // ms between setting the cookies and their first use

export const retriable = ({ status }) => [0, 429, 502, 503, 504].includes(status);

export const backoff = (attempt, retryAfter = 0) =>
  attempt < TRIES ? Math.max([300, 800][attempt - 1], retryAfter * 1000) : 0;

// One shape for RFC 9457, a proxy's page and silence.
export const problem = (status, answer, headers) => ({
  code: "upstream_unavailable",
  ...answer,
  status,
  retryAfter: Number(headers?.get("Retry-After") ?? answer?.retry_after) || 0,
});

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// caller answers call(path, body, token): a GET, or with a body or a bearer token a
// POST, whose answer is JSON. A GET's 401 is undefined: nobody is signed in.
export function caller(signal) {
  return async (path, body, token) => {
    const response = await fetch(`/api/mattermost/${path}`, {
      method: body || token ? "POST" : "GET",
      headers: { ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }) },
      body: body && JSON.stringify(body),
      keepalive: path === "logout", // outlives a frame that is removed
      signal: path === "logout" ? AbortSignal.timeout(PATIENCE) : AbortSignal.any([AbortSignal.timeout(PATIENCE), signal]),
    }).catch(() => {
      throw problem(0, { code: "unreachable" });
    });
    if (response.status === 401 && !body && !token) return undefined;
    const answer = await response.json().catch(() => response.status === 204);
    if (response.ok && answer) return answer;
    throw problem(response.ok ? 502 : response.status, answer, response.headers);
  };
}

// alone lets one sign-in of this browser through at a time: several elements, on
// one page or in several tabs, share the session of the first.
export const alone = (work, signal, locks = globalThis.navigator?.locks) =>
  locks ? locks.request("matterpass.sign-in", { signal }, work) : work();

// login spends what the host gave, whatever kind of proof that is.
function login(it, { token, ticket, email, password, mfa_code: given }) {
  const code = it.code ?? given;
  if (token) return it.call("login", code && { mfa_code: code }, token);
  if (ticket) return it.call("launch/redeem", { ticket, embedder: it.embedder, mfa_code: code });
  return it.call("login", { email, password, mfa_code: code });
}

// enter answers the session of the person whom the host page means: the one that
// is there, or a new one. it has
//   person       {email, subject} whom the host names, as far as it does
//   code         of the second factor, if it was asked for
//   guarded      false where no host page vouches for anybody
//   embedder     the host page's origin
//   call, ask    Matterpass, and the host's credentials
//   foreign      whether this browser's storage may be another person's
//   clean        clears it, by starting over or in place
//   on           told of "signing-in", "signout" and "signin"
export async function enter(it, again = false) {
  const found = await it.call("session");
  if (found && (!it.guarded || (isMeant(it.person, found) && !it.foreign(found)))) return found;
  if (found && again) throw problem(401, { code: "cookies_blocked" }); // they cannot be taken away
  if (found) return change(it, true);
  if (!it.guarded) throw problem(401, { code: "signed_out" });
  if ((it.person.email || it.person.subject) && it.foreign(it.person)) return change(it, false);
  it.on("signing-in");
  const given = await it.ask();
  if (!given) throw problem(401, { code: "credentials_missing" });
  if (given.password && it.foreign({ email: given.email })) return change(it, false);
  const made = await login(it, given);
  await sleep(PAUSE);
  const kept = await it.call("session");
  if (kept?.user.id !== made.user.id) throw problem(401, { code: "cookies_blocked" });
  await admit(it, kept);
  it.on("signin", kept);
  if (it.foreign(kept)) await it.clean(); // nobody had said who it would be
  return kept;
}

// isMeant throws where it cannot be told: then nobody gets a session, or loses it.
function isMeant(person, session) {
  const meant = means(person, session);
  if (meant === undefined) throw problem(503, { code: "store_unavailable" });
  return meant;
}

// admit ends a session of somebody else than the host page's subject, before anybody
// sees it. An address may be another one in Mattermost.
export async function admit({ call, person: { subject } }, session) {
  if (isMeant({ subject }, session)) return;
  await call("logout", {});
  throw problem(401, { code: "person_mismatch" });
}

// change: the former person's session ends before anything of the next one's
// begins, and what it stored goes with it.
async function change(it, signedIn) {
  await it.call("logout", { forget: true });
  if (signedIn) it.on("signout");
  await it.clean();
  return enter(it, true);
}
