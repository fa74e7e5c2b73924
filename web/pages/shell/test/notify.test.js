import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { displayName, facts, stale } from "../facts.js";
import { pathOf as open } from "../frame.js";
import { called, excerpt, notifier, notifies, pathOf } from "../notify.js";

const recorded = JSON.parse(readFileSync(new URL("../../../../internal/simulator/testdata/transcripts/ws-session-of-events.json", import.meta.url)));
const posted = recorded.frames.map(([, frame]) => frame).filter(({ event }) => event === "posted");

const ALICE = { id: "alice", username: "alice", first_name: "Alice", notify_props: { desktop: "mention", mention_keys: "alice,@alice", channel: "true", first_name: "false" } };

// situation is a post of Bob's that calls nobody in an open channel, or a change of it.
const situation = (change = {}) => ({
  data: { channel_type: "O", ...change.data },
  post: { user_id: "bob", message: "hello", type: "", props: {}, root_id: "", ...change.post },
  user: { ...ALICE, notify_props: { ...ALICE.notify_props, ...change.wish } },
  member: { notify_props: { desktop: "default", mark_unread: "all", ignore_channel_mentions: "default", ...change.here } },
  status: { status: change.status ?? "online" },
  collapsed: change.collapsed ?? false,
});

const me = { mentions: '["alice"]' };

for (const [promise, change, want] of [
  ["a mention is news", { data: me }, true],
  ["any other post is not, by default", {}, false],
  ["somebody else's mention is not", { data: { mentions: '["carol"]' } }, false],
  ["a direct message is", { data: { channel_type: "D" } }, true],
  ["every post is, to whom wants all", { wish: { desktop: "all" } }, true],
  ["nothing is, to whom wants none", { data: me, wish: { desktop: "none" } }, false],
  ["the channel's setting wins: none", { data: me, here: { desktop: "none" } }, false],
  ["the channel's setting wins: all", { here: { desktop: "all" } }, true],
  ["the channel's setting wins: mention", { wish: { desktop: "all" }, here: { desktop: "mention" } }, false],
  ["a muted channel is silent", { data: me, here: { mark_unread: "mention" } }, false],
  ["who must not be disturbed is not", { data: me, status: "dnd" }, false],
  ["who is out of office is not", { data: me, status: "ooo" }, false],
  ["one's own post is not", { post: { user_id: "alice" }, wish: { desktop: "all" } }, false],
  ["one's own webhook is", { post: { user_id: "alice", props: { from_webhook: "true" } }, wish: { desktop: "all" } }, true],
  ["what the server says is not", { post: { type: "system_join_channel" }, wish: { desktop: "all" } }, false],
  ["being added to a channel is", { data: me, post: { type: "system_add_to_channel", props: { addedUserId: "alice" } } }, true],
  ["somebody else's being added is not", { wish: { desktop: "all" }, post: { type: "system_add_to_channel", props: { addedUserId: "carol" } } }, false],
  ["a reply in a thread that one follows is", { data: { followers: '["alice"]' }, post: { root_id: "r" } }, true],
  ["with collapsed threads, a reply elsewhere is not, even to whom wants all", { collapsed: true, wish: { desktop: "all" }, post: { root_id: "r" } }, false],
  ["a group message is, by default", { data: { channel_type: "G" } }, true],
  ["where a group is set to mentions, only the own name is: not", { data: { channel_type: "G", ...me }, here: { desktop: "mention" } }, false],
  ["where a group is set to mentions, only the own name is: is", { data: { channel_type: "G", ...me }, here: { desktop: "mention" }, post: { message: "see @alice." } }, true],
  ["mentions that are no JSON are none", { data: { mentions: "[alice" } }, false],
]) test(promise, () => assert.equal(notifies(situation(change)), want));

test("the recorded server's words are understood", () => {
  const told = posted.map(({ data }) => notifies({ ...situation(), data, post: JSON.parse(data.post), user: { ...ALICE, id: "{{user:alice}}" } }));
  assert.ok(told.length > 3);
  assert.deepEqual(told.slice(0, 3), [true, false, true]); // called, not called, replied to
  assert.equal(told[posted.findIndex(({ data }) => data.channel_type === "D")], true);
});

test("words that call somebody are whole words", () => {
  const member = {};
  for (const text of ["@alice?", "hi @Alice", "alice", "@channel now", "@all"]) assert.ok(called(text, ALICE, member), text);
  for (const text of ["x@alice.example", "@alicent", "malice", "@channels", ""]) assert.ok(!called(text, ALICE, member), text);
  assert.ok(!called("@here", ALICE, { notify_props: { ignore_channel_mentions: "on" } }));
  assert.ok(called("is 5.0+ (beta) out", { ...ALICE, notify_props: { mention_keys: "5.0+ (beta)" } }, member));
  assert.ok(called("Älice!", { ...ALICE, first_name: "Älice", notify_props: { first_name: "true" } }, member));
});

test("a target leads where the post is", () => {
  for (const [data, want] of [
    [{ channel_type: "O", channel_name: "orders" }, "/erp/channels/orders"],
    [{ channel_type: "P", channel_name: "board" }, "/erp/channels/board"],
    [{ channel_type: "D", channel_name: "a__b" }, "/erp/messages/@bob"],
    [{ channel_type: "G", channel_name: "f".repeat(40) }, `/erp/messages/${"f".repeat(40)}`],
  ]) {
    assert.equal(pathOf(data, "erp", { username: "bob" }), want);
    assert.equal(open(want, "erp"), want, "the shell opens it");
  }
});

test("an excerpt is one plain line of at most 160 characters", () => {
  assert.equal(excerpt("  a\n\n\tb\u0000c  "), "a b c");
  assert.equal(excerpt("evil\u202egnp.exe\u2066"), "evilgnp.exe");
  assert.equal([...excerpt("😀".repeat(1000))].length, 160);
  assert.equal([...excerpt("x".repeat(1e6))].length, 160);
  assert.equal(excerpt("👩‍👩‍👧"), "👩‍👩‍👧");
  assert.equal(excerpt(""), "");
});

test("people are called as the person wants it, where the server lets them", () => {
  const bob = { username: "bob", first_name: "Bob", last_name: "Builder", nickname: "Bobby" };
  const wish = (value) => [{ category: "display_settings", name: "name_format", value }];
  for (const [config, preferences, want] of [
    [{}, [], "bob"], [{ TeammateNameDisplay: "full_name" }, [], "Bob Builder"], [{ TeammateNameDisplay: "full_name" }, wish("username"), "bob"],
    [{ TeammateNameDisplay: "username" }, wish("nickname_full_name"), "Bobby"], [{ TeammateNameDisplay: "constructor" }, [], "bob"],
    [{ TeammateNameDisplay: "username", LockTeammateNameDisplay: "true" }, wish("full_name"), "bob"],
  ]) assert.equal(displayName(bob, config, preferences), want);
  assert.equal(displayName({ username: "ann" }, { TeammateNameDisplay: "full_name" }, []), "ann");
});

// world answers the notifier's questions and records what it tells.
function world(change = {}, looking = false) {
  const told = [];
  const asked = [];
  const it = situation(change);
  const answers = {
    "/users/me": it.user, "/config/client?format=old": { TeammateNameDisplay: "full_name" }, "/users/me/preferences": [], "/users/me/status": it.status,
    "/users/me/teams": [{ id: "t1", name: "erp" }, { id: "t2", name: "lab" }], "/channels/c/members/me": it.member, "/users/bob": { username: "bob", first_name: "Bob", last_name: "Builder" },
  };
  const know = async (path) => (asked.push(path), answers[path] ?? Promise.reject(new Error(path)));
  const { heard } = notifier({ know, team: "erp", onScreen: () => looking, onNotify: (detail) => told.push(detail) });
  const say = async (data) => {
    heard({ event: "posted", data: { channel_type: "O", channel_name: "orders", channel_display_name: "Orders", team_id: "t1", ...me, ...data, post: JSON.stringify({ ...it.post, id: "p", channel_id: "c", ...data?.post }) } });
    await new Promise((done) => setTimeout(done, 5));
  };
  return { told, asked, say, heard };
}

test("the host is told who wrote what, and where it can be read", async () => {
  const { told, say } = world();
  await say();
  assert.deepEqual(told, [{ id: "p", target: "/erp/channels/orders", sender: "Bob Builder", channel: "Orders", text: "hello", direct: false, mention: true }]);
  await say({ team_id: "t2" });
  assert.equal(told[1].target, "/lab/channels/orders");
  await say({ team_id: "", channel_type: "D", channel_name: "alice__bob", channel_display_name: "@bob" });
  assert.deepEqual(told[2], { id: "p", target: "/erp/messages/@bob", sender: "Bob Builder", channel: "Bob Builder", text: "hello", direct: true, mention: true });
});

test("what the person is looking at is not told, the next channel is", async () => {
  const { told, say } = world({}, "/erp/channels/orders");
  await say();
  assert.deepEqual(told, []);
  await say({ channel_name: "warehouse" });
  assert.equal(told.length, 1);
});

test("one's own posts cost no question about the channel", async () => {
  const { told, asked, say } = world();
  await say({ post: { user_id: "alice" } });
  assert.deepEqual([told, asked.some((path) => path.startsWith("/channels"))], [[], false]);
});

test("nonsense, and questions that go unanswered, tell nothing and block nothing", async () => {
  const { told, say, heard } = world();
  for (const data of [{}, { post: "{" }, { post: "null" }, { post: "[]" }]) heard({ event: "posted", data });
  heard({ event: "typing" });
  await say({ post: { user_id: "nobody" } });
  assert.deepEqual(told, []);
  await say();
  assert.equal(told.length, 1);
});

test("facts are asked for once, and again after an event or a failure", async () => {
  let asked = 0;
  const { know, heard } = facts(undefined, async () => (asked++ === 0 ? Promise.reject(new Error()) : asked));
  await assert.rejects(know("/users/me"));
  assert.deepEqual([await know("/users/me"), await know("/users/me")], [2, 2]);
  heard({ event: "user_updated", data: { user: { id: "u" } } });
  assert.equal(await know("/users/me"), 3);
});

test("an event makes stale what it is about, and nothing else", () => {
  assert.deepEqual(stale({ event: "channel_member_updated", data: { channelMember: '{"channel_id":"c"}' } }), ["/channels/c/members/me"]);
  assert.deepEqual(stale({ event: "status_change" }), ["/users/me/status"]);
  assert.deepEqual(stale({ event: "user_updated", data: { user: { id: "u" } } }), ["/users/me", "/users/u"]);
  for (const event of ["posted", undefined, "constructor"]) assert.deepEqual(stale({ event }), []);
});
