// What the findings mean. A frame fails for one cause at a time that matters:
// RUNGS lists the causes in the order in which they hide each other, and the
// first that holds is the verdict. Codes are stable; docs/troubleshooting.md
// lists them. Nothing here touches the browser.

export const MAX_SKEW = 120; // seconds; tokens of the ERP are refused sooner or later beyond it

// What the browser knows by itself, and what Matterpass would have to allow.
export const DELEGATED = ["microphone", "camera", "display-capture", "clipboard-read", "clipboard-write"];

const isPlain = (f) => f.page?.scheme === "http" && !f.page.loopback;
const isSameSite = (f) => ["same-site", "same-origin"].includes(f.site);
const kind = (f) => f.server?.cookies.kind;
const kept = (f) => Object.keys(f.probes ?? {}).filter((name) => f.probes[name]);
const isLost = (f) => Boolean(f.probes) && !f.probes[kind(f)];
// A tab keeps every cookie: there, what a frame would do is foretold by the site.
const failsAcross = (f) => !isSameSite(f) && (isLost(f) || (!f.framed && f.site === "cross-site"));
const isAllowed = (f) => f.server?.embedder?.allowed;
const refused = (f) => f.socket === "refused";
const hasSession = (f) => f.session?.state === "signed-in";
const missing = (f) => DELEGATED.filter((name) => f.permissions?.[name] === false);
const origin = (url) => URL.canParse(url) ? new URL(url).origin : "";
const minutes = (f) => Math.round(Math.abs(f.skew) / 60);
const https = (f) => `PUBLIC_URL=https://${f.page?.host}`;
const around = (f) => f.embedder ?? "the page around it";

const RUNGS = [
  {
    code: "MP-1A", severity: "stop",
    when: (f) => f.health === "unreachable",
    sentence: "Matterpass does not answer: it is stopped, or the proxy in front does not reach it.",
    setting: "Front proxy: the address of Matterpass (HTTP_ADDR)",
  },
  {
    code: "MP-1B", severity: "stop",
    when: (f) => f.health === "down",
    sentence: "Matterpass runs, but Mattermost or its database does not answer it.",
    setting: "MM_BASE_URL: the address of a running Mattermost",
  },
  {
    code: "MP-1C", severity: "stop",
    when: (f) => f.health === "limited",
    sentence: "Too many requests came from this network address; behind a proxy, everybody may share one.",
    setting: "TRUSTED_PROXIES: the network of the proxy in front",
  },
  {
    code: "MP-1D", severity: "stop",
    when: (f) => !f.server || f.health === "astray",
    sentence: "Something else answers at Matterpass's addresses, so the proxy in front does not pass all of them on.",
    setting: "Front proxy: every path of deploy/nginx.beside.conf goes to Matterpass",
  },
  {
    code: "MP-2A", severity: "stop",
    when: (f) => isPlain(f) && (f.server.production || kind(f) !== "plain"),
    sentence: "Chat is open over plain HTTP, where browsers refuse the cookies of an embedded chat.",
    setting: https,
  },
  {
    code: "MP-2B", severity: "stop",
    when: (f) => f.page?.scheme === "https" && f.server.scheme === "http",
    sentence: "This browser uses HTTPS, but Matterpass believes it is plain HTTP and sets cookies for that.",
    setting: https,
  },
  {
    code: "MP-2C", severity: "stop",
    when: (f) => isPlain(f) && f.embedder?.startsWith("https:"),
    sentence: "The page is on HTTPS and chat is not: browsers refuse such mixed content.",
    setting: https,
  },
  {
    code: "MP-3A", severity: "stop",
    when: (f) => f.opaque,
    sentence: "The iframe is sandboxed so tightly that chat cannot run in it.",
    setting: 'iframe: sandbox="allow-scripts allow-same-origin allow-popups allow-forms allow-downloads allow-modals", or no sandbox',
  },
  {
    code: "MP-3B", severity: "stop",
    when: (f) => f.probes && !kept(f).length && f.framed,
    sentence: "This browser kept no cookie at all for chat in this frame, of no kind.",
    setting: (f) => `Browser: allow cookies for ${f.page?.host}`,
  },
  {
    code: "MP-3C", severity: "stop",
    when: (f) => f.probes && !kept(f).length,
    sentence: "This browser keeps no cookies for chat, not even in a tab of its own.",
    setting: (f) => `Browser: allow cookies for ${f.page?.host}`,
  },
  {
    code: "MP-3D", severity: "stop",
    when: (f) => f.storage?.local === false,
    sentence: "This browser keeps cookies but refuses storage, without which Mattermost stays blank.",
    setting: (f) => `Browser: allow site data for ${f.page?.host}`,
  },
  {
    code: "MP-4A", severity: "stop",
    when: (f) => kind(f) === "lax" && failsAcross(f),
    sentence: "Chat and the page are on different sites, and chat's cookies are set for one site only.",
    setting: "COOKIE_SAMESITE=auto",
  },
  {
    code: "MP-4B", severity: "stop",
    when: (f) => kind(f) === "none" && isLost(f) && f.probes.partitioned,
    sentence: "This browser blocks third-party cookies, except partitioned ones, and chat's are not partitioned.",
    setting: "COOKIE_PARTITIONED=auto",
  },
  {
    code: "MP-4C", severity: "stop",
    when: (f) => kind(f) === "plain" && failsAcross(f),
    sentence: "Chat and the page are on different sites, and over plain HTTP no cookie crosses from one to the other.",
    setting: (f) => (f.page.loopback ? "Addresses: one host name for both, as in http://localhost:8090 and http://localhost:8080" : https(f)),
  },
  {
    code: "MP-4D", severity: "stop",
    when: isLost,
    sentence: "This browser kept some cookies, but not those in the shape of chat's: it is out of date, or a proxy rewrites them.",
    setting: "Front proxy: leave Set-Cookie as it is (no proxy_cookie_flags)",
  },
  {
    code: "MP-5A", severity: "stop",
    when: (f) => isAllowed(f) === false,
    sentence: (f) => `Pages of ${f.embedder} are not allowed to embed chat.`,
    setting: (f) => `ALLOWED_ORIGINS: add ${f.embedder}`,
  },
  {
    code: "MP-5B", severity: "stop",
    when: (f) => f.frame?.allows === false && !f.server.gateway,
    sentence: (f) => `Mattermost does not let ${around(f)} frame its pages.`,
    setting: (f) => `Mattermost ServiceSettings.FrameAncestors: add ${around(f)}`,
  },
  {
    code: "MP-5C", severity: "stop",
    when: (f) => f.frame?.allows === false,
    sentence: (f) => `Chat's pages arrive with headers that forbid ${around(f)} to frame them: a proxy in front has changed them.`,
    setting: "Front proxy: set neither Content-Security-Policy nor X-Frame-Options for chat",
  },
  {
    code: "MP-6A", severity: "stop",
    when: (f) => refused(f) && !f.server.gateway && f.siteURL != null && origin(f.siteURL) !== f.page?.origin,
    sentence: "Chat opens, but nothing arrives live: Mattermost refuses the WebSocket, because it believes to be at another address.",
    setting: (f) => `Mattermost ServiceSettings.SiteURL=${f.page?.origin}`,
  },
  {
    code: "MP-6B", severity: "stop",
    when: refused,
    sentence: "Chat opens, but nothing arrives live: the WebSocket does not get through.",
    setting: "Front proxy: pass Upgrade and Connection on, over HTTP/1.1 (see deploy/nginx.conf)",
  },
  {
    code: "MP-6C", severity: "stop",
    when: (f) => f.socket === "silent" && hasSession(f),
    sentence: "The WebSocket opens, but says nothing although somebody is signed in: something on the way holds its messages back.",
    setting: "Front proxy: no buffering for /api/v4/websocket (proxy_buffering off)",
  },
  {
    code: "MP-7A", severity: "warn",
    when: (f) => Math.abs(f.skew) > MAX_SKEW,
    sentence: (f) => `The clocks of this device and of the server are ${minutes(f)} minutes apart (this device is ${f.skew > 0 ? "ahead" : "behind"}).`,
    setting: "Clock: set by the network, on this device and on the server (NTP)",
  },
  {
    code: "MP-8A", severity: "stop",
    when: (f) => f.server.cookies.twins,
    sentence: "This browser holds two chat sessions at once, and the older one wins; sign out of chat once and in again.",
    setting: "Mattermost ServiceSettings.AllowCookiesForSubdomains=false",
  },
  {
    code: "MP-8B", severity: "stop",
    when: (f) => f.server.cookies.session.includes("MMUSERID") && f.readable === false,
    sentence: "Chat cannot read its cookie MMUSERID and signs out at once: something on the way made it HttpOnly.",
    setting: "Front proxy: leave Set-Cookie as it is (no proxy_cookie_flags)",
  },
  {
    code: "MP-9A", severity: "warn",
    when: (f) => f.framed && missing(f).length > 0,
    sentence: (f) => `Chat works here, but the iframe does not pass on: ${missing(f).join(", ")}.`,
    setting: `iframe: allow="${DELEGATED.join("; ")}"`,
  },
  {
    code: "MP-0C", severity: "fine",
    when: (f) => !f.framed && !f.embedder,
    sentence: "Chat works in a tab of its own; whether it works inside another page shows only there.",
    setting: "Open this page inside the ERP, or name the ERP's address below.",
  },
  {
    code: "MP-0B", severity: "fine",
    when: (f) => !hasSession(f),
    sentence: "Nothing stands in chat's way here; nobody is signed in yet.",
    setting: "Sign in through the page.",
  },
  {
    code: "MP-0A", severity: "fine",
    when: () => true,
    sentence: "Chat works here, and somebody is signed in.",
    setting: "Nothing.",
  },
];

export const CODES = RUNGS.map(({ code }) => code);

// verdict of findings, which may be incomplete: what is not known accuses nobody.
export function verdict(findings) {
  const { code, severity, sentence, setting } = RUNGS.find(({ when }) => when(findings));
  const say = (text) => (typeof text === "function" ? text(findings) : text);
  return { code, severity, sentence: say(sentence), setting: say(setting) };
}

// mayFrame reads the headers of a page as a browser does (CSP Level 3, section
// 6.4.2; RFC 7034): every policy must allow every page around, and only where no
// policy speaks of framing X-Frame-Options counts. null: nobody is around.
export function mayFrame({ csp, xFrameOptions }, ancestors, self) {
  if (!ancestors?.length) return null;
  const lists = (csp ?? "").split(",").map(ancestorsOf).filter(Boolean);
  if (lists.length) return lists.every((list) => ancestors.every((one) => list.some((source) => matches(source, one, self))));
  const word = xFrameOptions?.trim().toUpperCase();
  if (word === "DENY") return false;
  return word !== "SAMEORIGIN" || ancestors.every((one) => one === self);
}

// In a policy the first directive of a name counts.
const ancestorsOf = (policy) => policy.split(";")
  .map((directive) => directive.trim().split(/\s+/))
  .find(([name]) => name.toLowerCase() === "frame-ancestors")
  ?.slice(1);

const PORTS = { "http:": "80", "https:": "443" };

function matches(source, address, self) {
  const word = source.toLowerCase();
  if (word === "'self'") return address === self;
  if (word === "'none'" || !URL.canParse(address)) return false;
  const { protocol, hostname, port } = new URL(address);
  if (word === "*") return true;
  if (/^[a-z][a-z0-9+.-]*:$/.test(word)) return word === protocol;
  const [, scheme = new URL(self).protocol, host, wanted] = word.match(/^(?:([a-z][a-z0-9+.-]*:)\/\/)?([^/:]+|\[[^\]]+\])(?::(\d+|\*))?/) ?? [];
  return Boolean(host) &&
    (scheme === protocol || (scheme === "http:" && protocol === "https:")) &&
    (host.startsWith("*.") ? hostname.endsWith(host.slice(1)) : hostname === host) &&
    (wanted === "*" || (wanted ?? PORTS[scheme]) === (port || PORTS[protocol]) || (!wanted && !port));
}
