// How much is unread: Mattermost's own figures, summed as its web app does
// (docs/webapp.md I4), and asked for again when an event says they changed.

import { CONFIG, PREFERENCES, get, isCollapsed } from "./facts.js";

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

async function figures(collapsed, signal) {
  const teams = await get(`/users/me/teams/unread${collapsed ? "?include_collapsed_threads=true" : ""}`, signal);
  if (!teams.length) return { messages: 0, mentions: 0 };
  const base = `/users/me/teams/${teams[0].team_id}/channels`; // channels without a team are in every team's list
  const [channels, members] = await Promise.all([get(base, signal), get(`${base}/members`, signal)]);
  return count({ teams, channels, members, collapsed });
}

const SETTLE = 150; // ms in which events are taken together

// counter tells onChange the figures after soon() and whenever an event that it
// heard has changed them, until signal aborts. onExpired is told that the
// session is gone.
export function counter({ signal, know, onChange, onExpired }) {
  let last = "";
  let timer;
  let busy = false;
  let again = false;

  async function recount() {
    timer = undefined;
    if (busy) return void (again = true);
    busy = true;
    try {
      const now = await figures(isCollapsed(await know(CONFIG), await know(PREFERENCES)), signal);
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

  return { soon, heard: ({ event }) => changes(event) && soon() };
}
