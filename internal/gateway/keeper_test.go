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
		"twins, and the older comes back":        {three(otherToken), "/api/v4/posts", []string{"Cookie", "MMAUTHTOKEN=" + otherToken + "; " + browser + "; MMUSERID=u; MMCSRF=c"}, ownToken},
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

// TestNobodyElseSignsABrowserOut: a plugin's answer is Mattermost's, and may say
// what is between us and the cookie middleware.
func TestNobodyElseSignsABrowserOut(t *testing.T) {
	rig := start(t, headersOf(200, "Matterpass-Sign-Out", "1"))
	a := rig.get("/plugins/other/page", "Cookie", "MMAUTHTOKEN=k3j9w2q8x7c5v1b6n4m0zpyrte")
	if a.Header.Values("Set-Cookie") != nil || a.Header.Values("Matterpass-Sign-Out") != nil {
		t.Errorf("%v", a.Header)
	}
}
