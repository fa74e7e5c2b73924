// <mattermost-chat>: Mattermost in an iframe, signed in as the host page's user.
// The manual is matterpass.d.ts. Credentials are neither stored nor logged.

const TRIES = 3;
const PATIENCE = 10_000; // ms for a request; a longer pause is counted down

const TEXT = {
  checking: "Checking chat…",
  "signing-in": "Signing in…",
  opening: "Opening chat…",
  login_refused: "Your e-mail or password was not accepted.",
  rate_limited: "There were too many sign-ins.",
  unreachable: "The chat server does not answer.",
  cookies_blocked: "Your browser blocks chat's cookies here. Allow them, or open chat in a new tab.",
  credentials_missing: "This page did not say who you are.",
};

export const retriable = ({ status }) => [0, 429, 502, 503, 504].includes(status);

export const backoff = (attempt, retryAfter = 0) =>
  attempt < TRIES ? Math.max([300, 800][attempt - 1], retryAfter * 1000) : 0;

export const message = (problem, last) => ({
  text: TEXT[problem.code] ?? "The chat server is not working at the moment.",
  advice: retriable(problem) && !last ? "Chat is usually back within minutes." : "Reload this page, or ask your help desk.",
});

// One shape for RFC 9457, health, a proxy's page and silence.
export const problem = (status, answer, headers) => ({
  code: "upstream_unavailable",
  ...answer,
  status,
  retryAfter: Number(headers?.get("Retry-After") ?? answer?.retry_after) || 0,
});

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function call(server, signal, path, body) {
  const response = await fetch(`${server}/api/mattermost/${path}`, {
    method: body && "POST",
    headers: body && { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
    credentials: "include",
    signal: AbortSignal.any([AbortSignal.timeout(PATIENCE), signal]),
  }).catch(() => {
    throw problem(0, { code: "unreachable" });
  });
  if (response.status === 401 && !body) return; // nobody is signed in
  const answer = await response.json().catch(() => response.status === 204);
  if (response.ok && answer) return answer;
  throw problem(response.ok ? 502 : response.status, answer, response.headers);
}

const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const STYLE = `
:host { display: block; position: relative; min-height: 20rem; color-scheme: light dark; color: CanvasText; background: Canvas; font: 1rem/1.5 system-ui }
:host([theme=light]) { color-scheme: light }
:host([theme=dark]) { color-scheme: dark }
:host([hidden]), :host([state=ready]) section { display: none }
iframe, section { position: absolute; inset: 0; width: 100%; height: 100%; border: 0 }
section, form { display: grid; place-content: center; justify-items: center; gap: 1rem; text-align: center; background: inherit }
section * { max-width: 20rem; overflow-wrap: anywhere }
button, input { padding: 0.5rem 1rem; border: 1px solid; border-radius: 0.5rem; font: inherit }
button { color: #fff; background: #1c58d9 }
button:disabled { color: inherit; background: #8884 }
i { width: 1rem; height: 1rem; border: 0.25rem solid #8884; border-top-color: CanvasText; border-radius: 50% }
@media (prefers-reduced-motion: no-preference) { i { animation: spin 1s linear infinite } }
@keyframes spin { to { rotate: 1turn } }
`;

const walks = new Map(); // by server and e-mail, for all elements
let ending; // a sign-out under way: its answer would delete the next session's cookies

export class MattermostChat extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = ["server", "email"];

  #credentials;
  #turn; // aborted when overtaken
  #frame;
  #guard;
  #card = make("section", { role: "status", tabIndex: -1 });

  constructor() {
    super();
    const { credentials } = this; // set before the element was defined
    delete this.credentials;
    this.#credentials = credentials;
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    this.attachShadow({ mode: "open" }).append(this.#card);
    this.shadowRoot.adoptedStyleSheets = [style];
  }

  get credentials() {
    return this.#credentials;
  }

  set credentials(value) {
    const first = !this.#credentials;
    this.#credentials = value;
    if (first) this.attributeChangedCallback();
  }

  get #server() {
    return new URL(this.getAttribute("server") ?? "/", import.meta.url).origin;
  }

  connectedCallback() {
    document.addEventListener("focusout", this);
    if (!this.hasAttribute("lazy")) return this.signIn();
    new IntersectionObserver(([entry], observer) => {
      if (!entry.isIntersecting) return;
      observer.disconnect();
      this.signIn();
    }).observe(this);
  }

  disconnectedCallback() {
    document.removeEventListener("focusout", this);
    this.#leave();
    this.removeAttribute("state");
  }

  attributeChangedCallback() {
    if (this.hasAttribute("state")) this.signIn();
  }

  // The chat page takes the focus when loaded: give it back, once.
  handleEvent({ target }) {
    setTimeout(() => {
      if (Date.now() > this.#guard || this.shadowRoot.activeElement !== this.#frame) return;
      this.#guard = 0;
      target.focus();
    });
  }

  signIn() {
    this.#start(1);
  }

  reload() {
    this.#start(1);
  }

  async signOut(options) {
    this.#leave();
    ending = call(this.#server, AbortSignal.timeout(PATIENCE), "logout", { ...options });
    try {
      await ending;
      this.#fire("signout");
      if (!this.#turn) this.#show("signed-out", make("button", { onclick: () => this.signIn() }, "Sign in to chat"));
    } catch (error) {
      this.#fail(error, 0);
    }
  }

  #leave() {
    this.#turn?.abort();
    this.#turn = undefined;
    this.#frame?.remove();
  }

  async #start(attempt, code) {
    this.#leave();
    const { signal } = (this.#turn = new AbortController());
    for (; !signal.aborted; attempt++) {
      this.#progress("checking");
      try {
        const session = await this.#share(signal, code);
        return signal.aborted || this.#open(session);
      } catch (error) {
        if (signal.aborted) return;
        let left = retriable(error) && backoff(attempt, error.retryAfter);
        const button = (!left || left > PATIENCE) && this.#fail(error, attempt);
        if (!left) return;
        for (; left > 0 && !signal.aborted; left -= 1000) {
          if (button) Object.assign(button, { disabled: true, ariaLive: "off", textContent: `Trying again in ${left / 1000} seconds` });
          await sleep(Math.min(left, 1000));
        }
      }
    }
  }

  #share(signal, code) {
    const email = this.getAttribute("email")?.toLowerCase();
    const key = `${this.#server} ${email}`;
    let walk = walks.get(key);
    if (!walk || walk.over || walk.signal.aborted) {
      walk = { signal, session: this.#walk(email, code, call.bind(null, this.#server, signal)).finally(() => (walk.over = true)) };
      walks.set(key, walk);
    }
    return walk.session;
  }

  async #walk(email, code, call) {
    await ending?.catch(() => {});
    const health = await call("health");
    if (health.status === "down") throw problem(503, health);
    const found = await call("session");
    if (found && email && email !== found.user.email.toLowerCase()) {
      await call("logout", {});
      this.#fire("signout");
    } else if (found) return found;
    this.#progress("signing-in");
    const source = this.#credentials;
    const given = await new Promise((done) => done(source.call ? source() : source)).catch(() => {});
    if (!given) throw problem(401, { code: "credentials_missing" });
    const session = await call("login", { email: given.email, password: given.password, mfa_code: code ?? given.mfa_code });
    await sleep(300); // between setting the cookies and their first use
    const kept = await call("session");
    if (kept?.user.id !== session.user.id) throw problem(401, { code: "cookies_blocked", url: session.url });
    this.#fire("signin", session);
    return session;
  }

  #open(session) {
    this.#progress("opening");
    this.#guard = Infinity;
    this.#frame = make("iframe", {
      title: this.getAttribute("label") ?? "Chat",
      allow: "clipboard-read; clipboard-write; microphone; camera; display-capture; fullscreen; local-network-access",
      referrerPolicy: "strict-origin",
      src: session.url,
      onload: () => {
        this.#frame.onload = null;
        this.#guard = Date.now() + PATIENCE;
        this.#show("ready");
        this.#fire("ready", session);
      },
    });
    this.shadowRoot.prepend(this.#frame);
  }

  #fail(it, attempt) {
    if (it.code === "mfa_required") return this.#ask(it);
    const last = attempt >= TRIES;
    const { text, advice } = message(it, last);
    const button = make("button", { disabled: last, onclick: () => this.#start(attempt + 1) }, `Try again (${Math.min(attempt + 1, TRIES)} of ${TRIES})`);
    this.#show(
      "error",
      make("b", {}, "Chat is not available"),
      make("span", { role: "alert" }, text, " ", advice),
      button,
      make("a", { href: it.url, target: "_blank", hidden: !it.url }, "Open chat in a new tab"),
      make("small", {}, [it.detail ?? it.message, it.request_id && "Reference " + it.request_id].join(" ")),
    );
    this.#fire("error", { ...it, message: text, requestId: it.request_id });
    return button;
  }

  #ask({ detail }) {
    const code = make("input", { inputMode: "numeric", autocomplete: "one-time-code", required: true });
    const onsubmit = (event) => {
      event.preventDefault();
      this.#start(1, code.value);
    };
    this.#show("mfa", make("form", { onsubmit }, make("label", {}, "Code of your authenticator", code), make("button", {}, "Sign in")), make("small", {}, detail));
  }

  #progress(state) {
    this.#show(state, make("i"), TEXT[state]);
  }

  #show(state, ...content) {
    const held = this.shadowRoot.activeElement;
    this.setAttribute("state", state);
    this.#card.replaceChildren(...content);
    if (held) this.#card.focus();
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

if (globalThis.customElements && !customElements.get("mattermost-chat")) customElements.define("mattermost-chat", MattermostChat);
