// Who embeds this page? Its own word, by the browser's: an answer to a nonce that
// only the page around this one got, with the origin that the browser puts on it.

const PATIENCE = 3000; // ms for the page around to answer

// seen waits until somebody looks: a browser may load pages ahead, and a ticket is
// good for one look only.
export const seen = (page) =>
  page.prerendering ? new Promise((done) => page.addEventListener("prerenderingchange", done, { once: true })) : undefined;

// embedderOf answers "" at top level, and undefined where the page around is none
// of origins or does not say. Most browsers know it without being told.
export async function embedderOf(scope, origins, patience = PATIENCE) {
  if (scope.parent === scope) return "";
  const known = scope.location.ancestorOrigins?.[0];
  if (known !== undefined) return origins.includes(known) ? known : undefined;
  const nonce = String(scope.crypto.getRandomValues(new Uint32Array(4)));
  return new Promise((done) => {
    scope.addEventListener("message", function hear({ source, origin, data }) {
      if (source !== scope.parent || !origins.includes(origin)) return;
      if (data?.matterpass !== 1 || data.type !== "embedder" || data.nonce !== nonce) return;
      scope.removeEventListener("message", hear);
      done(origin);
    });
    // The nonce is no secret: whoever is not in origins may read it, and gets nothing for it.
    scope.parent.postMessage({ matterpass: 1, type: "embedder?", nonce }, "*");
    setTimeout(done, patience);
  });
}
