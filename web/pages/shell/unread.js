// How much is unread: Mattermost's own figures, summed as its web app does
// (docs/webapp.md I4), and asked for again when an event says they changed.

const api = "/api/v4";

// count sums up. With collapsed threads the root figures and the threads count,
// otherwise every post. Direct and group messages belong to no team, so
// teams/unread leaves them out. A muted channel counts by its mentions only.
export function count({ teams, channels, members, collapsed }) {
  const root = collapsed ? "_root" : "";
  let messages = 0;
  let mentions = 0;
  for (const team of teams) {
    messages += team[`msg_count${root}`] + (collapsed ? team.thread_count : 0);
    mentions += team[`mention_count${root}`] + (collapsed ? team.thread_mention_count : 0);
  }
  const mine = new Map(members.map((member) => [member.channel_id, member]));
  for (const channel of channels) {
    const member = mine.get(channel.id);
    if (channel.team_id || channel.delete_at || !member) continue;
    mentions += member[`mention_count${root}`];
    if (member.notify_props?.mark_unread !== "mention") {
      messages += Math.max(0, channel[`total_msg_count${root}`] - member[`msg_count${root}`]);
    }
  }
  return { messages, mentions };
}

// changes tells whether an event of the WebSocket may have changed the figures.
export const changes = (event) =>
  /^(hello|posted|post_unread|post_deleted|multiple_channels_viewed|channel_viewed|channel_deleted|thread_\w+|preferences_changed|user_added|user_removed|direct_added|group_added|leave_team)$/.test(event ?? "");

// isCollapsed reads the server's setting and the person's own.
export function isCollapsed(config, preferences) {
  const setting = config?.CollapsedThreads ?? "disabled";
  if (setting === "always_on" || setting === "disabled") return setting === "always_on";
  const wish = preferences.find(({ category, name }) => category === "display_settings" && name === "collapsed_reply_threads");
  return wish ? wish.value === "on" : setting === "default_on";
}

async function get(path, signal) {
  const response = await fetch(api + path, { headers: { "X-Requested-With": "XMLHttpRequest" }, signal });
  if (!response.ok) throw Object.assign(new Error(path), { status: response.status });
  return response.json();
}

async function figures(collapsed, signal) {
  const teams = await get(`/users/me/teams/unread${collapsed ? "?include_collapsed_threads=true" : ""}`, signal);
  if (!teams.length) return { messages: 0, mentions: 0 };
  const base = `/users/me/teams/${teams[0].team_id}/channels`; // channels without a team are in every team's list
  const [channels, members] = await Promise.all([get(base, signal), get(`${base}/members`, signal)]);
  return count({ teams, channels, members, collapsed });
}

const SETTLE = 150; // ms in which events are taken together
const GREETING = 5000; // ms for the server's hello, which a bad session never gets (docs/mattermost.md G1)

// follow tells onChange the figures, now and whenever they change, until signal
// aborts. onExpired is told once that the session is gone.
export function follow({ signal, onChange, onExpired }) {
  let last = "";
  let timer;
  let busy = false;
  let again = false;
  let collapsed;
  let wait = 500;

  async function recount() {
    timer = undefined;
    if (busy) return void (again = true);
    busy = true;
    try {
      collapsed ??= isCollapsed(await get("/config/client?format=old", signal), await get("/users/me/preferences", signal));
      const now = await figures(collapsed, signal);
      if (JSON.stringify(now) !== last && !signal.aborted) onChange(now);
      last = JSON.stringify(now);
    } catch (error) {
      if (error.status === 401 && !signal.aborted) onExpired();
    } finally {
      busy = false;
      if (again) soon();
      again = false;
    }
  }

  function soon() {
    if (!signal.aborted) timer ??= setTimeout(recount, SETTLE);
  }

  function connect() {
    if (signal.aborted) return;
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}${api}/websocket`);
    const stop = () => socket.close();
    const hang = setTimeout(() => (soon(), stop()), GREETING);
    signal.addEventListener("abort", stop, { once: true });
    socket.onmessage = ({ data }) => {
      const { event } = JSON.parse(data);
      if (event === "hello") {
        wait = 500;
        clearTimeout(hang);
      }
      if (event === "preferences_changed") collapsed = undefined;
      if (changes(event)) soon();
    };
    socket.onclose = () => {
      clearTimeout(hang);
      signal.removeEventListener("abort", stop);
      setTimeout(connect, wait * (0.75 + Math.random() / 2)); // not everybody at once
      wait = Math.min(wait * 2, 30_000);
    };
  }

  connect();
  soon();
}
