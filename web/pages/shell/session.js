// Signing in: the calls to Matterpass, when to try again, and the walk from
// "who is there" to a session that this browser keeps. It shows nothing.

import { isOther } from "./storage.js";

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

// personOf is whom a session was made for (storage.js).
export const personOf = ({ user, subject }) => ({ email: user.email, subject });

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
//   person       whom the host says, as far as it does
//   code         of the second factor, if it was asked for
//   guarded      false where no host page vouches for anybody
//   embedder     the host page's origin
//   call, ask    Matterpass, and the host's credentials
//   foreign      whether this browser's storage may be another person's
//   clean        clears it, by starting over or in place
//   on           told of "signing-in", "signout" and "signin"
export async function enter(it, again = false) {
  const found = await it.call("session");
  if (found && (!it.guarded || (isMeant(it.person, found) && !it.foreign(personOf(found), true)))) return found;
  if (found && again) throw problem(401, { code: "cookies_blocked" }); // they cannot be taken away
  if (found) return change(it, true);
  if (!it.guarded) throw problem(401, { code: "signed_out" });
  if (isSaid(it.person) && it.foreign(it.person)) return change(it, false);
  it.on("signing-in");
  const given = await it.ask();
  if (!given) throw problem(401, { code: "credentials_missing" });
  if (given.email && it.foreign({ email: given.email })) return change(it, false);
  const session = await login(it, given);
  await sleep(PAUSE);
  const kept = await it.call("session");
  if (kept?.user.id !== session.user.id) throw problem(401, { code: "cookies_blocked" });
  if (isOther({ subject: it.person.subject }, { subject: session.subject })) {
    await it.call("logout", { forget: true }); // before anybody sees it
    throw problem(401, { code: "person_mismatch" });
  }
  it.on("signin", session);
  if (it.foreign(personOf(session), true)) await it.clean(); // nobody had said who it would be
  return session;
}

const isSaid = ({ email, subject }) => Boolean(email || subject);

// isMeant: whose session it is may not be known for the moment, and then nobody gets it.
function isMeant(person, session) {
  const other = isOther(person, personOf(session));
  if (other === undefined && isSaid(person)) throw problem(503, { code: "busy" });
  return !other;
}

// change: the former person's session ends before anything of the next one's
// begins, and what it stored goes with it.
async function change(it, signedIn) {
  await it.call("logout", { forget: true });
  if (signedIn) it.on("signout");
  await it.clean();
  return enter(it, true);
}
