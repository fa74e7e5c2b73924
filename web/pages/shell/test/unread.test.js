import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { get, isCollapsed } from "../facts.js";
import { changes, count } from "../unread.js";
import { judge, missing, pathOf, wanted } from "../frame.js";

const recorded = (name) => JSON.parse(readFileSync(new URL(`../../../../internal/simulator/testdata/transcripts/${name}.json`, import.meta.url))).response.body;

test("the sum is what the recorded server says, and its direct messages", () => {
  const teams = recorded("unread-teams-after");
  const [channels, members] = [recorded("channels-of-me"), recorded("channel-members-of-me")];
  const direct = channels.filter((channel) => channel.team_id === "");
  assert.ok(direct.length > 0, "the recording holds no direct message: nothing is tested");
  const of = (channel) => members.find((member) => member.channel_id === channel.id);
  const texts = direct.reduce((sum, channel) => sum + channel.total_msg_count - of(channel).msg_count, 0);
  const calls = direct.reduce((sum, channel) => sum + of(channel).mention_count, 0);
  assert.deepEqual(count({ teams, channels, members, collapsed: false }), { messages: 5 + texts, mentions: 3 + calls });
});

const team = { msg_count: 5, msg_count_root: 4, mention_count: 3, mention_count_root: 2, thread_count: 10, thread_mention_count: 20 };

test("with collapsed threads roots and threads count, otherwise every post", () => {
  assert.deepEqual(count({ teams: [team], channels: [], members: [], collapsed: false }), { messages: 5, mentions: 3 });
  assert.deepEqual(count({ teams: [team], channels: [], members: [], collapsed: true }), { messages: 14, mentions: 22 });
});

test("several teams add up; their channels are not counted twice", () => {
  const channels = [{ id: "c", team_id: "t", total_msg_count: 100 }, { id: "d", team_id: "", total_msg_count: 7 }];
  const members = [{ channel_id: "c", msg_count: 0, mention_count: 9 }, { channel_id: "d", msg_count: 4, mention_count: 3 }];
  assert.deepEqual(count({ teams: [team, team], channels, members, collapsed: false }), { messages: 13, mentions: 9 });
});

test("a muted conversation counts by its mentions, one that was left or deleted not at all", () => {
  const channels = [{ id: "m", team_id: "", total_msg_count: 7 }, { id: "x", team_id: "", total_msg_count: 7 }, { id: "g", team_id: "", total_msg_count: 7, delete_at: 1 }];
  const members = [{ channel_id: "m", msg_count: 4, mention_count: 1, notify_props: { mark_unread: "mention" } }, { channel_id: "g", msg_count: 0, mention_count: 7 }];
  assert.deepEqual(count({ teams: [], channels, members, collapsed: false }), { messages: 0, mentions: 1 });
});

test("the server decides on collapsed threads where it does, the person where they may", () => {
  const wish = (value) => [{ category: "display_settings", name: "collapsed_reply_threads", value }];
  for (const [setting, preferences, want] of [
    ["always_on", wish("off"), true], ["disabled", wish("on"), false], [undefined, wish("on"), false],
    ["default_on", [], true], ["default_on", wish("off"), false], ["default_off", [], false], ["default_off", wish("on"), true],
  ]) assert.equal(isCollapsed({ CollapsedThreads: setting }, preferences), want, `${setting} ${JSON.stringify(preferences)}`);
});

test("figures are asked for past the browser's cache", async (t) => {
  const asked = t.mock.method(globalThis, "fetch", async () => ({ ok: true, json: async () => [] }));
  await get("/users/me/teams/t/channels");
  assert.equal(asked.mock.calls[0].arguments[1].cache, "no-store");
});

test("only events that can change the figures ask for them", () => {
  for (const event of ["hello", "posted", "post_unread", "multiple_channels_viewed", "thread_updated", "thread_read_changed", "direct_added"]) assert.ok(changes(event), event);
  for (const event of ["typing", "status_change", "reaction_added", "", undefined, "posted_twice"]) assert.ok(!changes(event), event);
});

test("a target is a channel, a person, a post, or such a path; nothing else leads anywhere", () => {
  const post = "abcdefghijklmnopqrstuvwxyz";
  for (const [target, want] of Object.entries({ orders: "/erp/channels/orders", "@dana": "/erp/messages/@dana", [`pl/${post}`]: `/erp/pl/${post}`, [`/other/pl/${post}`]: `/other/pl/${post}`, "/erp/threads": "/erp/threads" })) {
    assert.equal(pathOf(target, "erp"), want);
  }
  for (const target of ["", "//evil.example/channels/x", "https://evil.example", "javascript:alert(1)", "/api/v4/users/me", "/erp/channels/../../api", "/_redirect/pl/x", "a b", "@", "pl/short", "Orders"]) {
    assert.equal(pathOf(target, "erp"), undefined, target);
  }
  assert.equal(pathOf("orders", ""), undefined, "without a team there is no path");
});

test("the addresses of the web app say what happened", () => {
  assert.deepEqual(["/login", "/", "/select_team", "/erp/channels/x"].map((path) => judge(path)), ["left", "root", "denied", "page"]);
  assert.equal(judge("/error", "?type=team_not_found"), "denied");
  assert.equal(judge("/error", "?type=channel_not_found"), "page");
});

test("only the preferences that differ are set", () => {
  assert.equal(missing("u", []).length, 4);
  assert.deepEqual(missing("u", wanted("u")), []);
  assert.deepEqual(missing("u", wanted("u").map((it) => (it.name === "hide" ? { ...it, value: "false" } : it))), [wanted("u")[2]]);
});
