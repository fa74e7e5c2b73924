package cookie_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/cookie"
)

const production = "; Path=/; Secure; SameSite=None; Partitioned"

// through runs a handler behind the middleware and returns its Set-Cookie lines.
func through(t *testing.T, p cookie.Policy, r *http.Request, h http.HandlerFunc) []string {
	t.Helper()
	w := httptest.NewRecorder()
	cookie.Middleware(func(*http.Request) cookie.Policy { return p })(h).ServeHTTP(w, r)
	for name := range w.Header() {
		if strings.HasPrefix(name, "Matterpass") {
			t.Errorf("an internal header left: %s", name)
		}
	}
	return w.Header().Values("Set-Cookie")
}

func request(cookies ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://chat.example.com/", nil)
	for _, c := range cookies {
		r.Header.Add("Cookie", c)
	}
	return r
}

func signIn(w http.ResponseWriter, _ *http.Request) {
	cookie.SetSession(w.Header(), "tok", "usr", "csr")
	w.WriteHeader(http.StatusOK)
}

func TestSessionHasTheShapeOfItsEnvironment(t *testing.T) {
	cases := map[string]struct {
		settings cookie.Settings
		https    bool
		want     []string
	}{
		"development, plain HTTP": {cookie.Settings{}, false,
			[]string{"MMAUTHTOKEN=tok; Path=/; HttpOnly", "MMUSERID=usr; Path=/", "MMCSRF=csr; Path=/"}},
		"production, HTTPS": {cookie.Settings{}, true,
			[]string{"MMAUTHTOKEN=tok; Path=/; HttpOnly; Secure; SameSite=None; Partitioned", "MMUSERID=usr" + production, "MMCSRF=csr" + production}},
		"lax": {cookie.Settings{SameSite: cookie.Lax}, true,
			[]string{"MMAUTHTOKEN=tok; Path=/; HttpOnly; Secure; SameSite=Lax", "MMUSERID=usr; Path=/; Secure; SameSite=Lax", "MMCSRF=csr; Path=/; Secure; SameSite=Lax"}},
		"strict": {cookie.Settings{SameSite: cookie.Strict, Partitioned: cookie.Always}, true,
			[]string{"MMAUTHTOKEN=tok; Path=/; HttpOnly; Secure; SameSite=Strict; Partitioned", "MMUSERID=usr; Path=/; Secure; SameSite=Strict; Partitioned", "MMCSRF=csr; Path=/; Secure; SameSite=Strict; Partitioned"}},
		"not partitioned": {cookie.Settings{Partitioned: cookie.Never}, true,
			[]string{"MMAUTHTOKEN=tok; Path=/; HttpOnly; Secure; SameSite=None", "MMUSERID=usr; Path=/; Secure; SameSite=None", "MMCSRF=csr; Path=/; Secure; SameSite=None"}},
		"secure never": {cookie.Settings{Secure: cookie.Never, Partitioned: cookie.Always}, true,
			[]string{"MMAUTHTOKEN=tok; Path=/; HttpOnly", "MMUSERID=usr; Path=/", "MMCSRF=csr; Path=/"}},
		"secure always": {cookie.Settings{Secure: cookie.Always}, false,
			[]string{"MMAUTHTOKEN=tok; Path=/; HttpOnly; Secure; SameSite=None; Partitioned", "MMUSERID=usr" + production, "MMCSRF=csr" + production}},
		"a domain": {cookie.Settings{Domain: "example.com", SameSite: cookie.None}, true,
			[]string{"MMAUTHTOKEN=tok; Path=/; Domain=example.com; HttpOnly; Secure; SameSite=None; Partitioned", "MMUSERID=usr; Path=/; Domain=example.com; Secure; SameSite=None; Partitioned", "MMCSRF=csr; Path=/; Domain=example.com; Secure; SameSite=None; Partitioned"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := through(t, c.settings.Policy(c.https), request(), signIn)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMattermostsOwnLinesComeOutInOurShape(t *testing.T) {
	got := through(t, cookie.Settings{}.Policy(true), request(), func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range []string{
			"MMAUTHTOKEN=old; Path=/; Max-Age=2592000; HttpOnly",
			"MMAUTHTOKEN=tok; Path=/chat; Domain=chat.example.com; Expires=Tue, 22 Dec 2026 03:56:18 GMT; Max-Age=2592000; HttpOnly",
			"MMUSERID=usr; Path=/; Max-Age=2592000; HttpOnly",
			"MMCSRF=csr; Path=/; Max-Age=2592000; SameSite=Lax",
			"MMEMBED=1; Path=/",
			"MMCLOUDURL=x; Path=/sub; Domain=evil.example; Max-Age=60",
			"no cookie at all",
		} {
			w.Header().Add("Set-Cookie", line)
		}
		_, _ = w.Write([]byte("body"))
	})
	want := []string{
		"MMAUTHTOKEN=tok; Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
		"MMUSERID=usr" + production,
		"MMCSRF=csr" + production,
		"MMCLOUDURL=x; Path=/sub; Max-Age=60; Secure; SameSite=None; Partitioned",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMattermostsDeletionOfTheTokenDeletesAllThree(t *testing.T) {
	got := through(t, cookie.Settings{}.Policy(true), request("MMAUTHTOKEN=x"), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly")
		w.WriteHeader(http.StatusUnauthorized)
	})
	want := []string{
		"MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None; Partitioned",
		"MMUSERID=; Path=/; Max-Age=0; Secure; SameSite=None; Partitioned",
		"MMCSRF=; Path=/; Max-Age=0; Secure; SameSite=None; Partitioned",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// variants counts the deletions of one name by the jar they empty.
func variants(lines []string, name string) map[string]int {
	jars := map[string]int{}
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil || c.Name != name {
			continue
		}
		jar := "domain=" + c.Domain
		if c.Partitioned {
			jar += " partitioned"
		}
		if c.Value == "" && c.MaxAge < 0 {
			jars[jar]++
		} else {
			jars["live"]++
		}
	}
	return jars
}

func TestSignOutDeletesEveryVariant(t *testing.T) {
	got := through(t, cookie.Settings{}.Policy(true), request("MMAUTHTOKEN=x"), func(w http.ResponseWriter, _ *http.Request) {
		cookie.SetSession(w.Header(), "t", "u", "c") // must not survive
		cookie.SignOut(w.Header())
		w.WriteHeader(http.StatusNoContent)
	})
	want := map[string]int{
		"domain= partitioned": 1, "domain=": 1,
		"domain=chat.example.com partitioned": 1, "domain=chat.example.com": 1,
		"domain=example.com partitioned": 1, "domain=example.com": 1,
	}
	for _, name := range cookie.Session() {
		if diff := cmp.Diff(want, variants(got, name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestSignOutOnLocalhostIsThreeLines(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "http://localhost:8080/", nil)
	got := through(t, cookie.Policy{}, r, func(w http.ResponseWriter, _ *http.Request) { cookie.SignOut(w.Header()) })
	want := []string{"MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly", "MMUSERID=; Path=/; Max-Age=0", "MMCSRF=; Path=/; Max-Age=0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOtherShapesAreExpiredOnlyWhenTwinsWereSeen(t *testing.T) {
	p := cookie.Settings{}.Policy(true)
	for name, c := range map[string]struct {
		r    *http.Request
		heal bool
	}{
		"one session":      {request("MMAUTHTOKEN=a; MMUSERID=u; MMCSRF=c"), false},
		"twin tokens":      {request("MMAUTHTOKEN=old; MMAUTHTOKEN=new"), true},
		"twin users":       {request("MMUSERID=a", "MMUSERID=b"), true},
		"twins of another": {request("theme=a; theme=b"), false},
	} {
		got := through(t, p, c.r, signIn)
		jars := variants(got, cookie.Token)
		if jars["live"] != 1 || jars["domain= partitioned"] != 0 || (jars["domain="] == 1) != c.heal {
			t.Errorf("%s: %v", name, got)
		}
	}
	healed := through(t, p, request("MMAUTHTOKEN=old; MMAUTHTOKEN=new"), func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) })
	if jars := variants(healed, cookie.Token); jars["domain="] != 0 || jars["domain=chat.example.com"] != 1 {
		t.Errorf("an answer without cookies of its own: %v", jars)
	}
}

func TestDeviceCookieIsHostPrefixedWhereSecure(t *testing.T) {
	set := func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: cookie.Device, Value: "v1"})
		w.WriteHeader(http.StatusOK)
	}
	secure := through(t, cookie.Settings{Domain: "example.com"}.Policy(true), request(), set)
	plain := through(t, cookie.Policy{}, request(), set)
	if diff := cmp.Diff([]string{"__Host-mp_device=v1; Path=/; Max-Age=15552000; HttpOnly; Secure; SameSite=None; Partitioned"}, secure); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"mp_device=v1; Path=/; Max-Age=15552000; HttpOnly"}, plain); diff != "" {
		t.Error(diff)
	}
	if got := cookie.DeviceOf(request("mp_device=tossed; __Host-mp_device=ours")); got != "ours" {
		t.Errorf("DeviceOf = %q", got)
	}
	if got := cookie.DeviceOf(request("mp_device=dev")); got != "dev" {
		t.Errorf("DeviceOf = %q", got)
	}
}

func TestProbesKeepTheirAttributes(t *testing.T) {
	lines := []string{"mp_probe_lax=1; Path=/x; SameSite=Lax", "mp_probe_none=1; Path=/x; Secure; SameSite=None"}
	got := through(t, cookie.Policy{}, request(), func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range lines {
			w.Header().Add("Set-Cookie", line)
		}
		w.WriteHeader(http.StatusOK)
	})
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Error(diff)
	}
}

func TestHostPrefixedCookiesOfOthersStayValid(t *testing.T) {
	got := through(t, cookie.Settings{Domain: "example.com"}.Policy(true), request(), func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-other", Value: "1", Path: "/"})
		w.WriteHeader(http.StatusOK)
	})
	if diff := cmp.Diff([]string{"__Host-other=1; Path=/; Secure; SameSite=None; Partitioned"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestFlushAndInformationalAnswersDoNotSlipThrough(t *testing.T) {
	got := through(t, cookie.Settings{}.Policy(true), request(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "MMAUTHTOKEN=early")
		w.WriteHeader(http.StatusEarlyHints)
		cookie.SetSession(w.Header(), "tok", "usr", "csr")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})
	if len(got) != 3 || got[0] != "MMAUTHTOKEN=tok; Path=/; HttpOnly; Secure; SameSite=None; Partitioned" {
		t.Errorf("got %v", got)
	}
}

func TestNewestOfTwinsIsTheBrowsersSession(t *testing.T) {
	r := request("MMAUTHTOKEN=old; MMCSRF=c1; MMUSERID=u1", "MMAUTHTOKEN=new; MMCSRF=c2; MMUSERID=u2")
	if cookie.TokenOf(r) != "new" || cookie.CSRFOf(r) != "c2" || cookie.UserOf(r) != "u2" {
		t.Errorf("TokenOf = %q, CSRFOf = %q, UserOf = %q", cookie.TokenOf(r), cookie.CSRFOf(r), cookie.UserOf(r))
	}
	if cookie.TokenOf(request()) != "" {
		t.Error("a token out of nothing")
	}
}

func TestUpstreamGetsOneCookieANameAndNoneOfOurs(t *testing.T) {
	r := request(`MMAUTHTOKEN=old; theme=dark; MMAUTHTOKEN=new; __Host-mp_device=d; mp_device=e; mp_probe_lax=1; MMEMBED=1; "MMAUTHTOKEN"=evil; $Version=1; MMUSERID=u`)
	cookie.ForUpstream(r)
	if got, want := r.Header.Get("Cookie"), "theme=dark; MMAUTHTOKEN=new; $Version=1; MMUSERID=u"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	none := request("mp_device=e")
	cookie.ForUpstream(none)
	if _, sent := none.Header["Cookie"]; sent {
		t.Error("an empty Cookie header is sent")
	}
}

// FuzzTheShortWayForCookiesIsTheLongOne has two lines take the long way, of which
// the second says nothing.
func FuzzTheShortWayForCookiesIsTheLongOne(f *testing.F) {
	f.Add("MMAUTHTOKEN=new; MMUSERID=u; MMCSRF=c")
	f.Add("MMAUTHTOKEN=old; theme=dark; MMAUTHTOKEN=new")
	f.Add(`a="b"; mp_device=e; =x; y; z=;  MMAUTHTOKEN=`)
	f.Add("a=1; b=2; c=3; d=4; e=5; f=6; g=7; h=8; i=9; j=0; k=1; l=2; m=3; n=4; o=5; p=6; q=7")
	f.Fuzz(func(t *testing.T, line string) {
		short, long := request(line), request(line, "")
		token, sent := cookie.ForUpstream(short)
		wantToken, wantSent := cookie.ForUpstream(long)
		if token != wantToken || sent != wantSent || short.Header.Get("Cookie") != long.Header.Get("Cookie") {
			t.Errorf("%q is %q, %q, %v; want %q, %q, %v", line, short.Header["Cookie"], token, sent, long.Header["Cookie"], wantToken, wantSent)
		}
	})
}

func FuzzNoLineLeavesInAnotherShape(f *testing.F) {
	f.Add("MMAUTHTOKEN=a; Path=/; Domain=evil.example; Max-Age=1")
	f.Add("MMUSERID=\"a b\"; HttpOnly")
	f.Add("mmauthtoken=x; SameSite=Lax")
	p := cookie.Settings{}.Policy(true)
	f.Fuzz(func(t *testing.T, line string) {
		h := http.Header{"Set-Cookie": {line}}
		p.Apply(h, request())
		for _, out := range h.Values("Set-Cookie") {
			c, err := http.ParseSetCookie(out)
			if err != nil || strings.HasPrefix(c.Name, cookie.Probe) {
				continue
			}
			if !c.Secure || c.SameSite != http.SameSiteNoneMode || !c.Partitioned || c.Domain != "" {
				t.Errorf("%q left as %q", line, out)
			}
		}
	})
}

func TestTheCookieOfASignInUnderWayIsFirstPartyAndComesBackFromAnotherSite(t *testing.T) {
	set := http.Cookie{Name: cookie.Flow + "id", Value: "sealed", MaxAge: 600}
	for name, c := range map[string]struct {
		policy cookie.Policy
		want   string
	}{
		"https":              {cookie.Settings{}.Policy(true), "__Host-mp_oidc_id=sealed; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax"},
		"https, all strict":  {cookie.Settings{SameSite: cookie.Strict, Domain: "test"}.Policy(true), "__Host-mp_oidc_id=sealed; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax"},
		"http, in the house": {cookie.Settings{}.Policy(false), "mp_oidc_id=sealed; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"},
	} {
		shaped := c.policy.Shape(set)
		if got := shaped.String(); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
		r := httptest.NewRequest("GET", "https://chat.test/", nil)
		r.Header.Set("Cookie", shaped.Name+"=sealed; mp_oidc_other=tossed; MMUSERID=u")
		flows := c.policy.FlowsOf(r)
		if _, tossed := flows["other"]; flows["id"] != "sealed" || tossed == c.policy.Secure {
			t.Errorf("%s: read %v", name, flows)
		}
		cookie.ForUpstream(r)
		if got := r.Header.Get("Cookie"); got != "MMUSERID=u" {
			t.Errorf("%s: goes to Mattermost: %s", name, got)
		}
	}
}
