package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"matterpass/internal/cookie"
)

// The cookie keeper decides which of Mattermost's cookies a browser may see; how
// they look is internal/cookie's business.

// expiredMost is far more than Mattermost's error about a session has, in bytes.
const expiredMost = 64 << 10

// expiredID is Mattermost's word for a session that it does not know, a failed
// CSRF proof, and a database that is away (docs/mattermost.md C3, C4, I3).
const expiredID = "api.context.session_expired.app_error"

// setKeeper fills in the keeper's options.
func (o *Options) setKeeper() {
	if o.Seen == nil {
		o.Seen = NewMemory(0)
	}
	if o.Standing == nil {
		o.Standing = func(context.Context, string, bool) string { return "" }
	}
	if o.Ended == nil {
		o.Ended = func(context.Context, string) string { return "" }
	}
	if o.Away == nil {
		o.Away = func(context.Context) bool { return false }
	}
}

// carried is the session with which a request reaches Mattermost.
type carried struct {
	token  string // empty for none, and for an empty cookie
	cookie bool
}

// forwardCookies prepares the cookies of a request for Mattermost, and tells by which
// session it will go: a cookie wins over Authorization, even an empty one
// (docs/mattermost.md C1, C2).
func forwardCookies(r *http.Request) carried {
	if token, sent := cookie.ForUpstream(r); sent {
		return carried{strings.Clone(token), true} // is kept for longer, and the whole header with a part of it
	}
	return carried{token: strings.Clone(bearer(r.Header))}
}

func bearer(h http.Header) string {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token") {
		return token
	}
	return ""
}

// receive makes Mattermost's answer ours to send.
func (x *exchange) receive(res *http.Response) {
	x.keep(res)
	x.adjust(res)
}

// keep costs an answer without cookies next to nothing.
func (x *exchange) keep(res *http.Response) {
	if len(res.Header["Set-Cookie"]) > 0 {
		x.keepCookies(res)
	}
	if x.said.sent.token != "" && proves(x.r.URL.Path, res.StatusCode) {
		x.accepted(res)
	}
}

// accepted takes note of a session that Mattermost knows, and heals its twins.
func (x *exchange) accepted(res *http.Response) {
	if x.recent.isNew(x.said.sent.token) {
		x.Seen.Saw(x.said.sent.token)
	}
	if x.said.twins && len(tokensIn(res.Header)) == 0 {
		cookie.Renew(res.Header, x.r)
	}
}

// keepCookies lets a session's cookies pass where they are the browser's own. The
// answer to a program's Authorization holds that program's token (B8): a browser
// on whose behalf it asked must not become it, nor be signed out by it.
func (x *exchange) keepCookies(res *http.Response) {
	tokens := tokensIn(res.Header)
	switch {
	case slices.Contains(tokens, "") && x.isOutage(res):
		x.standIn(res, refuseDown)
	case !x.areBrowsersOwn(tokens):
		dropSession(res.Header)
	}
}

// areBrowsersOwn takes the tokens that an answer sets; an empty one is a deletion.
func (x *exchange) areBrowsersOwn(tokens []string) bool {
	if !x.said.sent.cookie && len(x.r.Header["Authorization"]) > 0 {
		return false
	}
	if x.on.group == "sso" {
		return true // opened on purpose, to make sessions past us (B9)
	}
	return !slices.ContainsFunc(tokens, func(t string) bool { return t != "" && t != x.said.sent.token })
}

// tokensIn is read as internal/cookie's middleware reads: what does not parse
// does not leave.
func tokensIn(h http.Header) (tokens []string) {
	for _, line := range h["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		switch {
		case err != nil || c.Name != cookie.Token:
		case c.MaxAge < 0:
			tokens = append(tokens, "")
		default:
			tokens = append(tokens, c.Value)
		}
	}
	return tokens
}

func dropSession(h http.Header) {
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool {
		c, err := http.ParseSetCookie(line)
		return err != nil || slices.Contains(cookie.Session(), c.Name)
	})
}

// isOutage reports that Mattermost ends a session for no better reason than that
// its database is away (I3). The cheap questions come first: strangers have
// nobody asked.
func (x *exchange) isOutage(res *http.Response) bool {
	return res.StatusCode == http.StatusUnauthorized &&
		x.said.sent.token != "" && x.on.class != signOut && x.provesOrigin() && x.Seen.Known(x.said.sent.token) &&
		x.errorID(res) == expiredID && x.Away(x.r.Context())
}

// provesOrigin is Mattermost's CSRF rule (C4). A request that fails it loses its
// cookie while the session lives on: that is Mattermost's own will.
func (x *exchange) provesOrigin() bool {
	if !x.said.sent.cookie || x.r.Method == http.MethodGet || x.r.Header.Get("X-Requested-With") == "XMLHttpRequest" {
		return true
	}
	proof := x.r.Header.Get("X-Csrf-Token")
	return proof != "" && proof == cookie.CSRFOf(x.r)
}

// errorID looks into a body and leaves it whole; empty for what is no error of
// Mattermost's.
func (x *exchange) errorID(res *http.Response) string {
	head, err := io.ReadAll(io.LimitReader(res.Body, expiredMost+1))
	res.Body = prefixed{io.MultiReader(bytes.NewReader(head), res.Body), res.Body}
	var said struct{ ID string }
	if err != nil || len(head) > expiredMost || json.Unmarshal(head, &said) != nil {
		return ""
	}
	return said.ID
}

// prefixed is a body of which the beginning was read before.
type prefixed struct {
	io.Reader
	io.Closer
}

// standIn puts a refusal of ours in the place of Mattermost's answer. It has
// Mattermost's shape: its web app then waits, where another would sign out.
func (x *exchange) standIn(res *http.Response, why refusal) {
	_ = res.Body.Close() // it was read, or is cut
	why.Request = x.w.Header().Get("X-Request-Id")
	body, _ := json.Marshal(why) // strings and a number
	res.StatusCode, res.Status = why.Status, ""
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.TransferEncoding, res.Trailer = nil, nil
	res.Header = http.Header{
		"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(body))},
		"Retry-After": {retryUpstream},
	}
	x.Own(res.Header, x.r)
	res.Header.Set("Cache-Control", "no-store")
	x.code = why.word()
}
