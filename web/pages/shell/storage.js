// What is remembered in this browser, in the partition of this page and host:
// whose texts are stored here, and which rung of the ladder works. No secret.

const memory = new Map();

// guarded: a browser may forbid storage, or have none for this page.
function guarded(area) {
  const reach = (work) => {
    try {
      return work(globalThis[area]);
    } catch {
      return undefined;
    }
  };
  return {
    get: (key) => reach((it) => it.getItem(key)) ?? memory.get(area + key),
    set(key, value) {
      memory.set(area + key, value);
      reach((it) => it.setItem(key, value));
    },
    remove(key) {
      memory.delete(area + key);
      reach((it) => it.removeItem(key));
    },
    keys: () => reach((it) => Object.keys(it)) ?? [],
    clear() {
      memory.clear();
      reach((it) => it.clear());
    },
  };
}

export const lasting = guarded("localStorage");
export const ofTab = guarded("sessionStorage");

const OURS = "matterpass.";
const OWNER = OURS + "owner";

// means tells whether who the host page names ({email, subject}, as far as it does) is
// the person of a session ({user, subjects}); undefined where that is not known.
export function means({ email, subject }, { user, subjects }) {
  if (subject) return subjects?.includes(subject.toLowerCase());
  return email ? user.email.toLowerCase() === email.toLowerCase() : true;
}

// owner is the session whose texts are stored here, if there was one; null for one that
// is garbled: every page of this origin can write here.
function owner() {
  const text = lasting.get(OWNER);
  if (text === undefined) return undefined;
  try {
    const it = JSON.parse(text);
    return { user: { id: String(it.user.id), email: String(it.user.email) }, subjects: [it.subjects ?? []].flat() };
  } catch {
    return null;
  }
}

// foreign tells whether what Mattermost stored here may be somebody else's: its
// drafts outlive sessions (docs/webapp.md G2). The person is of a session, or only
// named. Where nobody put a name to it, it is the signed-in person's own.
export function foreign(person) {
  const whose = owner();
  if (whose === null) return true;
  if (whose) return person.user ? person.user.id !== whose.user.id : !means(person, whose);
  return !person.user && lasting.keys().some((key) => !key.startsWith(OURS));
}

export const own = ({ user: { id, email }, subjects }) => lasting.set(OWNER, JSON.stringify({ user: { id, email }, subjects }));

// wipe does what Clear-Site-Data could not, on plain http: as far as scripts can.
export async function wipe() {
  lasting.clear();
  ofTab.clear();
  const found = (await globalThis.indexedDB?.databases?.().catch(() => [])) ?? [];
  await Promise.all(found.map(({ name }) => new Promise((done) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = request.onerror = request.onblocked = done;
  })));
}
