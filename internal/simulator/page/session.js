// Who is signed in: the calls to the server, the login form, the end of a session. The rules are the real web app's
// (docs/webapp.md A2, A3, F2, F3).

import { live } from './live.js';

const api = `${location.origin}/api/v4`;

export const $ = (selector, root = document) => root.querySelector(selector);

const cookie = (name) => document.cookie.split('; ').find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);

// The real app tests nothing else, and never uses the value (docs/webapp.md A2).
export const looksSignedIn = () => document.cookie.includes('MMUSERID=');

export class Refused extends Error {
  constructor(status, body) {
    super(body.message || 'The server did not answer.');
    this.status = status;
    this.id = body.id || '';
  }
}

export async function ask(method, path, body) {
  const headers = { 'X-Requested-With': 'XMLHttpRequest' };
  if (method !== 'GET') headers['X-CSRF-Token'] = cookie('MMCSRF') || '';
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const answer = await fetch(api + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, value);
  return value;
}

export function show(screen) {
  for (const id of ['login', 'chat', 'error']) $(`#${id}`).hidden = id !== screen;
}

function forgetCookies() {
  for (const name of ['MMAUTHTOKEN', 'MMUSERID', 'MMCSRF']) document.cookie = `${name}=; Path=/; Max-Age=0`;
}

export function goToLogin(from) {
  const query = from === '/' || from === '/login' ? '' : `?redirect_to=${encodeURIComponent(from)}`;
  history.replaceState(null, '', `/login${query}`);
  showLogin();
}

// A session that has ended shows as a 401: the app purges what it knows and loads "/" in full (docs/webapp.md F2, F3).
// On "/" itself it goes straight to the form: where the cookies can't be deleted (C7) it would load for ever.
export function sessionEnded() {
  live.stop();
  forgetCookies();
  if (location.pathname === '/' || location.pathname === '/login') {
    goToLogin(destination());
    return;
  }
  const query = new URLSearchParams(location.search);
  query.set('redirect_to', location.pathname);
  location.replace(`/?${query}`);
}

export async function signOut() {
  live.stop();
  await ask('POST', '/users/logout').catch(() => {});
  // Other windows of this origin learn that somebody meant it (docs/webapp.md F6).
  localStorage.setItem('__logout__', String(Date.now()));
  localStorage.removeItem('__logout__');
  forgetCookies();
  location.replace('/login');
}

function showLogin() {
  show('login');
  document.title = 'Log in';
}

export function destination() {
  const wanted = new URLSearchParams(location.search).get('redirect_to') || '/';
  return wanted.startsWith('/') && !/^\/[/\\]/.test(wanted) ? wanted : '/';
}

export async function submitLogin(event) {
  event.preventDefault();
  const form = event.target;
  const button = $('button', form);
  const { login_id, password, token } = Object.fromEntries(new FormData(form));
  $('#login-error').textContent = '';
  button.disabled = true;
  try {
    await ask('POST', '/users/login', { login_id, password, token, device_id: '' });
    if (!looksSignedIn()) throw new Error('The browser kept no cookies. In a frame on another site that means they were refused.');
    location.replace(destination());
  } catch (error) {
    explainRefusal(error);
    button.disabled = false;
  }
}

function explainRefusal(error) {
  if (error.id === 'mfa.validate_token.authenticate.app_error' && $('#mfa').hidden) {
    $('#mfa').hidden = false;
    $('#mfa input').focus();
    return;
  }
  $('#login-error').textContent = error.message;
}
