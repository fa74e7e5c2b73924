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

// foreign tells whether what Mattermost stored here may be somebody else's: its
// drafts outlive sessions (docs/webapp.md G2). Where nobody put a name to it,
// it is the signed-in person's own.
export function foreign(email, signedIn) {
  const owner = lasting.get(OWNER);
  if (owner !== undefined) return owner !== email.toLowerCase();
  return !signedIn && lasting.keys().some((key) => !key.startsWith(OURS));
}

export const own = (email) => lasting.set(OWNER, email.toLowerCase());

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
