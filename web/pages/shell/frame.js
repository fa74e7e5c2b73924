// The child frame: Mattermost's own web app, on this very origin. It is watched
// from outside; no script and no style is put into it.

import { lasting } from "./storage.js";

// RIGHTS are those that the element asks the host page for, passed on.
const RIGHTS = "clipboard-read; clipboard-write; microphone; camera; display-capture; fullscreen; local-network-access";
const LOOK = 250; // ms between two looks at where it is

// pathOf is the path of a target: a channel's name, "@username" for a direct
// message, "pl/{post id}" for one post, or such a path as a whole. Anything else
// is undefined. /_redirect/pl is not used: it can end in a blank page
// (docs/webapp.md D3).
export function pathOf(target, team) {
  if (/^\/[a-z0-9_-]+\/(channels\/[\w-]{1,64}|messages\/@?[\w.@-]{1,64}|pl\/[a-z0-9]{26}|threads)$/.test(target)) return target;
  if (!team) return undefined;
  if (/^@[a-z0-9._-]{1,64}$/.test(target)) return `/${team}/messages/${target}`;
  if (/^pl\/[a-z0-9]{26}$/.test(target)) return `/${team}/${target}`;
  if (/^[a-z0-9_-]{1,64}$/.test(target)) return `/${team}/channels/${target}`;
  return undefined;
}

// judge says what it means that the web app is at an address (docs/webapp.md D2, F2, F3).
export function judge(pathname, search = "") {
  if (pathname === "/login" || pathname.startsWith("/login/")) return "left";
  if (pathname === "/") return "root";
  if (pathname === "/select_team" || (pathname === "/error" && search.includes("team_not_found"))) return "denied";
  return "page";
}

// chat opens Mattermost at a path. loaded is called once it is there, moved with
// every further path, left when it shows its login page or has started over,
// and denied when it has no team for this person. access: cookies are let in by
// Storage Access, which the shell has been given.
export function chat({ path, label, access, loaded, moved, left, denied }) {
  lasting.set("__landingPageSeen__", "true"); // "Where would you like to view this?" (docs/webapp.md E1)
  const frame = Object.assign(document.createElement("iframe"), { title: label ?? "Chat", allow: RIGHTS, src: access ? "about:blank" : path });
  const lead = access ? (to) => walk(frame, to) : (to) => frame.contentWindow.location.assign(to);
  let ready = false;
  let last;
  const told = { left, denied };
  function look(fresh) {
    const at = whereIs(frame);
    if (!at) return;
    const verdict = judge(at.pathname, at.search);
    if (verdict === "left" || verdict === "denied" || (verdict === "root" && fresh && ready)) {
      clearInterval(timer);
      told[verdict === "denied" ? "denied" : "left"](new URLSearchParams(at.search).get("redirect_to"));
    } else if (verdict === "page" && at.pathname !== last) {
      last = at.pathname;
      if (ready) moved(last);
    }
  }
  const timer = setInterval(look, LOOK);
  frame.addEventListener("load", () => {
    look(true);
    if (ready || !frame.isConnected) return;
    ready = true;
    loaded();
    if (last) moved(last);
  });
  document.body.prepend(frame);
  if (access) frame.contentDocument.requestStorageAccess().catch(() => {}).then(() => frame.isConnected && lead(path));
  return {
    label: (text) => (frame.title = text ?? "Chat"),
    path() { // between two looks it may have moved on
      const at = whereIs(frame);
      return at && judge(at.pathname, at.search) === "page" ? at.pathname : last;
    },
    go: (to) => to !== last && lead(to),
    close() {
      clearInterval(timer);
      frame.remove();
    },
  };
}

// walk leads the frame to another page as a link in its own page would: Storage
// Access is each document's, and only the next page that a document itself leads
// to has it as well.
function walk(frame, to) {
  Object.assign(frame.contentDocument.createElement("a"), { href: new URL(to, location.origin).href }).click();
}

// whereIs is undefined before the first page, and where Mattermost has another
// origin (GATEWAY=off with another port).
function whereIs(frame) {
  try {
    const { origin, pathname, search } = frame.contentWindow.location;
    return origin === location.origin && { pathname, search };
  } catch {
    return undefined;
  }
}

// wanted are the preferences that keep tours and checklists away (docs/webapp.md E2).
export const wanted = (user) => [
  { user_id: user, category: "onboarding_task_list", name: "onboarding_task_list_show", value: "false" },
  { user_id: user, category: "onboarding_task_list", name: "onboarding_task_list_open", value: "false" },
  { user_id: user, category: "recommended_next_steps", name: "hide", value: "true" },
  { user_id: user, category: "tutorial_step", name: user, value: "999" },
];

export const missing = (user, there) =>
  wanted(user).filter((want) => !there.some((it) => it.category === want.category && it.name === want.name && it.value === want.value));

const CALM = "matterpass.calm";

// calm sets them, once per person and browser: who brings the tour back on
// purpose keeps it. It is a courtesy: what fails, fails in silence.
export async function calm(user) {
  if (lasting.get(CALM) === user) return;
  const address = `/api/v4/users/${user}/preferences`;
  const headers = { "X-Requested-With": "XMLHttpRequest", "X-CSRF-Token": document.cookie.match(/(?:^|; )MMCSRF=([^;]*)/)?.[1] ?? "", "Content-Type": "application/json" };
  const signal = AbortSignal.timeout(2000);
  try {
    const lacking = missing(user, await (await fetch(address, { headers, signal })).json());
    if (lacking.length) await fetch(address, { method: "PUT", headers, signal, body: JSON.stringify(lacking) });
    lasting.set(CALM, user);
  } catch {
    // Mattermost shows its tour, then.
  }
}
