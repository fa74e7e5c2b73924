// The messages between the host page's element and this shell, version 1;
// docs/embed.md describes them. A message that is not exactly one of these, from
// exactly that window and origin, in exactly this conversation, does nothing.

export const VERSION = 1;

const text = (most) => (value) => typeof value === "string" && value.length <= most;
const flag = (value) => typeof value === "boolean";
const nonce = (value) => typeof value === "string" && /^[\d,]{7,64}$/.test(value);
const optional = (check) => (value) => value === undefined || value === null || check(value);

// isCredentials takes an assertion, a launch ticket or a password, and lets further
// members of the host's own object pass unread.
const isCredentials = (value) =>
  typeof value === "object" &&
  [value.email, value.mfa_code].every(optional(text(320))) &&
  (text(8192)(value.token) || text(64)(value.ticket) || (text(320)(value.email) && text(1024)(value.password)));

// What the host may say, and the members of each message.
export const FROM_HOST = {
  hello: { email: optional(text(320)), subject: optional(text(1024)), theme: optional(text(16)), locale: optional(text(35)), target: optional(text(512)), label: optional(text(120)), again: optional(flag) },
  credentials: { id: Number.isSafeInteger, credentials: optional(isCredentials) },
  open: { target: text(512) },
  theme: { theme: optional(text(16)) },
  "sign-out": { everywhere: optional(flag) },
};

// read is the message that an event carries, if it is one of FROM_HOST from the
// given window and one of the origins; its members are the described ones only.
export function read({ source, origin, data }, from, origins) {
  if (source !== from || !origins.includes(origin)) return undefined;
  if (typeof data !== "object" || data === null || data.matterpass !== VERSION) return undefined;
  if (typeof data.type !== "string" || !Object.hasOwn(FROM_HOST, data.type) || !nonce(data.nonce)) return undefined;
  const message = { type: data.type, nonce: data.nonce };
  for (const [name, check] of Object.entries(FROM_HOST[data.type])) {
    if (!check(data[name])) return undefined;
    message[name] = data[name] || undefined; // "" is not there
  }
  return message;
}

// converse listens to the page around this window. The first hello pins whom it
// is with: its origin and its nonce. act is told each message and the origin; the
// answer sends.
export function converse(scope, origins, act) {
  let peer;
  const send = (type, members) =>
    peer && scope.parent.postMessage({ ...members, matterpass: VERSION, type, nonce: peer.nonce }, peer.origin);
  scope.addEventListener("message", (event) => {
    const message = read(event, scope.parent, origins);
    if (!message || (message.type === "hello") !== !peer) return;
    if (!peer) {
      peer = { origin: event.origin, nonce: message.nonce };
      send("welcome");
    } else if (message.nonce !== peer.nonce || event.origin !== peer.origin) return;
    act(message, peer.origin);
  });
  return send;
}
