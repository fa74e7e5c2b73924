// What the shell knows of Mattermost: asked of its API once, and again when an
// event of the WebSocket says that it changed.

const api = "/api/v4";

export const ME = "/users/me";
export const STATUS = `${ME}/status`;
export const TEAMS = `${ME}/teams`;
export const PREFERENCES = `${ME}/preferences`;
export const CONFIG = "/config/client?format=old";
export const userOf = (id) => `/users/${id}`;
export const memberOf = (channel) => `/channels/${channel}/members/me`;

// get asks Mattermost, with this origin's session, and past the browser's cache: an
// ETag of a list is the millisecond of its last change, in which one more may come.
export async function get(path, signal) {
  const response = await fetch(api + path, { headers: { "X-Requested-With": "XMLHttpRequest" }, cache: "no-store", signal });
  if (!response.ok) throw Object.assign(new Error(path), { status: response.status });
  return response.json();
}

// stale are the paths whose answers an event makes old.
export function stale({ event, data = {} }) {
  switch (event) {
    case "preferences_changed":
    case "preferences_deleted":
      return [PREFERENCES];
    case "config_changed":
      return [CONFIG];
    case "status_change":
      return [STATUS];
    case "user_updated":
      return [ME, userOf(data.user?.id)];
    case "channel_member_updated":
      return [memberOf(parsed(data.channelMember).channel_id)];
    case "added_to_team":
    case "leave_team":
    case "update_team":
      return [TEAMS];
    default:
      return [];
  }
}

// parsed reads the JSON that Mattermost puts into JSON; nothing is an empty object.
export function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

// facts answers know(path) and takes heard(event). What could not be had is asked
// for again the next time.
export function facts(signal, ask = get) {
  const known = new Map();
  return {
    know(path) {
      if (!known.has(path)) {
        const answer = ask(path, signal);
        known.set(path, answer);
        answer.catch(() => known.get(path) === answer && known.delete(path));
      }
      return known.get(path);
    },
    heard(event) {
      for (const path of stale(event)) known.delete(path);
    },
  };
}

// setting of a person's own, undefined where they never chose.
const setting = (preferences, name) =>
  preferences.find((it) => it.category === "display_settings" && it.name === name)?.value;

// isCollapsed reads the server's setting and the person's own.
export function isCollapsed(config, preferences) {
  const server = config?.CollapsedThreads ?? "disabled";
  if (server === "always_on" || server === "disabled") return server === "always_on";
  const wish = setting(preferences, "collapsed_reply_threads");
  return wish ? wish === "on" : server === "default_on";
}

// displayName is how the person who looks wants to see others called.
export function displayName(user, config, preferences) {
  const wish = config.LockTeammateNameDisplay !== "true" && setting(preferences, "name_format");
  const format = wish || config.TeammateNameDisplay;
  const full = [user.first_name, user.last_name].filter(Boolean).join(" ");
  const shown = { nickname_full_name: user.nickname || full, full_name: full };
  return (Object.hasOwn(shown, format) && shown[format]) || user.username;
}
