package cookie_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/cookie"
)

// browser is a cookie jar as browsers keep it, for one page: a cookie is known by
// its name, domain, path and partition, keeps its time of creation when it is set
// again (RFC 6265 section 5.3), and is sent after those with longer paths and
// those that are older (section 5.4).
type browser struct {
	merges bool // knows no Partitioned, or has one jar for both kinds
	jar    []http.Cookie
}

const chatHost = "chat.example.com"

func (b *browser) isSame(a, c http.Cookie) bool {
	return a.Name == c.Name && a.Domain == c.Domain && a.Path == c.Path && (b.merges || a.Partitioned == c.Partitioned)
}

// take obeys Set-Cookie lines in their order.
func (b *browser) take(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(b.jar, func(o http.Cookie) bool { return b.isSame(o, *c) })
		switch {
		case c.MaxAge < 0 && at >= 0:
			b.jar = slices.Delete(b.jar, at, at+1)
		case c.MaxAge < 0:
		case at >= 0:
			b.jar[at] = *c
		default:
			b.jar = append(b.jar, *c)
		}
	}
}

func (b *browser) request(method, path string) *http.Request {
	r := httptest.NewRequest(method, "https://"+chatHost+path, nil)
	var sent []http.Cookie
	for _, c := range b.jar {
		if strings.HasPrefix(path, c.Path) {
			sent = append(sent, c)
		}
	}
	slices.SortStableFunc(sent, func(x, y http.Cookie) int { return len(y.Path) - len(x.Path) })
	for _, c := range sent {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

// asMattermost knows one session, and deletes the cookie of any other where one
// is needed; a page is for everybody (docs/mattermost.md B7, H1).
func asMattermost(w http.ResponseWriter, r *http.Request) {
	up := r.Clone(r.Context())
	token, _ := cookie.ForUpstream(up)
	switch {
	case r.URL.Path == "/login":
		cookie.SetSession(w.Header(), "live", "usr", "csr")
	case !strings.HasPrefix(r.URL.Path, "/api/"):
		w.Header().Set("Cache-Control", "no-cache, max-age=31556926, public")
	case token != "live":
		w.Header().Set("Set-Cookie", "MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly")
		w.WriteHeader(http.StatusUnauthorized)
		return
	default:
		cookie.Renew(w.Header(), r) // as the gateway does
	}
	w.WriteHeader(http.StatusOK)
}

// visit makes one request and returns its status.
func (b *browser) visit(t *testing.T, p cookie.Policy, path string) int {
	t.Helper()
	r, w := b.request(http.MethodGet, path), httptest.NewRecorder()
	cookie.Middleware(func(*http.Request) cookie.Policy { return p })(http.HandlerFunc(asMattermost)).ServeHTTP(w, r)
	b.take(t, w.Header().Values("Set-Cookie")...)
	if shared := strings.Contains(w.Header().Get("Cache-Control"), "public"); shared && len(w.Header().Values("Set-Cookie")) > 0 {
		t.Error("a cache may keep this answer's cookies for everybody")
	}
	return w.Code
}

func (b *browser) tokens() (values []string) {
	for _, c := range b.jar {
		if c.Name == cookie.Token {
			values = append(values, c.Value)
		}
	}
	return values
}

const (
	oursLine    = "MMAUTHTOKEN=%; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"
	plainLine   = "MMAUTHTOKEN=%; Path=/; HttpOnly; Secure"
	domainLine  = "MMAUTHTOKEN=%; Path=/; Domain=chat.example.com; HttpOnly; Secure"
	parentLine  = "MMAUTHTOKEN=%; Path=/; Domain=example.com; HttpOnly; Secure"
	subpathLine = "MMAUTHTOKEN=%; Path=/api/; HttpOnly; Secure"
)

func with(line, value string) string { return strings.Replace(line, "%", value, 1) }

// TestTwinsAreHealedAndTheGoodOneStays follows a browser over some requests: what
// Mattermost said to each, and which tokens are left.
func TestTwinsAreHealedAndTheGoodOneStays(t *testing.T) {
	const page, api, login = "/erp/channels/town-square", "/api/v4/users/me", "/login"
	tests := map[string]struct {
		merges bool
		jar    []string // in order of creation
		visits []string
		want   []int
		left   []string
	}{
		"before Matterpass, then ours": {false,
			[]string{with(plainLine, "dead"), with(oursLine, "live")}, []string{api, api}, []int{200, 200}, []string{"live"}},
		"of all subdomains, then ours": {false,
			[]string{with(domainLine, "dead"), with(oursLine, "live")}, []string{api, api}, []int{200, 200}, []string{"live"}},
		"of the parent, then ours": {false,
			[]string{with(parentLine, "dead"), with(oursLine, "live")}, []string{page, api}, []int{200, 200}, []string{"live"}},
		"three": {false,
			[]string{with(plainLine, "dead"), with(domainLine, "old"), with(oursLine, "live")}, []string{api, api}, []int{200, 200}, []string{"live"}},
		"ours was created first and set again since; a page": {false,
			[]string{with(oursLine, "old"), with(plainLine, "dead"), with(oursLine, "live")}, []string{page, api, api}, []int{200, 401, 200}, []string{"live"}},
		"ours was created first and set again since; a call": {false,
			[]string{with(oursLine, "old"), with(plainLine, "dead"), with(oursLine, "live")}, []string{api, api}, []int{401, 200}, []string{"live"}},
		"tossed by another host of the domain": {false,
			[]string{with(oursLine, "live"), with(parentLine, "tossed")}, []string{page, api}, []int{200, 200}, []string{"live"}},
		"the same session twice, and alive": {false,
			[]string{with(plainLine, "live"), with(oursLine, "live")}, []string{api, api}, []int{200, 200}, []string{"live"}},
		"the same session twice, and dead": {false,
			[]string{with(plainLine, "dead"), with(oursLine, "dead")}, []string{api}, []int{401}, nil},
		"both dead": {false,
			[]string{with(plainLine, "dead"), with(oursLine, "old")}, []string{api, api}, []int{401, 401}, nil},
		"a sign-in over twins": {false,
			[]string{with(plainLine, "dead"), with(oursLine, "old")}, []string{login, api}, []int{200, 200}, []string{"live"}},
		"a sign-in over twins, where there is one jar": {true,
			[]string{with(oursLine, "dead"), with(domainLine, "old")}, []string{login, api}, []int{200, 200}, []string{"live"}},
		"of all subdomains, where there is one jar": {true,
			[]string{with(domainLine, "dead"), with(oursLine, "live")}, []string{page, api, api}, []int{200, 200, 200}, []string{"live"}},
		"of the parent, where there is one jar": {true,
			[]string{with(parentLine, "tossed"), with(oursLine, "live")}, []string{api, page, api}, []int{200, 200, 200}, []string{"live"}},
		"one of another shape is somebody's chat tab": {false,
			[]string{with(plainLine, "live")}, []string{page, api}, []int{200, 200}, []string{"live"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := &browser{merges: tt.merges}
			b.take(t, tt.jar...)
			var got []int
			for _, path := range tt.visits {
				got = append(got, b.visit(t, cookie.Settings{}.Policy(true), path))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.left, b.tokens()); diff != "" {
				t.Errorf("tokens left (-want +got):\n%s", diff)
			}
		})
	}
}

// A cookie of a longer path is sent first, so it never wins; and with some answer it goes.
func TestATwinOfALongerPathNeverWinsAndGoes(t *testing.T) {
	for _, merges := range []bool{false, true} {
		b := &browser{merges: merges}
		b.take(t, with(oursLine, "live"), with(subpathLine, "tossed"))
		for visits := 1; len(b.tokens()) > 1; visits++ {
			if status := b.visit(t, cookie.Settings{}.Policy(true), "/api/v4/users/me"); status != 200 || visits > 1000 {
				t.Fatalf("visit %d: %d, tokens %v", visits, status, b.tokens())
			}
		}
		if diff := cmp.Diff([]string{"live"}, b.tokens()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestHealingStaysBelowWhatFrontsTake(t *testing.T) {
	h := http.Header{}
	r := request("MMAUTHTOKEN=a; MMUSERID=u; MMCSRF=c; MMAUTHTOKEN=b; MMUSERID=v; MMCSRF=d")
	r.URL.Path = "/api/v4/users/me/teams/aaaaaaaaaaaaaaaaaaaaaaaaaa/channels/members"
	cookie.Renew(h, r)
	cookie.Settings{}.Policy(true).Apply(h, r)
	size := 0
	for _, line := range h["Set-Cookie"] {
		size += len("Set-Cookie: \r\n") + len(line)
	}
	if size > 3<<10 { // nginx has 4 KiB by default, and Mattermost's own headers need some
		t.Errorf("%d bytes in %d lines", size, len(h["Set-Cookie"]))
	}
}

func TestAConfiguredDomainHealsItsHostOnlyTwins(t *testing.T) {
	p := cookie.Settings{Domain: "example.com"}.Policy(true)
	b := &browser{}
	b.take(t, with(oursLine, "dead"), with(parentLine+"; Partitioned", "live"))
	if got := []int{b.visit(t, p, "/api/v4/users/me"), b.visit(t, p, "/api/v4/users/me")}; !cmp.Equal(got, []int{200, 200}) {
		t.Errorf("answers %v", got)
	}
	if diff := cmp.Diff([]string{"live"}, b.tokens()); diff != "" {
		t.Error(diff)
	}
}

func TestWhichSessionGoesUpstream(t *testing.T) {
	tests := map[string]struct {
		cookies []string
		token   string
		sent    bool
	}{
		"one":            {[]string{"MMAUTHTOKEN=a; MMUSERID=u"}, "a", true},
		"the newest":     {[]string{"MMAUTHTOKEN=a", "MMAUTHTOKEN=b"}, "b", true},
		"an empty one":   {[]string{"MMAUTHTOKEN="}, "", true},
		"none":           {[]string{"MMUSERID=u"}, "", false},
		"no cookies":     {nil, "", false},
		"in a false one": {[]string{`"MMAUTHTOKEN"=a`}, "", false},
	}
	for name, tt := range tests {
		if token, sent := cookie.ForUpstream(request(tt.cookies...)); token != tt.token || sent != tt.sent {
			t.Errorf("%s: %q, %t", name, token, sent)
		}
	}
}

func TestAnOrdinaryAnswerAllocatesNothing(t *testing.T) {
	r, h, p := request("theme=dark; MMAUTHTOKEN=a; MMUSERID=u; MMCSRF=c"), http.Header{}, cookie.Settings{}.Policy(true)
	if got := testing.AllocsPerRun(100, func() { p.Apply(h, r) }); got > 0 {
		t.Errorf("%.0f allocations", got)
	}
}
