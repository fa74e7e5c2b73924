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
 * Attributes, each with a property of the same name (`server`, `subject` and
 * `email` are watched: a change signs in anew, and the former person's frame is gone before
 * anything else happens):
 *
 * | attribute | meaning |
 * |---|---|
 * | `server` | Matterpass's origin; default: where this module came from |
 * | `subject` | who the host page says is signed in, as SHA-256 in hexadecimal of the `sub` in its assertions or tickets, or of the address in lower case: somebody else's chat session is ended first, and what they stored is cleared; credentials of somebody else open nothing. Without it and `email`, any session is taken |
 * | `email` | the same by the address in Mattermost, but credentials are not looked at; with both, `subject` decides |
 * | `channel` | what to show first, a target as for {@link MattermostChat.open}; a change opens it |
 * | `theme` | `light`, `dark`, or `auto` (default: as the system says) |
 * | `locale` | BCP 47; the language of the shell's cards: `en` (default) or `de` |
 * | `label` | the frame's title for assistive technology; default `Chat` |
 * | `lazy` | sign in only when the element comes into view |
 * | `sandbox` | keeps the frame from leading your page elsewhere (below); before the start |
 * | `state` | read only, for CSS and tests: see {@link MattermostChatState} |
 *
 * Elements of one browser share one session: one signs in, the others wait.
 *
 * The frame may use the clipboard, the microphone, the camera, the screen, full
 * screen and hosts of the local network, each when the person allows it. With
 * `sandbox` it keeps what Mattermost needs (scripts, its own origin, popups, forms,
 * modals, downloads, Storage Access) and loses what another origin alone does not
 * keep away: a click in it can no longer load another page in place of yours.
 *
 * The host's Content-Security-Policy needs Matterpass's origin in `script-src`,
 * `connect-src` and `frame-src`, and nothing for styles.
 */
export class MattermostChat extends HTMLElement {
  /**
   * How the person signs in: the credentials, or a function that is called
   * once per sign-in and only when there is no session. An assertion and a ticket
   * are good once, so they need the function. A property, never an
   * attribute: what is in the document can be read by everything in it.
   * Setting it for the first time signs in. Setting it again does nothing by
   * itself, so that a framework may hand in a new function at every render:
   * another person is announced by `subject` or `email`.
   */
  credentials: CredentialsSource | undefined;

  server: string;
  subject: string;
  email: string;
  channel: string;
  theme: string;
  locale: string;
  label: string;
  lazy: boolean;
  sandbox: boolean;

  /** What is unread, as last told; zero before it is known. */
  readonly unread: Unread;

  /** The attribute of that name; null before the start. */
  readonly state: MattermostChatState | null;

  /**
   * Shows a channel by its name (`orders`), a person's direct messages (`@dana`),
   * a post (`pl/` and its id), or such a path (`/erp/channels/orders`). Before
   * the chat is there the last call is remembered; a lazy element starts.
   */
  open(target: string): void;

  /** Starts over, with all tries; also after {@link signOut}. */
  signIn(): void;

  /** Loads the chat anew; a living session costs no sign-in. */
  reload(): void;

  /** Sets the `theme` attribute. */
  setTheme(theme: "light" | "dark" | "auto"): void;

  /**
   * Ends the Mattermost session, or all of the person's sessions; other elements and
   * tabs of the browser do not begin it anew. Settles in any case; success is the
   * `signout` event. It goes through also when the element
   * is removed right after the call.
   */
  signOut(options?: { everywhere?: boolean }): Promise<unknown>;

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

/** One of three: what your back end says of whoever is signed in there, or a password. */
export type Credentials = (
  | { /** An assertion (JWT), good for one sign-in: docs/backend.md. */ token: string }
  | { /** The ticket of a launch address: what follows its `#`. */ ticket: string }
  | { email: string; password: string }
) & {
  /** Six digits; without it the element asks for them where Mattermost does. */
  mfa_code?: string;
};

export type CredentialsSource = Credentials | (() => Credentials | Promise<Credentials>);

/** `error` includes a wait that is counted down; `mfa` asks for a code. */
export type MattermostChatState = "checking" | "signing-in" | "opening" | "ready" | "error" | "mfa" | "signed-out";

/** Posts and mentions of all teams, threads and direct messages. */
export interface Unread {
  messages: number;
  mentions: number;
}

/**
 * A post that Mattermost would show a notification for: by the person's own
 * settings, in a channel that is not muted, not one's own, and not in the channel
 * that the person is looking at. Its texts are plain, one line, at most 160
 * characters; they are other people's words: set them as text, never as markup.
 */
export interface ChatNotification {
  /** The post's; a `tag` for `new Notification()`, where several elements or tabs tell the same. */
  id: string;
  /** For {@link MattermostChat.open}. */
  target: string;
  /** The channel's name as people see it; in direct messages the sender's. */
  channel: string;
  /** Called as the person has chosen to see names. */
  sender: string;
  /** The post's beginning as it was written; empty where it is only files. */
  text: string;
  /** The post calls the person, by name or with everybody. */
  mention: boolean;
  direct: boolean;
}

/** What `GET /api/mattermost/session` answers. */
export interface Session {
  user: { id: string; username: string; email: string };
  team: string;
  /** What the frame shows. */
  url: string;
  /** RFC 3339, UTC; null where Mattermost does not say. */
  expires_at: string | null;
  /** What `subject` can be for this person; missing while that cannot be looked up. */
  subjects?: string[];
}

/** Why chat is not shown: the server's problem (RFC 9457) or the element's own. */
export interface ChatError {
  /**
   * The server's code, or `unreachable` (no answer within 10 s, or this page's
   * origin is not allowed: a browser cannot tell), `cookies_blocked`, `not_live`
   * (cookies were let in, but not to chat's live connection),
   * `credentials_missing` (none set, or the function failed, or what it answered
   * cannot be sent to a frame), `person_mismatch`
   * (they were of somebody else than `subject` says), `subject_invalid`
   * (it is no SHA-256 in hexadecimal), `session_expired`,
   * `not_provisioned` (no team).
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
  /** A session was ended: by `signOut()`, by the person, by another element or tab, or because it was somebody else's. */
  signout: CustomEvent<null>;
  /** The figures changed. */
  unread: CustomEvent<Unread>;
  /** Mattermost is at another path. */
  navigate: CustomEvent<{ path: string }>;
  /** There is something to tell the person: the page decides whether and how. */
  notification: CustomEvent<ChatNotification>;
  /** `credentials` are about to be asked for. */
  tokenneeded: CustomEvent<{ reason: "signed-out" | "expired" }>;
  /** The session ended and could not be renewed in silence. */
  expired: CustomEvent<null>;
  /** The element shows an error, or that loading takes long (`upstream_timeout`, and perhaps `ready` after it). */
  error: CustomEvent<ChatError>;
}

/**
 * Milliseconds to wait after a failed attempt (1, 2, …): 300, 800, or as long
 * as Retry-After (seconds) says; 0 when there is no further attempt.
 */
export function backoff(attempt: number, retryAfter?: number): number;

/** Why chat cannot be loaded, by the answer of `/api/mattermost/health`; undefined where it can. */
export function verdict(status: number, answer?: object): ChatError & { detail: string } | undefined;

declare global {
  interface HTMLElementTagNameMap {
    "mattermost-chat": MattermostChat;
  }
}

/* JSX (React 19; other frameworks alike), in a declaration file of the application.
   In place of the package the path of a copy of this file will do. Set `credentials` on
   the element itself, as examples/react.tsx does: of an element that is not defined yet
   React sets attributes alone.

import type { MattermostChat } from "matterpass-widget";

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "mattermost-chat": React.DetailedHTMLProps<React.HTMLAttributes<MattermostChat>, MattermostChat> & {
        server?: string;
        subject?: string;
        email?: string;
        channel?: string;
        locale?: string;
        theme?: "light" | "dark" | "auto";
        label?: string;
        lazy?: boolean;
        sandbox?: boolean;
      };
    }
  }
}
*/
