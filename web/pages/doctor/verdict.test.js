import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CODES, DELEGATED, mayFrame, verdict } from "./verdict.js";

const CHAT = "https://chat.erp.test";
const ERP = "https://erp.test";

// A frame of another site in which all is well.
const healthy = {
  page: { origin: CHAT, scheme: "https", host: "chat.erp.test", loopback: false },
  framed: true, embedder: ERP, ancestors: [ERP], opaque: false, site: "cross-site",
  server: {
    scheme: "https", production: true, gateway: true,
    cookies: { kind: "partitioned", session: ["MMAUTHTOKEN", "MMUSERID", "MMCSRF"], twins: false },
    embedder: { origin: ERP, allowed: true, site: "cross-site" },
  },
  health: "ok", readable: true, siteURL: CHAT,
  probes: { plain: false, lax: false, none: false, partitioned: true },
  storage: { local: true }, frame: { allows: true }, socket: "hello", skew: 0,
  permissions: Object.fromEntries(DELEGATED.map((name) => [name, true])),
  session: { state: "signed-in", as: "d…" },
};

// Deep, so that a case names only what differs.
const but = (change, base = healthy) => {
  const out = { ...base };
  for (const [key, value] of Object.entries(change)) {
    out[key] = value && typeof value === "object" && !Array.isArray(value) && base[key] ? but(value, base[key]) : value;
  }
  return out;
};

const none = { plain: false, lax: false, none: false, partitioned: false };
const all = { plain: true, lax: true, none: true, partitioned: true };
const kind = (word) => ({ cookies: { kind: word } });
const dev = { page: { origin: "http://localhost:8080", scheme: "http", host: "localhost:8080", loopback: true }, embedder: "http://localhost:8090", site: "same-site", probes: all };
const devServer = { scheme: "http", production: false, cookies: { kind: "plain" } };
const tab = { framed: false, embedder: null, ancestors: [], site: "none", probes: all };

const cases = {
  "a healthy frame of another site": ["MP-0A", {}],
  "a healthy frame in development": ["MP-0A", { ...dev, server: devServer }],
  "nobody is signed in": ["MP-0B", { session: { state: "signed-out" }, socket: "silent", server: { cookies: { session: [] } }, readable: false }],
  "a tab of its own": ["MP-0C", { ...tab, server: { embedder: undefined } }],
  "a tab, asked about an allowed page": ["MP-0A", { ...tab, embedder: ERP, site: "cross-site" }],

  "Matterpass does not answer": ["MP-1A", { health: "unreachable", server: null }],
  "Mattermost does not answer": ["MP-1B", { health: "down" }],
  "a down server hides blocked cookies": ["MP-1B", { health: "down", probes: none }],
  "the client's limit": ["MP-1C", { health: "limited", server: null }],
  "another program answers": ["MP-1D", { health: "astray" }],
  "the report is somebody else's": ["MP-1D", { server: null }],
  "degraded is not down": ["MP-0A", { health: "degraded" }],

  "production over plain http": ["MP-2A", { page: { scheme: "http" } }],
  "secure cookies over plain http": ["MP-2A", { page: { scheme: "http" }, server: { production: false } }],
  "https that Matterpass does not know of": ["MP-2B", { server: { scheme: "http", cookies: { kind: "plain" } } }],
  "mixed content": ["MP-2C", { page: { scheme: "http", loopback: false }, server: { ...devServer } }],
  "development over plain http is meant": ["MP-0A", { ...dev, server: devServer, session: healthy.session }],

  "sandbox without same origin": ["MP-3A", { opaque: true, probes: none }],
  "no cookie in the frame": ["MP-3B", { probes: none }],
  "no cookie anywhere": ["MP-3C", { ...tab, probes: none }],
  "cookies but no storage": ["MP-3D", { storage: { local: false } }],

  "lax across sites": ["MP-4A", { server: kind("lax"), probes: { none: true } }],
  "lax across sites, foretold in a tab": ["MP-4A", { ...tab, embedder: ERP, site: "cross-site", server: kind("lax") }],
  "lax on one site is fine": ["MP-0A", { site: "same-site", server: kind("lax"), probes: all }],
  "unpartitioned where third-party cookies are blocked": ["MP-4B", { server: kind("none") }],
  "unpartitioned where they are allowed": ["MP-0A", { server: kind("none"), probes: { none: true } }],
  "plain http across sites": ["MP-4C", { ...dev, site: "cross-site", server: devServer, probes: { plain: false, lax: false, none: false } }],
  "plain http across sites where the browser partitions by itself": ["MP-0A", { ...dev, site: "cross-site", server: devServer }],
  "the shape of chat's is dropped": ["MP-4D", { probes: { partitioned: false, none: true } }],
  "lax is dropped on one site": ["MP-4D", { site: "same-site", server: kind("lax"), probes: { lax: false } }],

  "the page's origin is not configured": ["MP-5A", { server: { embedder: { allowed: false } } }],
  "Mattermost's own frame-ancestors": ["MP-5B", { frame: { allows: false }, server: { gateway: false } }],
  "a proxy's framing headers": ["MP-5C", { frame: { allows: false } }],
  "framing headers that could not be read": ["MP-0A", { frame: null }],

  "SiteURL is another address": ["MP-6A", { socket: "refused", siteURL: "http://mattermost:8065", server: { gateway: false } }],
  "SiteURL does not matter behind the gateway": ["MP-6B", { socket: "refused", siteURL: "http://mattermost:8065" }],
  "Upgrade is dropped": ["MP-6B", { socket: "refused" }],
  "an open socket that says nothing": ["MP-6C", { socket: "silent" }],

  "a clock three minutes ahead": ["MP-7A", { skew: 180 }],
  "a clock three minutes behind": ["MP-7A", { skew: -180 }],
  "a clock two minutes off is fine": ["MP-0A", { skew: 120 }],
  "two sessions": ["MP-8A", { server: { cookies: { twins: true } } }],
  "an HttpOnly MMUSERID": ["MP-8B", { readable: false }],
  "no microphone": ["MP-9A", { permissions: { microphone: false } }],
  "a browser that does not tell its permissions": ["MP-0A", { permissions: { microphone: null, camera: null } }],
};

for (const [name, [code, change]] of Object.entries(cases)) {
  test(`${name}: ${code}`, () => {
    const got = verdict(but(change));
    assert.equal(got.code, code);
    assert.match(got.sentence, /^[A-Z][^]+\.$/);
    assert.doesNotMatch(got.sentence + got.setting, /undefined|null|NaN|\[object/);
    assert.ok(got.setting.length > 4);
    assert.equal(got.severity === "fine", code.startsWith("MP-0"));
  });
}

test("every rung has a case", () => {
  assert.deepEqual([...new Set(Object.values(cases).map(([code]) => code))].sort(), CODES.toSorted());
});

test("causes keep their order: each hides the ones below", () => {
  const groups = CODES.map((code) => Number(code[3]) || 10);
  assert.deepEqual(groups, groups.toSorted((a, b) => a - b));
  assert.equal(new Set(CODES).size, CODES.length);
});

test("unknown findings accuse nobody but the server that did not answer", () => {
  assert.equal(verdict({}).code, "MP-1D");
  const server = { cookies: { kind: "partitioned", session: [], twins: false } };
  assert.equal(verdict({ server, framed: true }).code, "MP-0B");
});

test("docs/troubleshooting.md lists the codes, all of them and no other", () => {
  const text = readFileSync(new URL("../../../docs/troubleshooting.md", import.meta.url), "utf8");
  assert.deepEqual([...text.matchAll(/^\| `(MP-\w+)` \|/gm)].map(([, code]) => code), CODES);
});

test("the page names the code of a frame without scripts as it is", () => {
  const page = readFileSync(new URL("index.html", import.meta.url), "utf8");
  assert.match(page, /MP-3A/);
  assert.ok(page.includes(verdict(but({ opaque: true })).setting.replaceAll('"', "&quot;").split(",")[0]));
});

const framing = {
  "the origin is listed": [true, `frame-ancestors 'self' ${ERP}; script-src 'self'`],
  "it is not": [false, "frame-ancestors 'self' https://other.test"],
  "another scheme": [false, "frame-ancestors http://other.test"],
  "http covers https": [true, "frame-ancestors http://erp.test"],
  "another port": [false, "frame-ancestors https://erp.test:9443"],
  "any port": [true, "frame-ancestors https://erp.test:*"],
  "without a scheme, the page's own": [true, "frame-ancestors erp.test"],
  "a wildcard is for sub-domains only": [false, "frame-ancestors https://*.erp.test"],
  "everybody": [true, "frame-ancestors *"],
  "every https page": [true, "frame-ancestors https:"],
  "nobody": [false, "frame-ancestors 'none'"],
  "an empty list is nobody": [false, "frame-ancestors"],
  "two policies, one refuses": [false, `frame-ancestors ${ERP}, frame-ancestors 'self'`],
  "the first of two directives counts": [true, `Frame-Ancestors ${ERP}; frame-ancestors 'none'`],
  "a policy about something else": [true, "script-src 'self'"],
  "frame-ancestors overrules X-Frame-Options": [true, `frame-ancestors ${ERP}`, "SAMEORIGIN"],
  "X-Frame-Options alone": [false, "script-src 'self'", "SAMEORIGIN"],
  "X-Frame-Options DENY": [false, null, "deny"],
  "no header at all": [true, null],
};

for (const [name, [want, csp, xFrameOptions]] of Object.entries(framing)) {
  test(`framing: ${name}`, () => assert.equal(mayFrame({ csp, xFrameOptions }, [ERP], CHAT), want));
}

test("framing: every page around must be allowed", () => {
  assert.equal(mayFrame({ csp: `frame-ancestors 'self' ${ERP}` }, [CHAT, ERP], CHAT), true);
  assert.equal(mayFrame({ csp: `frame-ancestors 'self' ${ERP}` }, [ERP, "https://portal.test"], CHAT), false);
  assert.equal(mayFrame({ csp: "frame-ancestors 'none'" }, [], CHAT), null);
  assert.equal(mayFrame({ csp: "frame-ancestors *" }, ["null"], CHAT), false);
});
