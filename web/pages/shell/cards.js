// What people read when there is no chat to see: one sentence on what happened,
// one on what to do, and at most one button. Text only, never markup.

import { retriable } from "./session.js";

const ENGLISH = {
  states: {
    checking: "Checking chat…",
    "signing-in": "Signing in…",
    opening: "Opening chat…",
    slow: "Opening chat takes longer than usual…",
    renewing: "Your chat session has ended. Signing in again…",
  },
  codes: {
    login_refused: "Your e-mail or password was not accepted.",
    rate_limited: "There were too many sign-ins.",
    unreachable: "The chat server does not answer.",
    upstream_timeout: "The chat server takes too long to answer.",
    busy: "Very many people are signing in right now.",
    cookies_blocked: "Your browser blocks chat's cookies here. Allow them, or open chat in a new tab.",
    not_live: "Your browser keeps new posts from reaching chat here. Open chat in a new tab.",
    credentials_missing: "This page did not say who you are.",
    session_expired: "Your chat session has ended.",
    not_provisioned: "Your account has no team in this chat yet.",
    seat_limit: "The chat server has no free seat for you.",
    ticket_spent: "This link to chat was used before, or it is too old.",
    ticket_missing: "This link to chat is not complete.",
    link_over: "This link to chat was used before, or it is too old. Open chat again where you found it.",
    embedder_refused: "This link to chat was made for another page.",
    subject_invalid: "This page named you in a way that chat does not know.",
    person_mismatch: "This page named one person and brought the proof of another.",
    conflict: "A chat account with your address is not linked to you yet.",
    mint_refused: "Your chat account cannot be opened this way.",
    mint_unavailable: "Chat cannot sign you in right now.",
    store_unavailable: "Chat cannot sign you in right now.",
    keys_unavailable: "Who you are cannot be checked right now.",
    assertion_spent: "This page's sign-in was used before.",
    mfa_required: "The code was not accepted.",
  },
  other: "The chat server is not working at the moment.",
  soon: "Chat is usually back within minutes.",
  help: "Reload this page, or ask your help desk.",
  title: "Chat is not available",
  reference: "Reference",
  signedOut: "You are signed out of chat.",
  signIn: "Sign in to chat",
  confirm: "Do you want to open chat?",
  continueAs: (name) => `Continue as ${name}`,
  code: "Code of your authenticator",
  submit: "Sign in",
  allow: "Allow chat here",
  tab: "Open chat in a new tab",
  again: (attempt, tries) => `Try again (${attempt} of ${tries})`,
  waiting: (seconds) => `Trying again in ${seconds} s`,
};

const GERMAN = {
  states: {
    checking: "Chat wird geprüft…",
    "signing-in": "Anmeldung läuft…",
    opening: "Chat wird geöffnet…",
    slow: "Das Öffnen dauert länger als sonst…",
    renewing: "Ihre Chat-Sitzung ist abgelaufen. Sie werden neu angemeldet…",
  },
  codes: {
    login_refused: "E-Mail oder Passwort wurde nicht angenommen.",
    rate_limited: "Es gab zu viele Anmeldungen.",
    unreachable: "Der Chat-Server antwortet nicht.",
    upstream_timeout: "Der Chat-Server braucht zu lange für eine Antwort.",
    busy: "Gerade melden sich sehr viele Personen an.",
    cookies_blocked: "Ihr Browser blockiert hier die Cookies des Chats. Erlauben Sie sie, oder öffnen Sie den Chat in einem neuen Tab.",
    not_live: "Ihr Browser lässt hier keine neuen Nachrichten zum Chat durch. Öffnen Sie den Chat in einem neuen Tab.",
    credentials_missing: "Diese Seite hat nicht mitgeteilt, wer Sie sind.",
    session_expired: "Ihre Chat-Sitzung ist abgelaufen.",
    not_provisioned: "Ihr Konto gehört noch zu keinem Team in diesem Chat.",
    seat_limit: "Der Chat-Server hat keinen freien Platz für Sie.",
    ticket_spent: "Dieser Link zum Chat wurde schon benutzt, oder er ist zu alt.",
    ticket_missing: "Dieser Link zum Chat ist unvollständig.",
    link_over: "Dieser Link zum Chat wurde schon benutzt, oder er ist zu alt. Öffnen Sie den Chat noch einmal dort, wo Sie ihn gefunden haben.",
    embedder_refused: "Dieser Link zum Chat gilt für eine andere Seite.",
    subject_invalid: "Diese Seite hat Sie so benannt, wie es der Chat nicht kennt.",
    person_mismatch: "Diese Seite nannte eine Person und brachte den Nachweis einer anderen.",
    conflict: "Ein Chat-Konto mit Ihrer Adresse ist noch nicht mit Ihnen verknüpft.",
    mint_refused: "Ihr Chat-Konto lässt sich auf diesem Weg nicht öffnen.",
    mint_unavailable: "Der Chat kann Sie gerade nicht anmelden.",
    store_unavailable: "Der Chat kann Sie gerade nicht anmelden.",
    keys_unavailable: "Wer Sie sind, lässt sich gerade nicht prüfen.",
    assertion_spent: "Die Anmeldung dieser Seite wurde schon benutzt.",
    mfa_required: "Der Code wurde nicht angenommen.",
  },
  other: "Der Chat-Server funktioniert gerade nicht.",
  soon: "Der Chat ist meist nach wenigen Minuten zurück.",
  help: "Laden Sie diese Seite neu, oder fragen Sie Ihren Helpdesk.",
  title: "Der Chat ist nicht verfügbar",
  reference: "Kennung",
  signedOut: "Sie sind vom Chat abgemeldet.",
  signIn: "Am Chat anmelden",
  confirm: "Möchten Sie den Chat öffnen?",
  continueAs: (name) => `Weiter als ${name}`,
  code: "Code Ihrer Authenticator-App",
  submit: "Anmelden",
  allow: "Chat hier erlauben",
  tab: "Chat in neuem Tab öffnen",
  again: (attempt, tries) => `Noch einmal versuchen (${attempt} von ${tries})`,
  waiting: (seconds) => `Neuer Versuch in ${seconds} s`,
};

const LANGUAGES = { en: ENGLISH, de: GERMAN };

// language is the one of LANGUAGES for a BCP 47 tag, English where there is none.
export const language = (locale) => {
  const code = locale?.toLowerCase().split("-")[0];
  return Object.hasOwn(LANGUAGES, code) ? code : "en";
};

export const words = (locale) => LANGUAGES[language(locale)];

const ADVISED = ["cookies_blocked", "not_live", "session_expired", "link_over"]; // by their sentence or button

// message says what happened and what to do; last: no further try is offered.
export function message({ code, status }, last, say = ENGLISH) {
  const text = Object.hasOwn(say.codes, code) ? say.codes[code] : say.other;
  if (ADVISED.includes(code)) return { text, advice: "" };
  return { text, advice: retriable({ status }) && !last ? say.soon : say.help };
}

export const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter(Boolean));
  return element;
};

// deck is the place where cards are shown, one at a time.
export function deck(place) {
  return (state, ...content) => {
    const held = place.contains(document.activeElement);
    document.documentElement.dataset.state = state;
    place.replaceChildren(...content.filter(Boolean));
    if (held) place.focus();
  };
}

export const progress = (text) => [make("i", { ariaHidden: "true" }), make("span", { role: "status" }, text)];

// failure is the card of a problem; the first of its ways out is the advised one.
export function failure(say, problem, last, ways) {
  const { text, advice } = message(problem, last, say);
  for (const way of ways) way.className = way === ways[0] ? "action" : "quiet";
  const detail = say === ENGLISH && (problem.sentence ?? problem.detail ?? problem.message); // the server speaks no other language
  const reference = [detail, problem.request_id && `${say.reference} ${problem.request_id}`];
  return [
    make("b", {}, say.title),
    make("span", { role: "alert" }, text, " ", advice),
    ...ways,
    make("small", {}, reference.filter(Boolean).join(" ")),
  ];
}

// codeForm asks for a one-time code; refused: one was sent and did not help.
export function codeForm(say, refused, submit) {
  const code = make("input", { inputMode: "numeric", autocomplete: "one-time-code", required: true, maxLength: 16 });
  const onsubmit = (event) => {
    event.preventDefault();
    submit(code.value);
  };
  const form = make("form", { onsubmit }, make("label", {}, say.code, code), make("button", {}, say.submit));
  return [form, make("small", { role: "status" }, refused ? say.codes.mfa_required : "")];
}
