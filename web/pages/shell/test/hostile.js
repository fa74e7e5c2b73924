// Messages that nobody should obey, made of a seed: the same ones in Node and in
// a browser. They are what structured cloning lets through, so getters and
// functions have become values before they arrive.

// random is mulberry32: small, and good enough to choose among odd things.
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const KEYS = ["type", "nonce", "matterpass", "email", "target", "theme", "locale", "label", "again", "everywhere", "id", "credentials", "name", "detail", "state", "unread", "reason",
  "__proto__", "constructor", "prototype", "toString", "valueOf", "then", "hasOwnProperty", "source", "origin", "data", "0", ""];

const TYPES = ["hello", "credentials", "open", "theme", "sign-out", "welcome", "state", "event", "unread", "signout", "__proto__", "constructor", "toString", "hasOwnProperty", "Hello", "open ", ""];

function cycle() {
  const it = { type: "hello", matterpass: 1 };
  it.it = it;
  return it;
}

const nested = (depth) => (depth ? [nested(depth - 1)] : "bottom");

const own = (key, value) => JSON.parse(JSON.stringify({ x: value }).replace('"x"', JSON.stringify(key)));

// Values that a check may stumble over.
const ODD = [
  () => undefined, () => null, () => NaN, () => -0, () => 1e309, () => 2 ** 53, () => 10n, () => true, () => "", () => "\u0000", () => "1", () => "1,2,3,4", () => "orders",
  () => "//evil.example/erp/channels/x", () => "javascript:alert(1)", () => "/api/v4/users/me", () => "<img src=x onerror=alert(1)>", () => "x".repeat(100_000), () => "\ud800",
  () => [], () => ["hello"], () => ({}), () => nested(200), () => cycle(), () => new Map([["type", "hello"]]), () => new Set([1]), () => new Date(NaN), () => /x/y, () => new ArrayBuffer(64),
  () => new Uint8Array(8), () => new Error("hello"), () => Object.assign([], { matterpass: 1, type: "hello" }), () => Object(1), () => Object("hello"), () => own("__proto__", { matterpass: 1, type: "hello" }),
  () => ({ get email() { return "a@b.c"; }, password: "p" }), () => ({ email: "a@b.c", password: {} }), () => ({ length: 3 }), () => ({ toString: 1 }),
];

// messages answers count of them: a true one with some of its members changed,
// dropped or added, or something else altogether. nonce is that of a running
// conversation, used now and then.
export function messages(seed, count, nonce = "1,2,3,4") {
  const next = random(seed);
  const any = (list) => list[Math.floor(next() * list.length)];
  const odd = () => any(ODD)();
  function message() {
    if (next() < 0.1) return odd();
    const it = { matterpass: 1, type: any(TYPES), nonce, email: "demo@erp.test", target: "orders", id: 1, credentials: { email: "a@b.c", password: "p" }, state: "error", name: "signout", unread: { messages: 99, mentions: 99 } };
    for (let changes = Math.floor(next() * 6); changes > 0; changes--) {
      const key = any(KEYS);
      if (next() < 0.2) delete it[key];
      else Object.defineProperty(it, key, { value: odd(), enumerable: true, configurable: true, writable: true });
    }
    return it;
  }
  return Array.from({ length: count }, message);
}
