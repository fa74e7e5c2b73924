package cookie

import (
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
)

// signOut is set by SignOut and consumed by the middleware; in its canonical spelling.
const signOut = "Matterpass-Sign-Out"

// SetSession puts the three cookies of a new session on an answer.
func SetSession(h http.Header, token, user, csrf string) {
	for i, value := range []string{token, user, csrf} {
		h.Add("Set-Cookie", (&http.Cookie{Name: Session()[i], Value: value}).String())
	}
}

// Renew puts the session of a request, which Mattermost has just accepted, on its
// answer once more, where the browser showed twins: only beside it can all others be
// expired in a browser that does not know Partitioned, and has one place for both.
func Renew(h http.Header, r *http.Request) {
	if !Twins(r) {
		return
	}
	for _, name := range Session() {
		if value := lastOf(r, name); value != "" {
			h.Add("Set-Cookie", (&http.Cookie{Name: name, Value: value}).String())
		}
	}
}

// SignOut deletes the three cookies in every shape that we could have set.
func SignOut(h http.Header) { h[signOut] = []string{"1"} }

// KeepOut takes from an answer of somebody else's what is between SignOut and the
// middleware.
func KeepOut(h http.Header) { delete(h, signOut) }

// Middleware rewrites every Set-Cookie of an answer to the policy for its
// request.
func Middleware(policy func(*http.Request) Policy) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			shaping := &writer{ResponseWriter: w, request: r, policy: policy(r)}
			next.ServeHTTP(shaping, r)
			shaping.finish(http.StatusOK) // a handler that wrote nothing
		})
	}
}

// writer rewrites the header at the last moment before it is sent.
type writer struct {
	http.ResponseWriter
	request *http.Request
	policy  Policy
	done    bool
}

func (w *writer) WriteHeader(status int) {
	w.finish(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	w.finish(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach Flush, Hijack and the deadlines.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// FlushError sends the header, so it must be finished first.
func (w *writer) FlushError() error {
	w.finish(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// finish runs once per final answer; informational ones carry no cookies.
func (w *writer) finish(status int) {
	if w.done {
		return
	}
	if status < http.StatusOK && status != http.StatusSwitchingProtocols {
		w.Header().Del("Set-Cookie")
		return
	}
	w.done = true
	w.policy.Apply(w.Header(), w.request)
}

// Apply rewrites the Set-Cookie lines of one answer. It is exported for answers
// that bypass a ResponseWriter.
//
// Cookies of another shape than ours are expired at sign-out, and where the
// browser showed twins; never blindly, since they can be somebody's ordinary
// chat tab. Their lines come first: a browser that does not know Partitioned
// would take one of them for the cookie that was just set. For the same reason
// the one that stands where ours does waits for an answer that sets or deletes ours.
func (p Policy) Apply(h http.Header, r *http.Request) {
	lines, signedOut, twins := h["Set-Cookie"], len(h[signOut]) > 0, Twins(r)
	delete(h, signOut)
	if len(lines) == 0 && !signedOut && !twins {
		return
	}
	cookies := lastOfEach(lines)
	h.Del("Set-Cookie")
	if signedOut || twins {
		p.deleteOthers(h, hostOf(r), signedOut || slices.ContainsFunc(cookies, isOfSession))
	}
	if twins {
		p.deleteBelow(h, r)
	}
	p.send(h, cookies, fateOf(cookies, signedOut, r))
	if isShared(h) {
		h.Set("Cache-Control", "no-store")
	}
}

// fate is what becomes of the browser's session with an answer.
type fate int

const (
	asSent fate = iota // what the answer sets is sent
	ended              // all three are deleted, whatever the answer sets
	open               // the answer's deletion is held back
)

// fateOf decides. Where Mattermost deletes a token of which the browser showed
// two different ones, nobody knows which of them is dead: the other shapes are
// expired and ours stays, so that the next request asks about that one alone.
func fateOf(cookies []http.Cookie, signedOut bool, r *http.Request) fate {
	switch {
	case signedOut:
		return ended
	case !slices.ContainsFunc(cookies, endsSession):
		return asSent
	case disagree(r):
		return open
	default:
		return ended
	}
}

func (p Policy) send(h http.Header, cookies []http.Cookie, of fate) {
	for _, c := range cookies {
		if of == asSent || !isSession(c.Name) {
			add(h, p.final(c))
		}
	}
	if of != ended {
		return
	}
	for _, name := range Session() {
		add(h, p.Delete(name))
	}
}

// isShared reports that a cache would keep an answer's cookies for everybody:
// Mattermost's pages and scripts are public (docs/mattermost.md H1).
func isShared(h http.Header) bool {
	return len(h["Set-Cookie"]) > 0 && strings.Contains(h.Get("Cache-Control"), "public")
}

// endsSession recognises Mattermost's sign-out: it deletes the token and leaves
// the other two to its web app (docs/mattermost.md B7), which cannot delete a
// partitioned cookie. All three go.
func endsSession(c http.Cookie) bool { return c.Name == Token && isDeletion(c) }

func isOfSession(c http.Cookie) bool { return isSession(c.Name) }

// deleteOthers leaves out what only differs in its partition, unless replaced.
func (p Policy) deleteOthers(h http.Header, host string, replaced bool) {
	for _, name := range Session() {
		for _, other := range p.DeleteOthers(name, host) {
			if replaced || other.Domain != p.Domain {
				add(h, other)
			}
		}
	}
}

// deleteBelow expires a twin that stands below one of the paths that lead to a
// request's. Of the names that came twice and of these paths each answer takes one, by
// lot: a header with all of them would be longer than fronts take.
func (p Policy) deleteBelow(h http.Header, r *http.Request) {
	paths := pathsTo(r.URL.Path)
	names := slices.DeleteFunc(Session(), func(name string) bool { return len(r.CookiesNamed(name)) < 2 })
	if len(paths) == 0 || len(names) == 0 {
		return
	}
	path, name := paths[rand.N(len(paths))], names[rand.N(len(names))] //nolint:gosec // any will do
	for _, other := range append(p.DeleteOthers(name, hostOf(r)), p.Delete(name)) {
		other.Path = path
		add(h, other)
	}
}

// pathMost bounds the paths that an answer repeats, in bytes.
const pathMost = 128

// pathsTo lists the cookie paths, but the root, that match a request's
// (RFC 6265 section 5.1.4).
func pathsTo(path string) []string {
	var paths []string
	for i := 1; i < min(len(path), pathMost); i++ {
		if path[i] == '/' {
			paths = append(paths, path[:i], path[:i+1])
		}
	}
	if len(path) > 1 && len(path) <= pathMost && !strings.HasSuffix(path, "/") {
		paths = append(paths, path)
	}
	return paths
}

// final is the shape in which a cookie leaves.
func (p Policy) final(c http.Cookie) http.Cookie {
	if strings.HasPrefix(c.Name, Probe) {
		return c
	}
	return p.Shape(c)
}

// lastOfEach parses the lines, drops what does not parse and Mattermost's embed
// flag, and keeps the last of several lines for one name: so an answer sets
// exactly three live cookies of a session.
func lastOfEach(lines []string) []http.Cookie {
	var kept []http.Cookie
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil || c.Name == embedFlag {
			continue
		}
		kept = replaceOrAppend(kept, *c)
	}
	return kept
}

func replaceOrAppend(kept []http.Cookie, c http.Cookie) []http.Cookie {
	for i := range kept {
		if kept[i].Name == c.Name && !strings.HasPrefix(c.Name, Probe) {
			kept[i] = c
			return kept
		}
	}
	return append(kept, c)
}

func add(h http.Header, c http.Cookie) { h.Add("Set-Cookie", c.String()) }

func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return strings.ToLower(host)
	}
	return strings.ToLower(r.Host)
}
