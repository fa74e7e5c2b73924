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

// A person is {email, subject}, as far as they are known: the subject by its hash.
// isOther tells whether they are two; undefined where nothing tells.
export function isOther(one, two) {
  if (one.subject && two.subject) return one.subject.toLowerCase() !== two.subject.toLowerCase();
  if (one.email && two.email) return one.email.toLowerCase() !== two.email.toLowerCase();
  return undefined;
}

// foreign tells whether what Mattermost stored here may be somebody else's: its
// drafts outlive sessions (docs/webapp.md G2). Where nobody put a name to it,
// it is the signed-in person's own.
export function foreign(person, signedIn) {
  const owner = lasting.get(OWNER);
  if (owner !== undefined) return isOther(read(owner), person) ?? !signedIn;
  return !signedIn && lasting.keys().some((key) => !key.startsWith(OURS));
}

// read is nobody for what is not ours: every page of this origin can write here.
function read(owner) {
  try {
    const { email, subject } = JSON.parse(owner);
    return { email: String(email), subject: subject && String(subject) };
  } catch {
    return {};
  }
}

export const own = ({ email, subject }) => lasting.set(OWNER, JSON.stringify({ email, subject }));

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
