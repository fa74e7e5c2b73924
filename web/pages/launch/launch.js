// Where a launch ticket leads: the page takes it out of the address, finds out who
// embeds it, and has it redeemed once. The ticket is in the fragment, so that no
// server, log or Referer ever sees it. In a tab of its own an assertion of the ERP's is
// taken as well: the shell sends people here whose browser keeps no cookies in a frame.

import { codeForm, deck, failure, language, make, progress, words } from "/embed/cards.js";
import { PAUSE, TRIES, backoff, caller, retriable, sleep } from "/embed/session.js";
import { embedderOf, seen } from "/launch/embedder.js";

const config = JSON.parse(document.querySelector("#config").textContent); // {origins}
const show = deck(document.querySelector("#card"));
const say = words(navigator.language);
const proof = location.hash.slice(1);
const isAssertion = proof.includes("."); // a ticket has none
const call = caller(new AbortController().signal);

history.replaceState(null, "", location.pathname); // not in this tab's history either

document.documentElement.lang = language(navigator.language);

let embedder = parent === window ? "" : undefined;

async function redeem(more) {
  show("signing-in", ...progress(say.states["signing-in"]));
  for (let attempt = 1; ; attempt++) {
    try {
      const session = await spend(more);
      await sleep(PAUSE);
      return location.replace(session.url);
    } catch (problem) {
      const wait = !problem.spent && retriable(problem) && backoff(attempt, problem.retryAfter);
      if (!wait) return refused(problem, more);
      await sleep(wait);
    }
  }
}

function spend({ confirmed, mfa_code: code }) {
  if (isAssertion) return call("login", code && { mfa_code: code }, proof);
  return call("launch/redeem", { ticket: proof, embedder, confirmed, mfa_code: code });
}

// nameIn is whom an assertion means, for the question: it is checked only when spent.
function nameIn(assertion) {
  try {
    const bytes = Uint8Array.from(atob(assertion.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt());
    const { name, email, sub } = JSON.parse(new TextDecoder().decode(bytes));
    return String(name ?? email ?? sub);
  } catch {
    return "";
  }
}

function refused(problem, more) {
  if (problem.code === "confirmation_required") {
    const go = make("button", { onclick: () => redeem({ ...more, confirmed: true }) }, say.continueAs(problem.name));
    show("confirm", make("span", { role: "status" }, say.confirm), go);
    return go.focus();
  }
  if (problem.code === "mfa_required" && !problem.spent) {
    return show("code", ...codeForm(say, "mfa_code" in more, (code) => redeem({ ...more, mfa_code: code })));
  }
  const again = !problem.spent && retriable(problem) && make("button", { onclick: () => redeem(more) }, say.again(2, TRIES));
  // In a tab of its own, loading it again brings no other ticket.
  const told = embedder === "" && problem.status === 410 ? { ...problem, code: "link_over" } : problem;
  return show("error", ...failure(say, told, !again, again ? [again] : []));
}

async function start() {
  await seen(document);
  if (!proof) return refused({ code: "ticket_missing", status: 410 });
  embedder = await embedderOf(window, config.origins);
  if (embedder === undefined || (isAssertion && embedder)) return refused({ code: "embedder_refused", status: 403 });
  if (isAssertion) return refused({ code: "confirmation_required", name: nameIn(proof) }, {});
  return redeem({});
}

start();
