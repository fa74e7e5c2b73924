package gateway_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"matterpass/internal/gateway"
	"matterpass/internal/login"
)

// otherEnded has the session otherToken ended here, which Mattermost does not know yet.
func otherEnded(o *gateway.Options) {
	o.Standing = func(_ context.Context, token string, _ bool) string { return o.Ended(context.Background(), token) }
	o.Ended = func(_ context.Context, token string) string {
		if token == otherToken {
			return login.EndedByIdle
		}
		return ""
	}
}

// live are the names of the cookies that an answer sets.
func live(a answer) string {
	var names []string
	for _, c := range a.Cookies() {
		if c.MaxAge >= 0 && c.Value != "" {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, " ")
}

// TestASignInTakesThePlaceOfASessionThatEnded: the first page of the morning carries
// the cookies of yesterday.
func TestASignInTakesThePlaceOfASessionThatEnded(t *testing.T) {
	const all = "MMAUTHTOKEN MMUSERID MMCSRF mp_device"
	rig := start(t, headersOf(200), silent(newSession), otherEnded, func(o *gateway.Options) {
		o.Login = passwords(func(context.Context, login.Attempt) (login.Session, error) { return newSession("", login.Visit{}) })
	})
	page := rig.get("/erp", append(navigating, "Cookie", "erp_chat=assertion; MMAUTHTOKEN="+otherToken)...)
	if live(page) != all {
		t.Errorf("on the way to a page: %q", page.Header["Set-Cookie"])
	}
	form := rig.do("POST", "/api/v4/users/login", `{"login_id":"a@b.c","password":"x"}`, "Cookie", "MMAUTHTOKEN="+otherToken)
	if form.StatusCode != 200 || live(form) != all {
		t.Errorf("at Mattermost's form: %d %q", form.StatusCode, form.Header["Set-Cookie"])
	}
	if plain := rig.get("/erp", "Cookie", "MMAUTHTOKEN="+otherToken); live(plain) != "" || len(plain.Header["Set-Cookie"]) < 3 {
		t.Errorf("without a sign-in: %q", plain.Header["Set-Cookie"])
	}
}

func TestASessionThatEndedIsNoWayInForProgramsEither(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo), otherEnded)
	for name, header := range map[string][]string{
		"bearer":        {"Authorization", "Bearer " + otherToken},
		"token":         {"Authorization", "token " + otherToken},
		"beside itself": {"Authorization", "Bearer " + otherToken, "Cookie", "MMAUTHTOKEN=" + otherToken},
		"behind it":     {"Authorization", "Bearer " + ownToken, "Cookie", "MMAUTHTOKEN=" + otherToken},
	} {
		got := rig.get("/api/v4/users/me", header...)
		if sent := got.Header.Get("Got-Authorization") + got.Header.Get("Got-Cookie"); sent != "" {
			t.Errorf("%s: %q reached Mattermost", name, sent)
		}
		if deleted := len(got.Header["Set-Cookie"]) > 0; deleted != (len(header) > 2) {
			t.Errorf("%s: cookies of the answer %q", name, got.Header["Set-Cookie"])
		}
	}
	if got := rig.get("/api/v4/users/me", "Authorization", "Bearer "+ownToken); got.Header.Get("Got-Authorization") != "Bearer "+ownToken {
		t.Error("a good token does not arrive")
	}
}

// TestASignOutDuringTheHandshakeEndsItsWebSocketAtOnce: nothing was open when it came.
func TestASignOutDuringTheHandshakeEndsItsWebSocketAtOnce(t *testing.T) {
	var rig *rig
	rig = start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rig.EndSession(ownToken)
		parrot(w, r)
	}), func(o *gateway.Options) {
		o.AliveEvery = time.Hour
		o.Alive = func(context.Context, string, bool) (bool, error) { return false, nil }
	})
	conn := rig.dial("Origin", rig.url, "Cookie", "MMAUTHTOKEN="+ownToken)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
				t.Error(err)
			}
			return
		}
	}
}

// TestSessionsAndTokensOfProgramsAreToldApart: only those of browsers grow old here.
func TestSessionsAndTokensOfProgramsAreToldApart(t *testing.T) {
	asked := make(chan string, 100)
	rig := start(t, http.HandlerFunc(parrot), func(o *gateway.Options) {
		o.AliveEvery = 50 * time.Millisecond
		o.Alive = func(_ context.Context, token string, program bool) (bool, error) {
			asked <- map[bool]string{true: "program ", false: "browser "}[program] + token
			return true, nil
		}
	})
	for want, header := range map[string][]string{
		"browser " + ownToken:   {"Origin", rig.url, "Cookie", "MMAUTHTOKEN=" + ownToken},
		"program " + otherToken: {"Authorization", "Bearer " + otherToken},
	} {
		rig.dial(header...)
		eventually(t, want, func() bool { return <-asked == want })
	}
}

func TestTwinsAreHealedWhereMattermostTookTheSession(t *testing.T) {
	twins := "MMAUTHTOKEN=" + otherToken + "; MMUSERID=o; MMCSRF=o; MMAUTHTOKEN=" + ownToken + "; MMUSERID=u; MMCSRF=c"
	for name, c := range map[string]struct {
		path, cookies string
		status        int
		want          string
	}{
		"accepted":        {"/api/v4/users/me", twins, 200, "MMAUTHTOKEN=" + ownToken + " MMUSERID=u MMCSRF=c"},
		"not accepted":    {"/api/v4/users/me", twins, 401, ""},
		"nothing proved":  {"/erp", twins, 200, ""},
		"without a twin":  {"/api/v4/users/me", "MMAUTHTOKEN=" + ownToken + "; MMUSERID=u", 200, ""},
		"twins of a user": {"/api/v4/users/me", "MMUSERID=o; MMAUTHTOKEN=" + ownToken + "; MMUSERID=u", 200, "MMAUTHTOKEN=" + ownToken + " MMUSERID=u"},
	} {
		rig := start(t, headersOf(c.status))
		var set []string
		for _, line := range rig.get(c.path, "Cookie", c.cookies).Cookies() {
			if line.Value != "" {
				set = append(set, line.Name+"="+line.Value)
			}
		}
		if got := strings.Join(set, " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestEveryAnswerOfOursIsMarkedAsOurs(t *testing.T) {
	down := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	rig := start(t, down, func(o *gateway.Options) {
		o.Own = func(h http.Header, r *http.Request) { h.Set("Ours", r.URL.Path) }
	})
	for name, got := range map[string]answer{
		"refused":        rig.get("/oauth/authorize"),
		"ambiguous":      rig.get("/a%2fb"),
		"redirected":     rig.get("/a//b"),
		"a method":       rig.do("TRACE", "/", ""),
		"a bad sign-in":  rig.do("POST", "/api/v4/users/login", "{}"),
		"no upgrade":     rig.get("/x", "Connection", "Upgrade", "Upgrade", "h2c"),
		"down, a call":   rig.get("/api/v4/users/me"),
		"down, a page":   rig.get("/erp", "Sec-Fetch-Dest", "document"),
		"down, a socket": rig.send(rig.socketRequest()),
	} {
		if got.Header.Get("Ours") == "" {
			t.Errorf("%s: %d %v", name, got.StatusCode, got.Header)
		}
	}
	fine := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }), func(o *gateway.Options) {
		o.Own = func(h http.Header, _ *http.Request) { h.Set("Ours", "yes") }
	})
	if got := fine.get("/api/v4/users/me"); got.Header.Get("Ours") != "" {
		t.Error("Mattermost's answers are marked, too")
	}
}
