// <mattermost-chat>: matterpass.d.ts, docs/embed.md

const VERSION = 1;
const TRIES = 3;
const PATIENCE = 10_000; // ms

export const backoff = (attempt, retryAfter = 0) =>
  attempt < TRIES ? Math.max([300, 800][attempt - 1], retryAfter * 1000) : 0;

export const verdict = (status, answer) =>
  answer?.status === "ok" || answer?.status === "degraded"
    ? undefined
    : { code: status ? "upstream_unavailable" : "unreachable", status, detail: answer?.message ?? "", retryAfter: Number(answer?.retry_after) || 0 };

const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const STYLE = `
:host { display: block; position: relative; min-height: 20rem; color-scheme: light dark; color: CanvasText; background: Canvas; font: 1rem/1.5 system-ui }
:host([theme=light]) { color-scheme: light }
:host([theme=dark]) { color-scheme: dark }
:host([hidden]), [hidden] { display: none !important }
iframe, section { position: absolute; inset: 0; width: 100%; height: 100%; border: 0 }
section { z-index: 1; display: grid; place-content: center; justify-items: center; gap: 1rem; text-align: center; background: inherit }
section :not(b) { max-width: 20rem; font: inherit; overflow-wrap: anywhere }
`;

const EVENTS = ["ready", "signin", "signout", "navigate", "notification", "expired", "error"];
const FLAGS = ["lazy", "sandbox"];
const TEXTS = ["server", "email", "subject", "channel", "theme", "locale", "label"];

let ending; // a sign-out under way: it deletes cookies

export class MattermostChat extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = ["server", "email", "subject", "channel", "theme"];

  #credentials;
  #turn; // aborted when overtaken
  #frame;
  #nonce;
  #heard; // from the shell
  #target;
  #again; // signIn was called
  #leaving; // settles the sign-out asked of the shell
  #guard;
  #unread = { messages: 0, mentions: 0 };
  #card = make("section", { role: "status", tabIndex: -1 });

  constructor() {
    super();
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
    if (first && value && this.state === "error") this.reload();
  }

  get state() {
    return this.getAttribute("state");
  }

  get unread() {
    return this.#unread;
  }

  get #server() {
    return new URL(this.server || "/", import.meta.url).origin;
  }

  connectedCallback() {
    for (const [name, value] of Object.entries(this)) { // set before it was defined
      delete this[name];
      this[name] = value;
    }
    document.addEventListener("focusout", this);
    addEventListener("message", this);
    addEventListener("online", this);
    if (!this.lazy || this.#target) return this.reload();
    new IntersectionObserver(([entry], observer) => {
      if (this.state || !this.isConnected) observer.disconnect();
      else if (entry.isIntersecting) this.reload();
    }).observe(this);
  }

  disconnectedCallback() {
    document.removeEventListener("focusout", this);
    removeEventListener("message", this);
    removeEventListener("online", this);
    if (this.#leaving) this.#logout(this.#leaving.wish).then(this.#leaving.done);
    this.#leave();
    this.removeAttribute("state");
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || !this.state) return;
    if (name === "theme") this.#heard && this.#send(name, { theme: now });
    else if (name === "channel") now && this.open(now);
    else {
      this.#target = undefined;
      this.reload();
    }
  }

  // Chat takes the focus once it has loaded: give it back, once.
  handleEvent(event) {
    const { type, target } = event;
    if (type === "message") return this.#receive(event);
    if (type === "online") return this.state === "error" && !this.#heard && this.reload();
    setTimeout(() => {
      if (!(Date.now() < this.#guard) || this.shadowRoot.activeElement !== this.#frame || this.matches(":hover")) return;
      this.#guard = 0;
      target.focus();
    });
  }

  open(target) {
    this.#target = String(target);
    if (this.#heard) this.#send("open", { target: this.#target });
    else if (this.isConnected && !this.state) this.reload();
  }

  signIn() {
    this.#again = true;
    this.reload();
  }

  reload() {
    this.#start(1);
  }

  setTheme(theme) {
    this.theme = theme;
  }

  async signOut(options) {
    const wish = { everywhere: options?.everywhere === true };
    if (this.#leaving) return ending;
    if (this.#heard) return (ending = this.#ask(wish));
    this.#leave();
    if (await (ending = this.#logout(wish))) this.#fire("signout");
    else this.#fail(verdict(0), 0);
    if (this.state !== "error" && !this.#turn) this.#show("signed-out", make("button", { onclick: () => this.signIn() }, "Sign in to chat"));
  }

  // The shell signs out: it has the cookies, on every rung.
  #ask(wish) {
    this.#send("sign-out", wish);
    return new Promise((done) => {
      this.#leaving = { wish, done };
      setTimeout(done, PATIENCE);
    }).finally(() => (this.#leaving = undefined));
  }

  #logout(wish) {
    return fetch(`${this.#server}/api/mattermost/logout`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(wish),
      credentials: "include",
      keepalive: true,
    }).then(({ ok }) => ok, () => false);
  }

  #leave() {
    this.#turn?.abort();
    this.#turn = undefined;
    this.#drop();
  }

  #drop() {
    this.#frame?.remove();
    this.#frame = undefined;
    this.#heard = false;
    this.#count({ messages: 0, mentions: 0 });
  }

  async #start(attempt) {
    if (!this.isConnected) return;
    if (!this.#leaving) this.#leave();
    this.#turn?.abort();
    const { signal } = (this.#turn = new AbortController());
    this.#show("checking", "Checking chat…");
    await ending;
    if (signal.aborted) return;
    this.#drop();
    for (; !signal.aborted; attempt++) {
      const found = await this.#look(signal);
      if (signal.aborted) return;
      if (!found) return this.#embed(signal);
      const wait = backoff(attempt, found.retryAfter);
      if (!wait || wait > PATIENCE) return this.#fail(found, attempt);
      await new Promise((done) => setTimeout(done, wait));
    }
  }

  #look(signal) {
    return new Promise((done) => done(fetch(`${this.#server}/api/mattermost/health`, { signal: AbortSignal.any([AbortSignal.timeout(PATIENCE), signal]) }))).then(
      async (response) => verdict(response.status, await response.json().catch(() => {})),
      () => verdict(0),
    );
  }

  #embed(signal) {
    this.#nonce = String(crypto.getRandomValues(new Uint32Array(4)));
    const late = (ms) => setTimeout(() => signal.aborted || this.#heard || this.#fail(verdict(0), 1), ms);
    this.#frame = make("iframe", {
      title: this.label || "Chat",
      allow: "clipboard-read; clipboard-write; microphone; camera; display-capture; fullscreen; local-network-access",
      ...(this.sandbox && { sandbox: "allow-scripts allow-same-origin allow-forms allow-modals allow-downloads allow-popups allow-popups-to-escape-sandbox allow-storage-access-by-user-activation" }),
      referrerPolicy: "strict-origin",
      src: `${this.#server}/embed?widget=${VERSION}`,
      onload: () => {
        this.#heard = false; // it may be another load
        const { email, subject, theme, locale, label } = this;
        this.#send("hello", { email, subject, theme, locale, label, target: this.#target ?? this.channel, again: this.#again });
        late(PATIENCE);
      },
    });
    late(3 * PATIENCE);
    this.shadowRoot.prepend(this.#frame);
  }

  #send(type, members) {
    this.#frame?.contentWindow.postMessage({ nonce: this.#nonce, ...members, matterpass: VERSION, type }, this.#server);
  }

  #receive({ source, origin, data }) {
    if (!source || source !== this.#frame?.contentWindow || origin !== this.#server) return;
    if (data?.matterpass !== VERSION || data.nonce !== this.#nonce) return;
    if (data.type === "welcome") {
      this.#heard = true;
      this.#again = false;
      this.#card.hidden = true;
    } else if (this.#heard && Object.hasOwn(this.#told, data.type)) this.#told[data.type](data);
  }

  #told = {
    state: ({ state }) => {
      if (state === "opening") this.#guard = Infinity;
      if (state === "ready") this.#guard = Date.now() + PATIENCE;
      this.setAttribute("state", state);
      if (state === "error" || state === "signed-out") this.#leaving?.done();
    },
    event: ({ name, detail }) => EVENTS.includes(name) && this.#fire(name, detail),
    unread: ({ unread }) => this.#count(unread),
    credentials: (it) => this.#answer(it),
  };

  async #answer({ id, reason, nonce }) {
    this.#fire("tokenneeded", { reason });
    const source = this.#credentials;
    const credentials = await new Promise((done) => done(source.call ? source() : source)).then(structuredClone).catch(() => {});
    this.#send("credentials", { id, credentials, nonce });
  }

  #count(now) {
    const { messages, mentions } = this.#unread;
    if (now.messages !== messages || now.mentions !== mentions) this.#fire("unread", (this.#unread = now));
  }

  // The shell cannot say that it does not load.
  #fail(it, attempt) {
    const text = it.status ? "The chat server is not working at the moment." : "The chat server does not answer.";
    const last = attempt >= TRIES;
    this.#show(
      "error",
      make("b", {}, "Chat is not available"),
      make("span", { role: "alert" }, text, last ? " Reload this page, or ask your help desk." : " Chat is usually back within minutes."),
      make("button", { disabled: last, onclick: () => this.#start(attempt + 1) }, `Try again (${Math.min(attempt + 1, TRIES)} of ${TRIES})`),
      make("small", {}, it.detail),
    );
    this.#fire("error", { ...it, message: text });
  }

  #show(state, ...content) {
    const held = this.shadowRoot.activeElement;
    this.setAttribute("state", state);
    this.#card.hidden = false;
    this.#card.replaceChildren(...content);
    if (held) this.#card.focus();
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

for (const name of [...FLAGS, ...TEXTS]) {
  const isFlag = FLAGS.includes(name);
  Object.defineProperty(MattermostChat.prototype, name, {
    get() {
      return isFlag ? this.hasAttribute(name) : this.getAttribute(name) ?? "";
    },
    set(value) {
      if (isFlag || value == null) this.toggleAttribute(name, !!value);
      else this.setAttribute(name, value);
    },
  });
}

if (globalThis.customElements && !customElements.get("mattermost-chat")) customElements.define("mattermost-chat", MattermostChat);
