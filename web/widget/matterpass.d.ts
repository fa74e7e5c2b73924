/**
 * `<mattermost-chat>`: Mattermost in an iframe, signed in as the person whom
 * the host page has signed in. Importing the module defines the element, unless
 * the page has defined one of that name already.
 *
 * ```html
 * <script type="module" src="https://chat.example.com/widget/v1/matterpass.js"></script>
 * <mattermost-chat email="dana@example.com"></mattermost-chat>
 * ```
 *
 * Attributes (`server` and `email` are watched: a change signs in anew, and the
 * former person's frame is gone before anything else happens):
 *
 * | attribute | meaning |
 * |---|---|
 * | `server` | Matterpass's origin; default: where this module came from |
 * | `email` | who the host page says is signed in: somebody else's chat session is ended first. Without it, any session is taken |
 * | `theme` | `light`, `dark`, or `auto` (default: as the system says) |
 * | `label` | the frame's title for assistive technology; default `Chat` |
 * | `lazy` | sign in only when the element comes into view |
 * | `state` | read only, for CSS and tests: see {@link MattermostChatState} |
 *
 * Elements with the same `server` and `email` share one sign-in.
 *
 * The frame carries no `sandbox`: Mattermost needs scripts, its own origin,
 * popups, forms, modals and downloads, and a sandbox with all of them keeps
 * nothing away from the host page that another origin does not keep anyway.
 *
 * The host's Content-Security-Policy needs Matterpass's origin in `script-src`,
 * `connect-src` and `frame-src`, and nothing for styles.
 */
export class MattermostChat extends HTMLElement {
  /**
   * How the person signs in: the credentials, or a function that is called
   * once per sign-in and only when there is no session. A property, never an
   * attribute: what is in the document can be read by everything in it.
   * Setting it for the first time signs in. Setting it again does nothing by
   * itself, so that a framework may hand in a new function at every render:
   * another person is announced by `email`.
   */
  credentials: CredentialsSource | undefined;

  /** Starts over, with all tries; also after {@link signOut}. */
  signIn(): void;

  /** Loads the chat anew; a living session costs no sign-in. */
  reload(): void;

  /**
   * Ends the Mattermost session, or all of the person's sessions, and removes
   * the frame. Settles in any case; success is the `signout` event.
   */
  signOut(options?: { everywhere?: boolean }): Promise<void>;

  addEventListener<K extends keyof MattermostChatEventMap>(
    type: K,
    listener: (this: MattermostChat, event: MattermostChatEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof MattermostChatEventMap>(
    type: K,
    listener: (this: MattermostChat, event: MattermostChatEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | EventListenerOptions): void;
}

export interface Credentials {
  email: string;
  password: string;
  /** Six digits; without it the element asks for them where Mattermost does. */
  mfa_code?: string;
}

export type CredentialsSource = Credentials | (() => Credentials | Promise<Credentials>);

/** `error` includes a wait that is counted down; `mfa` asks for a code. */
export type MattermostChatState = "checking" | "signing-in" | "opening" | "ready" | "error" | "mfa" | "signed-out";

/** What `GET /api/mattermost/session` answers. */
export interface Session {
  user: { id: string; username: string; email: string };
  team: string;
  /** What the frame shows. */
  url: string;
  /** RFC 3339, UTC. */
  expires_at: string;
}

/** Why chat is not shown: the server's problem (RFC 9457) or the element's own. */
export interface ChatError {
  /**
   * The server's code, or `unreachable` (no answer within 10 s, or this page's
   * origin is not allowed: a browser cannot tell), `cookies_blocked`,
   * `credentials_missing` (none set, or the function failed).
   */
  code: string;
  /** The sentence that the element shows. */
  message: string;
  /** HTTP's, 0 without an answer. */
  status: number;
  /** Finds the request in the server's log. */
  requestId?: string;
  /** Seconds; 0 if the server did not say. */
  retryAfter: number;
}

/** All of them bubble and cross shadow roots. */
export interface MattermostChatEventMap extends Omit<HTMLElementEventMap, "error"> {
  /** The chat page has loaded. */
  ready: CustomEvent<Session>;
  /** A new session was made, on the element that made it. */
  signin: CustomEvent<Session>;
  /** A session was ended: by `signOut()`, or because it was somebody else's. */
  signout: CustomEvent<null>;
  /** The element shows an error. */
  error: CustomEvent<ChatError>;
}

/** Whether the same request may do better later; status 0 is "no answer". */
export function retriable(problem: { status: number }): boolean;

/**
 * Milliseconds to wait after a failed attempt (1, 2, …): 300, 800, or as long
 * as Retry-After (seconds) says; 0 when there is no further attempt.
 */
export function backoff(attempt: number, retryAfter?: number): number;

/** What happened and what to do, in words for the person. */
export function message(problem: { code: string; status: number }, last?: boolean): { text: string; advice: string };

/** An answer other than the one asked for, in one shape. */
export function problem(status: number, answer?: object | null, headers?: Headers): {
  code: string;
  status: number;
  retryAfter: number;
  [member: string]: unknown;
};

declare global {
  interface HTMLElementTagNameMap {
    "mattermost-chat": MattermostChat;
  }
}

/* JSX (React 19; other frameworks alike), in a declaration file of the application:

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "mattermost-chat": React.DetailedHTMLProps<React.HTMLAttributes<MattermostChat>, MattermostChat> & {
        server?: string;
        email?: string;
        theme?: "light" | "dark" | "auto";
        label?: string;
        lazy?: boolean;
        credentials?: CredentialsSource;
      };
    }
  }
}
*/
