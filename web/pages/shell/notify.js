// Which posts a person should be told of. Mattermost cannot show a notification
// of the system from within a frame of another origin (docs/webapp.md B6); the
// host page can, so it is told what Mattermost's web app would have shown.

import { CONFIG, ME, PREFERENCES, STATUS, TEAMS, displayName, isCollapsed, memberOf, parsed, userOf } from "./facts.js";

const EXCERPT = 160; // code points

const array = (text) => [parsed(text)].flat();

// word finds a word of a text, whatever characters it is made of.
const word = (text) => new RegExp(`(^|[^\\p{L}\\p{N}_@])${text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")}(?![\\p{L}\\p{N}_])`, "iu");

// called tells whether a text names the person, or everybody in the channel. A
// group message is a mention to everyone in it: who wants mentions only, there,
// means these words.
export function called(text, { username, first_name: first, notify_props: wish = {} }, member) {
  const words = [`@${username}`, ...(wish.mention_keys ?? "").split(",").map((key) => key.trim())];
  if (wish.first_name === "true") words.push(first);
  const ignore = member.notify_props?.ignore_channel_mentions ?? "default";
  if (ignore === "off" || (ignore === "default" && wish.channel !== "false")) words.push("@channel", "@all", "@here");
  return words.some((it) => it && word(it).test(text));
}

// level is what the person wants to hear of in a channel: all, mention or none.
function level(type, user, member) {
  const here = member.notify_props?.desktop ?? "default";
  const everywhere = user.notify_props?.desktop ?? "all";
  if (here !== "default") return here;
  return type === "G" && everywhere === "mention" ? "all" : everywhere;
}

// isNews tells whether a post is somebody else's words to a person who is in the
// channel, has not muted it and wants not to be left alone.
function isNews(post, user, member, status) {
  if (post.user_id === user.id && post.props?.from_webhook !== "true") return false;
  if (post.type?.startsWith("system_") && !(post.type === "system_add_to_channel" && post.props?.addedUserId === user.id)) return false;
  return member.notify_props?.mark_unread !== "mention" && !["dnd", "ooo"].includes(status.status);
}

// notifies decides as the web app does, in its actions/notification_actions.
export function notifies({ data, post, user, member, status, collapsed }) {
  if (!isNews(post, user, member, status)) return false;
  const follows = array(data.followers).includes(user.id);
  const wanted = level(data.channel_type, user, member);
  if (wanted === "none") return false;
  if (wanted === "all") return !(collapsed && post.root_id) || follows;
  if (data.channel_type === "G") return called(post.message, user, member);
  return data.channel_type === "D" || follows || array(data.mentions).includes(user.id);
}

// pathOf is where a post can be read, a target for the host's open().
export function pathOf({ channel_type: type, channel_name: channel }, team, author) {
  if (type === "D") return `/${team}/messages/@${author.username}`;
  return `/${team}/${type === "G" ? "messages" : "channels"}/${channel}`;
}

// excerpt is one line of a post as it was written. What would reorder or break
// the line of whoever shows it is left out.
export function excerpt(text) {
  const line = text.slice(0, 4 * EXCERPT).replace(/[\p{Cc}\s]+/gu, " ").replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "").trim();
  const points = [...line];
  return points.length > EXCERPT ? `${points.slice(0, EXCERPT - 1).join("").trimEnd()}…` : line;
}

// notifier takes heard(event) and tells onNotify what there is to show. team is
// the slug for what belongs to no team; onScreen answers the path that the person
// is looking at, if they are.
export function notifier({ know, team, onScreen, onNotify }) {
  let before = Promise.resolve(); // in the order in which they were written

  async function consider(data, looking) {
    const post = parsed(data.post);
    const [user, config, preferences] = await Promise.all([ME, CONFIG, PREFERENCES].map(know));
    if (post.user_id === user.id && !post.props?.from_webhook) return; // most of all posts: ask no more
    const [member, status, author, teams] = await Promise.all([memberOf(post.channel_id), STATUS, userOf(post.user_id), TEAMS].map(know));
    if (!notifies({ data, post, user, member, status, collapsed: isCollapsed(config, preferences) })) return;
    const target = pathOf(data, teams.find(({ id }) => id === data.team_id)?.name ?? team, author);
    if (looking === target) return;
    const posing = config.EnablePostUsernameOverride === "true" && post.props?.from_webhook === "true" && post.props.override_username;
    const sender = posing || displayName(author, config, preferences);
    onNotify({
      id: post.id, target, sender: excerpt(sender), text: excerpt(post.message),
      channel: excerpt(data.channel_type === "D" ? sender : data.channel_display_name),
      direct: data.channel_type === "D", mention: array(data.mentions).includes(user.id),
    });
  }

  return {
    heard({ event, data }) {
      if (event !== "posted") return;
      const looking = onScreen();
      before = before.then(() => consider(data, looking)).catch(() => {}); // a courtesy: the counts say it, too
    },
  };
}
