package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/gateway"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/simulator"
)

const (
	ownToken   = "gggggggggggggggggggggggggg"
	otherToken = "oooooooooooooooooooooooooo"
	ajax       = "XMLHttpRequest"
	expiredID  = "api.context.session_expired.app_error"
	kept       = "matterpass.gateway.upstream_unavailable"
)

// startKept is a simulated Mattermost behind a gateway that can tell whether its
// database is away.
func startKept(t *testing.T) (*rig, *simulator.Server) {
	t.Helper()
	m := simulator.New(simulator.Options{Demo: true, SiteURL: siteURL})
	t.Cleanup(m.Close)
	backend := httptest.NewServer(m)
	t.Cleanup(backend.Close)
	client := mattermost.New(mattermost.Options{BaseURL: backend.URL})
	t.Cleanup(client.Close)
	return startBefore(t, backend, func(o *gateway.Options) {
		o.SiteURL = func() string { return siteURL }
		o.Away = client.DatabaseAway
	}), m
}

// verdictOf is what became of a session with an answer.
type verdictOf struct {
	Status  int
	ID      string // of the error
	Deleted []string
	Retry   string
}

func (a answer) verdict() verdictOf {
	v := verdictOf{Status: a.StatusCode, Retry: a.Header.Get("Retry-After")}
	var said struct{ ID string }
	if json.Unmarshal([]byte(a.body), &said) == nil && a.StatusCode >= 400 {
		v.ID = said.ID
	}
	for _, c := range a.Cookies() {
		if c.MaxAge < 0 {
			v.Deleted = append(v.Deleted, c.Name)
		}
	}
	return v
}

var (
	waits  = verdictOf{503, kept, nil, "5"}
	signed = verdictOf{401, expiredID, []string{"MMAUTHTOKEN", "MMUSERID", "MMCSRF"}, ""}
)

// TestAnOutageSignsNobodyOut: without its database Mattermost takes good sessions
// for unknown and has their cookie deleted (docs/mattermost.md I3).
func TestAnOutageSignsNobodyOut(t *testing.T) {
	tests := map[string]struct {
		stranger bool // the session never worked here
		there    bool // the database is, and the session was revoked
		ask      func(rig *rig, token, cookies, csrf string) answer
		want     verdictOf
	}{
		"a page asks who it is": {ask: func(r *rig, _, cookies, _ string) answer {
			return r.get("/api/v4/users/me", "Cookie", cookies)
		}, want: waits},
		"a page posts": {ask: func(r *rig, _, cookies, _ string) answer {
			return r.do("POST", "/api/v4/users/status/ids", "[]", "Cookie", cookies, "X-Requested-With", ajax)
		}, want: waits},
		"a page posts with the CSRF value": {ask: func(r *rig, _, cookies, csrf string) answer {
			return r.do("POST", "/api/v4/users/status/ids", "[]", "Cookie", cookies+"; MMCSRF="+csrf, "X-CSRF-Token", csrf)
		}, want: waits},
		"a program": {ask: func(r *rig, token, _, _ string) answer {
			return r.do("POST", "/api/v4/users/status/ids", "[]", "Authorization", "Bearer "+token)
		}, want: waits},
		"somebody posts without proof": {ask: func(r *rig, _, cookies, _ string) answer {
			return r.do("POST", "/api/v4/users/status/ids", "[]", "Cookie", cookies)
		}, want: signed},
		"somebody posts with an empty proof": {ask: func(r *rig, _, cookies, _ string) answer {
			return r.do("POST", "/api/v4/users/status/ids", "[]", "Cookie", cookies, "X-CSRF-Token", "")
		}, want: signed},
		"a session that never worked here": {stranger: true, ask: func(r *rig, _, cookies, _ string) answer {
			return r.get("/api/v4/users/me", "Cookie", cookies)
		}, want: signed},
		"no session": {ask: func(r *rig, _, _, _ string) answer {
			return r.get("/api/v4/users/me")
		}, want: verdictOf{401, expiredID, nil, ""}},
		"the person signs out": {ask: func(r *rig, _, cookies, _ string) answer {
			return r.do("POST", "/api/v4/users/logout", "", "Cookie", cookies, "X-Requested-With", ajax)
		}, want: verdictOf{200, "", signed.Deleted, ""}},
		"no outage, the session was revoked": {there: true, ask: func(r *rig, _, cookies, _ string) answer {
			return r.get("/api/v4/users/me", "Cookie", cookies)
		}, want: signed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rig, m := startKept(t)
			token, csrf := m.SignIn(simulator.DemoEmail)
			cookies := "MMAUTHTOKEN=" + token + "; MMUSERID=u"
			if !tt.stranger {
				if a := rig.get("/api/v4/users/me", "Cookie", cookies); a.StatusCode != 200 {
					t.Fatalf("before the outage: %d %s", a.StatusCode, a.body)
				}
			}
			m.FailDatabase(!tt.there)
			m.InvalidateCaches()
			if tt.there {
				m.RevokeSessions(simulator.DemoEmail)
			}
			got := tt.ask(rig, token, cookies, csrf)
			if diff := cmp.Diff(tt.want, got.verdict()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if kept := got.StatusCode == 503; kept && rig.lastNote().Code != "upstream_unavailable" {
				t.Errorf("noted as %+v", rig.lastNote())
			}
			m.FailDatabase(false)
			back := rig.get("/api/v4/users/me", "Cookie", cookies)
			if alive := back.StatusCode == 200; alive == tt.there {
				t.Errorf("after the outage: %d", back.StatusCode)
			}
		})
	}
}

// unknownSession answers as Mattermost does about a session that it does not know.
func unknownSession(w http.ResponseWriter, status int, id, rest string) {
	w.Header().Set("Set-Cookie", "MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"id":"`+id+`","message":"x","status_code":401}`+rest)
}

// TestNothingButTheOutagesOwnAnswerIsHeldBack: all with a session that has worked,
// while the database is away.
func TestNothingButTheOutagesOwnAnswerIsHeldBack(t *testing.T) {
	long := strings.Repeat(" ", 64<<10)
	tests := map[string]struct {
		answer http.HandlerFunc
		status int
		asked  int // about the database
	}{
		"the outage's own": {func(w http.ResponseWriter, _ *http.Request) { unknownSession(w, 401, expiredID, "") }, 503, 1},
		"another error": {func(w http.ResponseWriter, _ *http.Request) {
			unknownSession(w, 401, "api.context.mfa_required.app_error", "")
		}, 401, 0},
		"another status":         {func(w http.ResponseWriter, _ *http.Request) { unknownSession(w, 403, expiredID, "") }, 403, 0},
		"longer than an error":   {func(w http.ResponseWriter, _ *http.Request) { unknownSession(w, 401, expiredID, long) }, 401, 0},
		"no JSON":                {func(w http.ResponseWriter, _ *http.Request) { unknownSession(w, 401, expiredID, "<html>") }, 401, 0},
		"nothing is deleted":     {headersOf(401, "Set-Cookie", "theme=; Max-Age=0"), 401, 0},
		"no cookie at all":       {headersOf(401), 401, 0},
		"a success that ends it": {headersOf(200, "Set-Cookie", "MMAUTHTOKEN=; Max-Age=0"), 200, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var asked int
			seen := gateway.NewMemory(0)
			seen.Saw(ownToken)
			var sent strings.Builder
			rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tt.answer(copying{w, &sent}, r)
			}), func(o *gateway.Options) {
				o.Seen = seen
				o.Away = func(context.Context) bool { asked++; return true }
			})
			a := rig.get("/api/v4/users/me", "Cookie", "MMAUTHTOKEN="+ownToken)
			if a.StatusCode != tt.status || asked != tt.asked {
				t.Errorf("got %d %.100s, asked %d times; want %d and %d", a.StatusCode, a.body, asked, tt.status, tt.asked)
			}
			if a.StatusCode != 503 && a.body != sent.String() {
				t.Errorf("%d bytes of %d arrived", len(a.body), sent.Len())
			}
		})
	}
}

// TestASignOutIsNeverHeldBack, not even one that Mattermost refused.
func TestASignOutIsNeverHeldBack(t *testing.T) {
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { unknownSession(w, 401, expiredID, "") }), func(o *gateway.Options) {
		o.Seen = everybody{}
		o.Away = func(context.Context) bool { return true }
	})
	a := rig.do("POST", "/api/v4/users/logout", "", "Cookie", "MMAUTHTOKEN="+ownToken, "X-Requested-With", ajax)
	if diff := cmp.Diff(signed, a.verdict()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// copying remembers the body that is written.
type copying struct {
	http.ResponseWriter
	body io.Writer
}

func (c copying) Write(p []byte) (int, error) {
	_, _ = c.body.Write(p)
	return c.ResponseWriter.Write(p)
}

func TestABodyThatStallsIsNotWaitedForLongerThanAnyOther(t *testing.T) {
	release := make(chan struct{})
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "MMAUTHTOKEN=; Max-Age=0")
		w.WriteHeader(401)
		_ = http.NewResponseController(w).Flush()
		<-release
	}), func(o *gateway.Options) {
		o.Stall = 50 * time.Millisecond
		o.Seen = everybody{}
	})
	defer close(release)
	res, err := rig.client.Do(rig.request("GET", "/api/v4/users/me", "", "Cookie", "MMAUTHTOKEN="+ownToken))
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	if err == nil {
		t.Error("a broken answer arrived as a whole one")
	}
}

// everybody is a Seen that knows everybody.
type everybody struct{}

func (everybody) Saw(string)        {}
func (everybody) Known(string) bool { return true }

// TestOnlyTheBrowsersOwnSessionComesBackAsACookie: Mattermost also sets cookies on
// answers to a program's Authorization (docs/mattermost.md B8).
func TestOnlyTheBrowsersOwnSessionComesBackAsACookie(t *testing.T) {
	three := func(token string) http.HandlerFunc {
		return headersOf(200, "Set-Cookie", "MMAUTHTOKEN="+token+"; Path=/; HttpOnly", "Set-Cookie", "MMUSERID=u; Path=/",
			"Set-Cookie", "MMCSRF=c; Path=/", "Set-Cookie", "MMCLOUDURL=x; Path=/")
	}
	const browser, program = "MMAUTHTOKEN=" + ownToken, "Bearer " + otherToken
	tests := map[string]struct {
		set    http.HandlerFunc
		path   string
		header []string
		want   string // the session's token, "-" for a deletion, or empty where no line of it leaves
	}{
		"a browser's, extended":                  {three(ownToken), "/api/v4/posts", []string{"Cookie", browser}, ownToken},
		"a program's, extended":                  {three(otherToken), "/api/v4/posts", []string{"Authorization", program}, ""},
		"in another word":                        {three(otherToken), "/api/v4/posts", []string{"Authorization", "token " + otherToken}, ""},
		"another scheme":                         {three(otherToken), "/api/v4/posts", []string{"Authorization", "Basic eA=="}, ""},
		"both, and the cookie wins":              {three(ownToken), "/api/v4/posts", []string{"Cookie", browser, "Authorization", program}, ownToken},
		"both, and the program's comes back":     {three(otherToken), "/api/v4/posts", []string{"Cookie", browser, "Authorization", program}, ""},
		"somebody else's":                        {three(otherToken), "/api/v4/posts", []string{"Cookie", browser}, ""},
		"nobody's became somebody's":             {three(otherToken), "/plugins/x/login", nil, ""},
		"an empty cookie became somebody's":      {three(otherToken), "/api/v4/posts", []string{"Cookie", "MMAUTHTOKEN=", "Authorization", program}, ""},
		"twins, and the newest went up":          {three(ownToken), "/api/v4/posts", []string{"Cookie", "MMAUTHTOKEN=" + otherToken + "; " + browser}, ownToken},
		"twins, and the older comes back":        {three(otherToken), "/api/v4/posts", []string{"Cookie", "MMAUTHTOKEN=" + otherToken + "; " + browser}, ""},
		"two answers in one":                     {together(three(ownToken), three(otherToken)), "/api/v4/posts", []string{"Cookie", browser}, ""},
		"a browser's, ended":                     {headersOf(401, "Set-Cookie", "MMAUTHTOKEN=; Max-Age=0"), "/api/v4/posts", []string{"Cookie", browser}, "-"},
		"a program's, ended":                     {headersOf(401, "Set-Cookie", "MMAUTHTOKEN=; Max-Age=0"), "/api/v4/posts", []string{"Authorization", program}, ""},
		"a way in that was opened":               {three(otherToken), "/oauth/gitlab/complete", nil, otherToken},
		"a way in that was opened, to a program": {three(otherToken), "/oauth/gitlab/complete", []string{"Authorization", program}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rig := start(t, tt.set, func(o *gateway.Options) { o.Allow = []string{"sso"} })
			a := rig.get(tt.path, tt.header...)
			got := map[string]string{}
			for _, c := range a.Cookies() {
				if strings.HasPrefix(c.Name, "MMC") && c.Name != "MMCSRF" {
					continue
				}
				got[c.Name] = c.Value
				if c.MaxAge < 0 {
					got[c.Name] = "-"
				}
			}
			want := map[string]string{}
			switch tt.want {
			case "":
			case "-":
				want = map[string]string{"MMAUTHTOKEN": "-", "MMUSERID": "-", "MMCSRF": "-"}
			default:
				want = map[string]string{"MMAUTHTOKEN": tt.want, "MMUSERID": "u", "MMCSRF": "c"}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func together(a, b http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a(httptest.NewRecorder(), r)
		first := httptest.NewRecorder()
		a(first, r)
		for _, line := range first.Header().Values("Set-Cookie") {
			w.Header().Add("Set-Cookie", line)
		}
		b(w, r)
	}
}

// TestAProgramsTokenStaysWithTheProgram is B8 with the simulator in place of a
// script.
func TestAProgramsTokenStaysWithTheProgram(t *testing.T) {
	rig, m := startKept(t)
	token, _ := m.SignIn(simulator.DemoEmail)
	var channel struct{ ID string }
	found := rig.get("/api/v4/teams/name/erp/channels/name/town-square", "Authorization", "Bearer "+token)
	if err := json.Unmarshal([]byte(found.body), &channel); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		header []string
		want   int
	}{
		"program": {[]string{"Authorization", "Bearer " + token}, 0},
		"browser": {[]string{"Cookie", "MMAUTHTOKEN=" + token, "X-Requested-With", ajax}, 3},
	} {
		m.AgeSessions(simulator.DemoEmail, 10*time.Hour)
		a := rig.do("POST", "/api/v4/channels/members/me/view", `{"channel_id":"`+channel.ID+`"}`, tt.header...)
		if got := a.Header.Values("Set-Cookie"); a.StatusCode != 200 || len(got) != tt.want {
			t.Errorf("%s: %d %q", name, a.StatusCode, got)
		}
	}
}

func TestTheTokenIsInNoTrailer(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"announced": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Token, Set-Cookie, Checksum")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("Token", ownToken)
			w.Header().Set("Set-Cookie", "MMAUTHTOKEN="+ownToken)
			w.Header().Set("Checksum", "7")
		},
		"unannounced": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "body")
			_ = http.NewResponseController(w).Flush()
			w.Header().Set(http.TrailerPrefix+"Token", ownToken)
			w.Header().Set(http.TrailerPrefix+"Set-Cookie", "MMAUTHTOKEN="+ownToken)
			w.Header().Set(http.TrailerPrefix+"Checksum", "7")
		},
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			a := start(t, handler).get("/")
			if diff := cmp.Diff(http.Header{"Checksum": {"7"}}, a.Trailer); diff != "" || a.body != "body" {
				t.Errorf("%q, trailers (-want +got):\n%s", a.body, diff)
			}
		})
	}
}

// diary is a Seen that counts.
type diary struct {
	gateway.Seen
	mu   sync.Mutex
	seen map[string]int
}

func (d *diary) Saw(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[token]++
}

// TestASessionIsRememberedOnceMattermostProvedIt, and not for every request.
func TestASessionIsRememberedOnceMattermostProvedIt(t *testing.T) {
	tests := map[string]struct {
		path   string
		status int
		header []string
		want   map[string]int
	}{
		"who am I":                    {"/api/v4/users/me", 200, []string{"Cookie", "MMAUTHTOKEN=" + ownToken}, map[string]int{ownToken: 1}},
		"not changed":                 {"/api/v4/users/me", 304, []string{"Cookie", "MMAUTHTOKEN=" + ownToken}, map[string]int{ownToken: 1}},
		"below it":                    {"/api/v4/users/me/teams/unread", 200, []string{"Authorization", "BEARER " + ownToken}, map[string]int{ownToken: 1}},
		"a post":                      {"/api/v4/posts", 201, []string{"Cookie", "MMAUTHTOKEN=" + ownToken}, map[string]int{ownToken: 1}},
		"the cookie wins":             {"/api/v4/users/me", 200, []string{"Cookie", "MMAUTHTOKEN=" + ownToken, "Authorization", "Bearer " + otherToken}, map[string]int{ownToken: 1}},
		"the newest of twins":         {"/api/v4/users/me", 200, []string{"Cookie", "MMAUTHTOKEN=" + otherToken + "; MMAUTHTOKEN=" + ownToken}, map[string]int{ownToken: 1}},
		"refused":                     {"/api/v4/users/me", 403, []string{"Cookie", "MMAUTHTOKEN=" + ownToken}, map[string]int{}},
		"nobody":                      {"/api/v4/users/me", 200, nil, map[string]int{}},
		"no scheme for a session":     {"/api/v4/users/me", 200, []string{"Authorization", "Basic eA=="}, map[string]int{}},
		"where anybody is answered":   {"/api/v4/system/ping", 200, []string{"Cookie", "MMAUTHTOKEN=" + ownToken}, map[string]int{}},
		"a page":                      {"/erp/channels/town-square", 200, []string{"Cookie", "MMAUTHTOKEN=" + ownToken}, map[string]int{}},
		"a name that only looks like": {"/api/v4/users/megan", 200, []string{"Cookie", "MMAUTHTOKEN=" + ownToken}, map[string]int{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := &diary{seen: map[string]int{}}
			rig := start(t, headersOf(tt.status), func(o *gateway.Options) { o.Seen = d })
			for range 3 {
				rig.get(tt.path, tt.header...)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			// A new minute may have begun between two of the three.
			for token, times := range d.seen {
				d.seen[token] = min(times, 1)
			}
			if diff := cmp.Diff(tt.want, d.seen); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestASignInNeedsNoGoodByeFromTheSessionBefore: with a live session's cookie and
// no CSRF proof Mattermost would refuse the login and delete the cookie
// (docs/mattermost.md A12), so the browser's cookies do not go along.
func TestASignInNeedsNoGoodByeFromTheSessionBefore(t *testing.T) {
	m := simulator.New(simulator.Options{Demo: true})
	defer m.Close()
	var mu sync.Mutex
	var leaked []string
	aliveAtLogin := false
	before, _ := m.SignIn(simulator.DanaEmail)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		leaked = append(leaked, r.Header["Cookie"]...)
		if strings.HasSuffix(r.URL.Path, "/users/login") {
			aliveAtLogin = m.Sessions(simulator.DanaEmail) == 1
		}
		mu.Unlock()
		m.ServeHTTP(w, r)
	}))
	defer backend.Close()
	client := mattermost.New(mattermost.Options{BaseURL: backend.URL})
	defer client.Close()
	rig := startBefore(t, backend, func(o *gateway.Options) {
		o.Login = passwords(func(ctx context.Context, a login.Attempt) (login.Session, error) {
			s, err := client.SignIn(ctx, "demo@erp.test", a.Password, "", a.Client)
			if err == nil {
				_ = client.End(ctx, a.Previous)
			}
			return s, err
		})
	})
	try := func(password string) answer {
		return rig.do("POST", "/api/v4/users/login", `{"login_id":"demo@erp.test","password":"`+password+`"}`,
			"Cookie", "MMAUTHTOKEN="+before+"; MMUSERID=u; MMCSRF=c")
	}
	if a := try("wrong-password"); a.StatusCode != 401 || len(a.Cookies()) != 0 || m.Sessions(simulator.DanaEmail) != 1 {
		t.Errorf("refused: %d, %v, %d sessions left", a.StatusCode, a.Cookies(), m.Sessions(simulator.DanaEmail))
	}
	a := try(m.Password())
	if a.StatusCode != 200 || len(a.Cookies()) != 3 || m.Sessions(simulator.DanaEmail) != 0 || m.Sessions(simulator.DemoEmail) != 1 {
		t.Errorf("signed in: %d %s", a.StatusCode, a.body)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(leaked) > 0 || !aliveAtLogin {
		t.Errorf("Mattermost got %q; the session before was alive at the login: %t", leaked, aliveAtLogin)
	}
}
