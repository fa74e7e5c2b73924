// The way in through the company's identity provider, for a host page that says
// nothing of who somebody is. Identity providers refuse frames, so it is a
// pop-up; its cookies are another partition's, so it hands a ticket over.

import { codeForm, language, make } from "./cards.js";
import { admit } from "./session.js";
import { foreign, wipe } from "./storage.js";

const WORDS = {
  en: {
    lead: "Sign in to see your chat.",
    company: "Sign in with your company account",
    named: (name) => `Sign in with ${name}`,
    waiting: "Finish in the window that has opened.",
    blocked: "Your browser did not open the sign-in window. Open it here:",
    open: "Open the sign-in window",
    denied: "Your company's sign-in did not let you in.",
    failed: "Signing in did not work. Try again, or ask your help desk.",
  },
  de: {
    lead: "Melden Sie sich an, um Ihren Chat zu sehen.",
    company: "Mit dem Firmenkonto anmelden",
    named: (name) => `Mit ${name} anmelden`,
    waiting: "Schließen Sie die Anmeldung im geöffneten Fenster ab.",
    blocked: "Ihr Browser hat das Anmeldefenster nicht geöffnet. Öffnen Sie es hier:",
    open: "Anmeldefenster öffnen",
    denied: "Die Anmeldung Ihrer Firma hat Sie nicht zugelassen.",
    failed: "Die Anmeldung hat nicht geklappt. Versuchen Sie es noch einmal, oder fragen Sie Ihren Helpdesk.",
  },
};

export const startOf = ({ id }, { embedder, target }, handle) =>
  `/auth/oidc/start?${new URLSearchParams({ provider: id, mode: "popup", handle, ...(embedder && { origin: embedder }), ...(target && { target }) })}`;

// isOutcome: exactly of this pop-up, by its handle; nobody else knows that.
const isOutcome = (data, handle) => data?.matterpass === "oidc" && data.handle === handle && (typeof data.ticket === "string" || typeof data.code === "string");

// listen does not look whether the pop-up is closed: that cannot be known once the
// pages of the provider have cut the tie. It goes on until it is aborted, and says
// that the outcome was taken.
export function listen(handle, { scope = globalThis, signal }) {
  return new Promise((done) => {
    const channel = new scope.BroadcastChannel(`matterpass.oidc.${handle}`);
    const taken = { matterpass: "oidc-taken", handle };
    const end = (data) => {
      channel.close();
      scope.removeEventListener("message", onMessage);
      done(data && { ticket: data.ticket, code: data.code });
    };
    const onMessage = ({ origin, source, data }) => {
      if (origin !== scope.location.origin || !isOutcome(data, handle)) return;
      source.postMessage(taken, origin);
      end(data);
    };
    channel.onmessage = ({ data }) => {
      if (!isOutcome(data, handle)) return;
      channel.postMessage(taken);
      end(data);
    };
    scope.addEventListener("message", onMessage);
    signal.addEventListener("abort", () => end(), { once: true });
  });
}

// redeem turns the ticket into this frame's own cookies. The person has just
// chosen who they are, so nobody is asked again.
async function redeem(it, ticket, code) {
  try {
    const session = await it.call("launch/redeem", { ticket, embedder: it.embedder ?? "", confirmed: true, mfa_code: code });
    const kept = await it.call("session");
    if (kept) await admit(it, kept);
    if (foreign(session)) await wipe();
    if (!it.signal.aborted) it.done();
  } catch (error) {
    if (it.signal.aborted) return;
    if (error.code === "mfa_required") it.show(...codeForm(it.say, Boolean(code), (typed) => redeem(it, ticket, typed)));
    else it.fail(error);
  }
}

async function open(it, provider, words) {
  const handle = crypto.randomUUID();
  const address = startOf(provider, it, handle);
  const outcome = listen(handle, it);
  const opened = window.open(address, `matterpass-${handle}`, "popup,width=520,height=680");
  it.show(
    make("span", { role: "status" }, opened ? words.waiting : words.blocked),
    opened ? undefined : make("a", { className: "action", href: address, target: "_blank", rel: "opener" }, words.open),
    ...buttons(it, words),
  );
  const { ticket, code } = (await outcome) ?? {};
  if (ticket) await redeem(it, ticket);
  else if (code) it.show(make("span", { role: "alert" }, code === "idp_denied" ? words.denied : words.failed), ...buttons(it, words));
}

const buttons = (it, words) => it.providers.map((provider) =>
  make("button", { onclick: () => open(it, provider, words) }, it.providers.length > 1 ? words.named(provider.name) : words.company));

// company shows the way in. it has
//   providers         {id, name} each; the first is the default
//   locale, say       the person's language, and the cards' words in it
//   person            whom the host page names, as for enter
//   embedder, target  the host page's origin, and where in the chat to go
//   call, signal      Matterpass; aborted when something else is shown
//   show, done, fail  a card; there is a session; there is a problem
export function company(it) {
  const words = WORDS[language(it.locale)];
  it.show(make("span", { role: "status" }, words.lead), ...buttons(it, words));
}
