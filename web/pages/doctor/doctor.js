// The embed doctor: asks the browser and the server, shows the verdict and
// everything it rests on. It reads no cookie's value and sends nothing away.

import { DELEGATED, MAX_SKEW, mayFrame, verdict } from "./verdict.js";

const PATIENCE = 8_000; // ms for any one question
const HELLO = 2_500; // ms in which an open WebSocket greets a signed-in browser

const $ = (id) => document.getElementById(id);

/* Asking */

// An answer in one shape: a proxy's page, silence and a limit are told apart.
async function ask(path) {
  try {
    const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    const isJSON = /json/.test(response.headers.get("Content-Type") ?? "");
    return { status: response.status, headers: response.headers, body: isJSON ? await response.json() : undefined };
  } catch {
    return { status: 0 };
  }
}

function healthOf({ status, body }) {
  if (["ok", "degraded", "down"].includes(body?.status)) return body.status;
  if (status === 429) return "limited";
  return status === 0 || (status >= 500 && !body) ? "unreachable" : "astray";
}

async function askProbes() {
  await ask("/api/mattermost/test-cookies");
  const { body } = await ask("/api/mattermost/test-cookies?step=read");
  return Array.isArray(body?.cookies) ? Object.fromEntries(body.cookies.map(({ kind, returned }) => [kind, returned])) : null;
}

async function askServer(embedder) {
  const start = Date.now();
  const { body } = await ask("/embed-doctor/report" + (embedder ? "?" + new URLSearchParams({ embedder }) : ""));
  if (!body?.cookies) return { server: null, skew: null };
  const skew = (start + Date.now()) / 2 - Date.parse(body.time);
  return { server: body, skew: Math.round(skew / 1000) };
}

async function askSession() {
  const { status, body } = await ask("/api/mattermost/session");
  if (status === 200 && body?.user) return { state: "signed-in", as: `${body.user.email[0]}…` };
  return { state: status === 401 ? "signed-out" : "unknown" };
}

async function askFrame(chat, ancestors) {
  if (!chat || new URL(chat, location.href).origin !== location.origin) return null;
  const { status, headers } = await ask(chat);
  if (!headers) return null;
  const [csp, xFrameOptions] = [headers.get("Content-Security-Policy"), headers.get("X-Frame-Options")];
  return { status, csp, xFrameOptions, allows: mayFrame({ csp, xFrameOptions }, ancestors, location.origin) };
}

// JavaScript learns no reason for a refused upgrade: 403, a dropped header and
// silence look alike. Only a session is greeted (docs/mattermost.md G1).
function askSocket(session) {
  return new Promise((done) => {
    const socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/v4/websocket`);
    const end = (word) => {
      done(word);
      socket.close();
    };
    const impatient = setTimeout(end, PATIENCE, "refused");
    socket.onopen = async () => {
      clearTimeout(impatient);
      setTimeout(end, (await session).state === "signed-in" ? HELLO : 0, "silent");
    };
    socket.onmessage = () => end("hello");
    socket.onerror = () => end("refused");
  });
}

/* Looking */

function pagesAround(asked) {
  const listed = [...(location.ancestorOrigins ?? [])];
  const referrer = URL.canParse(document.referrer) ? new URL(document.referrer).origin : null;
  const framed = window.top !== window;
  if (!framed) {
    const embedder = asked ?? (referrer === location.origin ? null : referrer);
    return { framed, embedder, ancestors: embedder ? [embedder] : [] };
  }
  const ancestors = listed.length || !referrer ? listed : [referrer];
  return { framed, embedder: ancestors.find((one) => one !== location.origin) ?? ancestors[0] ?? null, ancestors };
}

// The browser speaks of the nearest page only, the server of the one that is not
// ours: one that is of another site makes cookies cross sites.
function siteOf(framed, nearest, embedder) {
  const sites = [framed && nearest, embedder].filter(Boolean);
  if (sites.includes("cross-site")) return "cross-site";
  return sites[0] ?? (framed ? null : "none");
}

function permissions() {
  const policy = document.permissionsPolicy ?? document.featurePolicy;
  const allowed = (name) => (policy?.features().includes(name) ? policy.allowsFeature(name) : null);
  return Object.fromEntries(DELEGATED.map((name) => [name, allowed(name)]));
}

async function storage() {
  return {
    cookies: navigator.cookieEnabled,
    local: hasLocalStorage(),
    indexed: await hasDatabase(),
    access: (await document.hasStorageAccess?.().catch(() => null)) ?? null,
  };
}

function hasLocalStorage() {
  try {
    localStorage.setItem("matterpass-doctor", "1");
    localStorage.removeItem("matterpass-doctor");
    return true;
  } catch {
    return false;
  }
}

function hasDatabase() {
  return new Promise((done) => {
    setTimeout(done, PATIENCE, null);
    try {
      const request = indexedDB.open("matterpass-doctor");
      request.onerror = () => done(false);
      request.onsuccess = () => {
        request.result.close();
        indexedDB.deleteDatabase("matterpass-doctor");
        done(true);
      };
    } catch {
      done(false);
    }
  });
}

const isLoopback = (host) => /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(host);

async function examine(asked) {
  const { origin, protocol, host, hostname } = location;
  const around = pagesAround(asked);
  const { site, dest } = document.documentElement.dataset;
  const signedIn = askSession();
  const [health, probes, { server, skew }, session, socket, kept, config] = await Promise.all([
    ask("/api/mattermost/health").then(healthOf), askProbes(), askServer(around.embedder === "null" ? null : around.embedder), signedIn,
    askSocket(signedIn).catch(() => "refused"), storage(), ask("/api/v4/config/client?format=old"),
  ]);
  return {
    page: { origin, scheme: protocol.slice(0, -1), host, loopback: isLoopback(hostname) },
    ...around,
    opaque: self.origin === "null",
    navigation: { site: site || null, dest: dest || null },
    site: siteOf(around.framed, site, server?.embedder?.site),
    health, server, skew, probes, session, socket,
    readable: document.cookie.includes("MMUSERID="),
    frame: await askFrame(server?.chat, around.ancestors),
    siteURL: config.body?.SiteURL ?? null,
    storage: kept,
    permissions: permissions(),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    browser: navigator.userAgent,
  };
}

/* Showing */

const SITES = {
  "same-origin": [true, "The page and chat are one origin."],
  "same-site": [true, "The page and chat are on the same site."],
  "cross-site": [null, "The page and chat are on different sites."],
  none: [null, "Opened directly."],
};

const HEALTH = {
  ok: [true, "Available."],
  degraded: [null, "Available; some functions are not."],
  down: [false, "Matterpass runs; Mattermost does not answer it."],
  limited: [false, "Matterpass takes no more requests from this network now."],
  astray: [false, "Something else answers at Matterpass's addresses."],
  unreachable: [false, "No answer."],
};

const SOCKET = {
  hello: [true, "Open, and greeted."],
  silent: [null, "Open; it says nothing before somebody is signed in."],
  refused: [false, "Refused."],
};

const PROBES = { plain: "no attributes", lax: "SameSite=Lax", none: "SameSite=None", partitioned: "Partitioned" };

// list names what is so, what is not and what nobody says: "Kept: a, b. Dropped: c."
function list(yes, no, named) {
  const names = (value) => named.filter(([, it]) => it === value).map(([name]) => name).join(", ");
  return [[yes, true], [no, false], ["Not known", null]]
    .filter(([, value]) => names(value)).map(([word, value]) => `${word}: ${names(value)}.`).join(" ");
}

const none = (...values) => !values.includes(false);

const ROWS = [
  ["Where", (f) => (f.framed ? [null, f.embedder ? `Inside a page of ${f.embedder}.` : "Inside a page that does not say who it is."]
    : [null, f.embedder ? `In a tab of its own; asked for ${f.embedder}.` : "In a tab of its own."])],
  ["Page and chat", (f) => SITES[f.site] ?? [null, "This browser does not tell."]],
  ["Page allowed", (f) => {
    const allowed = f.server?.embedder?.allowed;
    return allowed === undefined ? null : [allowed, `${allowed ? "In" : "Not in"} ALLOWED_ORIGINS.`];
  }],
  ["Chat server", (f) => HEALTH[f.health]],
  ["Address", (f) => f.server && [f.server.scheme === f.page.scheme, [`${f.page.origin}.`, f.server.scheme !== f.page.scheme && `Matterpass sees ${f.server.scheme}.`, !f.server.gateway && "Mattermost is beside Matterpass."].filter(Boolean).join(" ")]],
  ["Cookies kept", (f) => f.probes && [f.server ? f.probes[f.server.cookies.kind] : null, list("Kept", "Dropped", Object.entries(f.probes).map(([kind, kept]) => [PROBES[kind], kept]))]],
  ["Cookies of chat", (f) => f.server && [null, f.server.cookies.attributes]],
  ["Session cookies", (f) => f.server && (f.server.cookies.twins ? [false, "Two of one name."] : [f.server.cookies.session.length === 3 || null, f.server.cookies.session.join(", ") || "None."])],
  ["Signed in", (f) => [f.session.state === "signed-in" || null, { "signed-in": `Yes, as ${f.session.as}`, "signed-out": "No." }[f.session.state] ?? "Not known."]],
  ["Storage", ({ storage: { cookies, local, indexed } }) => [none(cookies, local, indexed),
    list("Works", "Refused", [["cookies", cookies], ["local storage", local], ["database", indexed]])]],
  ["Framing", (f) => f.frame && [f.frame.allows, [f.frame.csp && `Content-Security-Policy: ${f.frame.csp}`, f.frame.xFrameOptions && `X-Frame-Options: ${f.frame.xFrameOptions}`].filter(Boolean).join(" · ") || "No header about it."]],
  ["WebSocket", (f) => SOCKET[f.socket]],
  ["Clock", (f) => f.skew !== null && [Math.abs(f.skew) <= MAX_SKEW, `${f.skew === 0 ? "As the server's" : `${Math.abs(f.skew)} s ${f.skew > 0 ? "ahead of" : "behind"} the server's`}; ${f.timeZone}.`]],
  ["Permissions", (f) => [none(...Object.values(f.permissions)), list("Passed on", "Missing", Object.entries(f.permissions))]],
];

const MARKS = { true: ["good", "✓"], false: ["bad", "✗"], null: ["plain", "·"] };

function row([label, look], findings) {
  const found = look(findings);
  if (!found) return [];
  const [name, sign] = MARKS[found[0] ?? null];
  const line = document.createElement("div");
  line.className = `row ${name}`;
  for (const [className, text] of [["mark", sign], ["label", label], ["value", found[1]]]) {
    line.append(Object.assign(document.createElement("span"), { className, textContent: text }));
  }
  return [line];
}

function show(findings) {
  const { code, severity, sentence, setting } = verdict(findings);
  $("verdict").className = `card ${severity}`;
  $("sentence").textContent = sentence;
  $("todo").textContent = severity === "fine" ? "What to do" : "The one setting to change";
  $("setting").textContent = setting;
  $("code").textContent = code;
  $("place").textContent = findings.framed ? "in this frame" : findings.embedder ? `in ${findings.embedder}` : "in this browser";
  $("details").replaceChildren(...ROWS.flatMap((one) => row(one, findings)));
  $("report").value = JSON.stringify({ code, at: new Date().toISOString(), ...findings }, null, 2);
  $("ask").hidden = findings.framed;
}

let asked; // the page that somebody asks about, in a tab

async function run() {
  $("stuck").hidden = true;
  $("verdict").ariaBusy = "true";
  $("copy").disabled = $("again").disabled = true;
  show(await examine(asked));
  $("verdict").ariaBusy = "false";
  $("advice").hidden = $("buttons").hidden = $("raw").hidden = false;
  $("copy").disabled = $("again").disabled = false;
}

// A frame may lack the right to write the clipboard: then the old way, and at
// last the text itself, selected.
async function copy() {
  const { value } = $("report");
  let done = await navigator.clipboard?.writeText(value).then(() => true, () => false);
  if (!done) {
    $("raw").open = true;
    $("report").select();
    done = document.execCommand("copy");
  }
  $("copy").textContent = done ? "Copied" : "Select the text below";
  setTimeout(() => ($("copy").textContent = "Copy report"), 2_000);
}

$("again").addEventListener("click", run);
$("copy").addEventListener("click", copy);
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  asked = new URL($("page").value).origin;
  const isWeb = asked.startsWith("http");
  $("wrong").textContent = isWeb ? "" : "That is no address of a web page.";
  if (isWeb) run();
});

run();
