// The page of the simulated Mattermost. It follows the real web app where an embedding host can tell the difference:
// what counts as signed in, when it signs out, when it loads again (docs/webapp.md A1 to A8, F1 to F3).
// What the server says is only ever set as text.

import { live } from './live.js';
import { $, Refused, ask, destination, goToLogin, looksSignedIn, sessionEnded, show, signOut, submitLogin } from './session.js';

const state = { me: null, team: null, channels: [], members: new Map(), people: new Map(), current: null };

// ---- names and times

const fullName = (person) => [person.first_name, person.last_name].filter(Boolean).join(' ') || person.username;
const initials = (name) => name.split(/[\s._-]+/).map((word) => word[0] || '').join('').slice(0, 2).toUpperCase();

function paintAvatar(element, person) {
  const name = person ? fullName(person) : '?';
  element.textContent = initials(name);
  let hue = 0;
  for (const letter of person?.id || '') hue = (hue * 31 + letter.charCodeAt(0)) % 360;
  element.style.setProperty('--hue', hue);
}

async function meet(ids) {
  const strangers = [...new Set(ids)].filter((id) => id && !state.people.has(id));
  if (!strangers.length) return;
  for (const person of await ask('POST', '/users/ids', strangers)) state.people.set(person.id, person);
}

function clock(millis) {
  const day = new Date(millis);
  const today = new Date().toDateString() === day.toDateString();
  return day.toLocaleString([], today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' });
}

const partnerOf = (channel) => channel.name.split('__').find((id) => id !== state.me.id) || state.me.id;

function titleOf(channel) {
  if (channel.type !== 'D') return channel.display_name;
  const partner = state.people.get(partnerOf(channel));
  return partner ? fullName(partner) : 'Direct message';
}

function pathOf(channel) {
  if (channel.type !== 'D') return `/${state.team.name}/channels/${channel.name}`;
  return `/${state.team.name}/messages/@${state.people.get(partnerOf(channel))?.username || ''}`;
}

// ---- channels

function paintChannels() {
  const links = state.channels.map((channel) => {
    const member = state.members.get(channel.id);
    const unread = channel.total_msg_count - (member?.msg_count || 0);
    const mentions = member?.mention_count || 0;
    const link = document.createElement('a');
    link.href = pathOf(channel);
    link.dataset.testid = `channel-${channel.name}`;
    link.dataset.unread = unread;
    link.classList.toggle('unread', unread > 0);
    if (channel === state.current) link.setAttribute('aria-current', 'page');
    const name = document.createElement('span');
    name.className = 'name';
    name.textContent = (channel.type === 'D' ? '' : '# ') + titleOf(channel);
    link.append(name);
    if (unread > 0) link.append(unreadMark(mentions));
    return link;
  });
  const list = $('#channels');
  const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
  list.replaceChildren(...links);
  // Not scrollIntoView, which would also scroll the page around the frame.
  const current = links.find((link) => link.hasAttribute('aria-current'));
  if (current) list.scrollLeft = current.offsetLeft - (list.clientWidth - current.offsetWidth) / 2;
  if (focused) links.find((link) => link.getAttribute('href') === focused)?.focus();
}

function unreadMark(mentions) {
  const mark = document.createElement('span');
  mark.className = mentions ? 'badge' : 'badge dot';
  mark.textContent = mentions || '';
  mark.setAttribute('aria-label', mentions ? `${mentions} mentions` : 'unread');
  mark.setAttribute('role', 'img');
  return mark;
}

async function loadChannels() {
  const base = `/users/me/teams/${state.team.id}/channels`;
  const [channels, members] = await Promise.all([ask('GET', base), ask('GET', `${base}/members`)]);
  await meet(channels.filter((channel) => channel.type === 'D').map(partnerOf));
  state.channels = channels;
  state.members = new Map(members.map((member) => [member.channel_id, member]));
  state.current = channels.find((channel) => channel.id === state.current?.id) || state.current;
}

async function open(channel) {
  state.current = channel;
  document.title = `${titleOf(channel)} - ${state.team.display_name}`;
  $('#channel-title').textContent = titleOf(channel);
  $('#purpose').textContent = channel.purpose;
  $('#composer textarea').placeholder = `Write to ${titleOf(channel)}`;
  paintChannels();
  const list = await ask('GET', `/channels/${channel.id}/posts`);
  const posts = list.order.map((id) => list.posts[id]).reverse();
  await meet(posts.map((post) => post.user_id));
  if (state.current !== channel) return;
  $('#posts').replaceChildren(...posts.map(paintPost));
  scrollToEnd();
  await markRead(channel);
}

async function markRead(channel) {
  const member = state.members.get(channel.id);
  if (!member || document.visibilityState === 'hidden') return;
  member.msg_count = channel.total_msg_count;
  member.mention_count = 0;
  paintChannels();
  await ask('POST', '/channels/members/me/view', { channel_id: channel.id });
}

// ---- posts

function paintPost(post) {
  const item = $('#post').content.firstElementChild.cloneNode(true);
  const author = state.people.get(post.user_id);
  item.dataset.id = post.id;
  item.classList.toggle('system', post.type.startsWith('system_'));
  paintAvatar($('.avatar', item), author);
  $('.author', item).textContent = author ? fullName(author) : 'Somebody';
  $('time', item).textContent = clock(post.create_at);
  $('time', item).dateTime = new Date(post.create_at).toISOString();
  $('.message', item).textContent = post.message;
  return item;
}

const shownPost = (id) => $(`.post[data-id="${CSS.escape(id)}"]`);

function addPost(post) {
  if (shownPost(post.id)) return;
  const list = $('#posts');
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  list.append(paintPost(post));
  if (atEnd || post.user_id === state.me.id) scrollToEnd();
}

function scrollToEnd() {
  $('#posts').scrollTop = $('#posts').scrollHeight;
}

async function send(event) {
  event.preventDefault();
  const form = $('#composer');
  const box = $('textarea', form);
  const message = box.value.trim();
  if (!message || !state.current) return;
  const button = $('button', form);
  button.disabled = true;
  form.classList.remove('failed');
  try {
    const post = await ask('POST', '/posts', { channel_id: state.current.id, message });
    box.value = '';
    await meet([post.user_id]);
    if (post.channel_id === state.current.id) addPost(post);
  } catch (error) {
    // As in the real app, what was written stays unsent; a status poll finds out that the session is gone (F1).
    form.classList.add('failed');
    $('#connection').textContent = error instanceof Refused ? 'Not sent' : 'No connection';
    if (error.status === 401) sessionEnded();
  } finally {
    button.disabled = false;
  }
}

// ---- live events

const handlers = {
  async hello() {
    const again = live.greeted();
    $('#connection').textContent = '';
    document.documentElement.dataset.live = 'true';
    if (again) await refresh();
  },

  async posted({ post, mentions }) {
    const written = JSON.parse(post);
    const channel = state.channels.find(({ id }) => id === written.channel_id);
    if (!channel) return refresh();
    await meet([written.user_id]);
    channel.total_msg_count += 1;
    const member = state.members.get(channel.id);
    if (written.user_id === state.me.id) member.msg_count += 1;
    if (mentions) member.mention_count += 1;
    if (channel === state.current) {
      addPost(written);
      return markRead(channel);
    }
    return paintChannels();
  },

  post_edited({ post }) {
    const written = JSON.parse(post);
    const shown = shownPost(written.id);
    if (shown) $('.message', shown).textContent = written.message;
  },

  post_deleted({ post }) {
    shownPost(JSON.parse(post).id)?.remove();
  },

  multiple_channels_viewed({ channel_times: times }) {
    for (const channel of state.channels.filter(({ id }) => id in times)) {
      const member = state.members.get(channel.id);
      member.msg_count = channel.total_msg_count;
      member.mention_count = 0;
    }
    paintChannels();
  },

  user_added: () => refresh(),
  direct_added: () => refresh(),
};

function handle({ event, data }) {
  const handler = Object.hasOwn(handlers, event || '') ? handlers[event] : null;
  if (handler) guard(async () => handler(data));
}

async function refresh() {
  await loadChannels();
  if (state.current) await open(state.current);
}

// The real app finds out about an ended session within a minute, by its status poll (docs/webapp.md F1).
const statusInterval = 60000;

function poll() {
  guard(() => ask('POST', '/users/status/ids', [state.me.id]));
}

// ---- start

async function guard(work) {
  try {
    await work();
  } catch (error) {
    if (error.status === 401) sessionEnded();
    else $('#connection').textContent = 'No connection';
  }
}

// The address says it, too (docs/webapp.md D2).
function fail(address, text) {
  history.replaceState(null, '', address);
  show('error');
  $('#error-text').textContent = text;
}

// A permalink, /{team}/pl/{post id}, leads to the post's channel (docs/webapp.md D1).
async function channelOfPermalink() {
  const [, , kind, id] = location.pathname.split('/');
  if (kind !== 'pl') return undefined;
  const post = await ask('GET', `/posts/${id}`);
  return state.channels.find((channel) => channel.id === post.channel_id);
}

function channelInPath() {
  const [, , kind, name = ''] = location.pathname.split('/');
  const wanted = decodeURIComponent(name);
  if (kind === 'channels') return state.channels.find((channel) => channel.name === wanted);
  if (kind === 'messages') {
    return state.channels.find((channel) => channel.type === 'D' && `@${state.people.get(partnerOf(channel))?.username}` === wanted);
  }
  return state.channels.find((channel) => channel.name === 'town-square') || state.channels[0];
}

// A first message to somebody begins at the address of their messages (docs/webapp.md D1).
async function newDirectChannel() {
  const [, , kind, name = ''] = location.pathname.split('/');
  if (kind !== 'messages' || !name.startsWith('@')) return undefined;
  const [other] = await ask('POST', '/users/usernames', [name.slice(1)]);
  if (!other) return undefined;
  await ask('POST', '/channels/direct', [state.me.id, other.id]);
  await loadChannels();
  return channelInPath();
}

async function loadTeam() {
  const teams = await ask('GET', '/users/me/teams');
  const [, slug] = location.pathname.split('/');
  state.team = slug && slug !== 'login' ? teams.find((team) => team.name === slug) : teams[0];
  if (!state.team) {
    if (slug) fail('/error?type=team_not_found', 'The team does not exist, or you are not a member of it.');
    else fail('/select_team', 'You are not a member of any team.');
    return false;
  }
  return true;
}

async function startChat() {
  state.me = await ask('GET', '/users/me');
  state.people.set(state.me.id, state.me);
  if (location.pathname === '/login' || location.search.includes('redirect_to=')) history.replaceState(null, '', destination());
  if (!(await loadTeam())) return;
  await loadChannels();
  const channel = (await channelOfPermalink()) || channelInPath() || (await newDirectChannel());
  if (!channel) {
    fail('/error?type=channel_not_found', 'The channel does not exist, or you are not a member of it.');
    return;
  }
  history.replaceState(null, '', pathOf(channel) + location.search);
  show('chat');
  $('#team').textContent = state.team.display_name;
  $('#whoami .name').textContent = fullName(state.me);
  $('#whoami').title = `@${state.me.username}`;
  $('#whoami').dataset.username = state.me.username;
  paintAvatar($('#whoami .avatar'), state.me);
  await open(channel);
  live.start(handle, () => { $('#connection').textContent = 'Reconnecting…'; });
  setInterval(poll, statusInterval);
  // The real message box takes the focus away from whatever the host page was doing (docs/webapp.md D5). Here only
  // on demand, so that a host can test that it copes.
  if ($('meta[name=steal-focus]').content === 'true') $('#composer textarea').focus();
}

async function followChannel(event) {
  const link = event.target.closest('a');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  history.pushState(null, '', link.href);
  await guard(() => open(channelInPath()));
}

function listen() {
  $('#login-form').addEventListener('submit', submitLogin);
  $('#composer').addEventListener('submit', send);
  $('#composer textarea').addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event);
  });
  $('#channels').addEventListener('click', followChannel);
  $('#sign-out').addEventListener('click', signOut);
  addEventListener('popstate', () => guard(async () => {
    const channel = state.me && channelInPath();
    if (channel) await open(channel);
  }));
  document.addEventListener('visibilitychange', () => {
    if (state.current && document.visibilityState === 'visible') guard(() => markRead(state.current));
  });
}

async function start() {
  listen();
  if (looksSignedIn()) return guard(startChat);
  // With a token but no readable MMUSERID the app takes itself for signed out and, on a deep link, ends the good
  // session (docs/webapp.md A3). On "/" and /login the session survives.
  const [, , deep] = location.pathname.split('/');
  if (deep) await ask('POST', '/users/logout').catch(() => {});
  goToLogin(destination() === '/' ? location.pathname : destination());
  return undefined;
}

start();
