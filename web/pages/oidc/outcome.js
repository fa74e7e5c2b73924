// Where a sign-in with an identity provider ends: a pop-up hands its outcome to
// the shell that opened it and closes; where nobody takes it, the person goes on
// here. A ticket is in no address but a fragment.

export const CHANNEL = "matterpass.oidc";
export const PATIENCE = 3000; // ms for the shell to take the outcome

const GERMAN = {
  done: "Angemeldet. Der Chat wird geöffnet…",
  waiting: "Sie sind angemeldet. Schließen Sie dieses Fenster, oder öffnen Sie den Chat hier.",
  title: "Die Anmeldung hat nicht geklappt",
  open: "Chat hier öffnen",
  again: "Noch einmal versuchen",
  codes: {
    flow_invalid: "Diese Anmeldung wurde in einem anderen Browser begonnen, oder vor zu langer Zeit. Beginnen Sie neu.",
    idp_denied: "Die Anmeldeseite der Firma hat diese Anmeldung nicht zugelassen.",
  },
  other: "Die Anmeldung ist gerade nicht möglich. Versuchen Sie es später noch einmal, oder fragen Sie Ihren Helpdesk.",
};

const ENGLISH = {
  waiting: "You are signed in. Close this window, or open chat here.",
  open: "Open chat here",
  again: "Try again",
};

export const wordsFor = (language) => (language?.toLowerCase().startsWith("de") ? GERMAN : ENGLISH);

// sentence is the one for a problem's code, where the page's own is in another
// language.
export const sentence = (say, code) => say.codes && ((Object.hasOwn(say.codes, code) && say.codes[code]) || say.other);

// handOver gives the outcome to the shell, by both ways there are: the window
// that opened this one, where the identity provider's pages did not cut the tie,
// and a channel, where the page that embeds chat is of the same site. It answers
// whether the shell took it.
export function handOver({ handle, ticket, code }, { scope, patience = PATIENCE }) {
  const message = { matterpass: "oidc", handle, ticket, code };
  return new Promise((done) => {
    const channel = new scope.BroadcastChannel(`${CHANNEL}.${handle}`);
    const end = (taken) => {
      scope.clearTimeout(timer);
      channel.close();
      done(taken);
    };
    const timer = scope.setTimeout(end, patience, false);
    const listen = ({ data }) => data?.matterpass === "oidc-taken" && data.handle === handle && end(true);
    channel.onmessage = listen;
    scope.addEventListener("message", (event) => event.origin === scope.location.origin && listen(event));
    channel.postMessage(message);
    scope.opener?.postMessage(message, scope.location.origin);
  });
}

// run shows the outcome. Nothing of it is read from the address.
export async function run(scope) {
  const { document, location } = scope;
  const outcome = JSON.parse(document.querySelector("#outcome").textContent);
  const say = wordsFor(scope.navigator.language);
  const show = (id, text) => text && (document.querySelector(id).textContent = text);
  if (say === GERMAN) {
    document.documentElement.lang = "de";
    if (outcome.code) show("#title", say.title);
    show("#sentence", outcome.code ? sentence(say, outcome.code) : say.done);
  }
  const next = (href, text) => Object.assign(document.querySelector("#next"), { href, textContent: text, hidden: false });
  if (outcome.mode === "popup" && outcome.handle && (await handOver(outcome, { scope }))) return scope.close();
  if (outcome.ticket && outcome.mode === "top") return location.replace(`/launch#${outcome.ticket}`);
  if (outcome.ticket) {
    show("#sentence", say.waiting);
    return next(`/launch#${outcome.ticket}`, say.open);
  }
  return outcome.mode === "top" && next("/auth/oidc/start", say.again);
}

if (globalThis.document) run(globalThis);
