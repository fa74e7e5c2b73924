package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"matterpass/internal/email"
	"matterpass/internal/gateway"
	"matterpass/internal/login"
	"matterpass/internal/simulator"
)

// siteURL is where the simulator believes to be: neither the gateway's address
// nor its own.
const siteURL = "https://chat.erp.test"

// startSimulator puts a gateway in front of a small Mattermost.
func startSimulator(t *testing.T, change ...func(*gateway.Options)) (*rig, *simulator.Server) {
	t.Helper()
	mattermost := simulator.New(simulator.Options{Demo: true, SiteURL: siteURL})
	t.Cleanup(mattermost.Close)
	backend := httptest.NewServer(mattermost)
	t.Cleanup(backend.Close)
	return startBefore(t, backend, append(change, func(o *gateway.Options) {
		o.SiteURL = func() string { return siteURL }
		o.Login = atMattermost(backend)
	})...), mattermost
}

// atMattermost signs in by asking the backend, without limits.
func atMattermost(backend *httptest.Server) passwords {
	return func(ctx context.Context, a login.Attempt) (login.Session, error) {
		body, _ := json.Marshal(map[string]string{"login_id": a.Name.Value, "password": a.Password})
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, backend.URL+"/api/v4/users/login", bytes.NewReader(body))
		req.Header.Set("X-Requested-With", "XMLHttpRequest")
		res, err := backend.Client().Do(req)
		if err != nil {
			return login.Session{}, err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return login.Session{}, login.ErrRefused
		}
		return sessionOf(res)
	}
}

func sessionOf(res *http.Response) (s login.Session, err error) {
	s.Profile, err = io.ReadAll(res.Body)
	var who struct{ ID, Username, Email string }
	_ = json.Unmarshal(s.Profile, &who)
	s.User = login.User{ID: who.ID, Username: who.Username, Email: email.Address(who.Email)}
	s.Token, s.Device = res.Header.Get("Token"), "v1.device"
	for _, c := range res.Cookies() {
		if c.Name == "MMCSRF" {
			s.CSRF = c.Value
		}
	}
	return s, err
}

// signInAs returns the Cookie header of a browser that signed in with the form.
func (r *rig) signInAs(who, password string) string {
	r.t.Helper()
	body := `{"device_id":"","login_id":"` + who + `","password":"` + password + `","token":"","deviceId":""}`
	a := r.do("POST", "/api/v4/users/login", body, "X-Requested-With", "XMLHttpRequest", "Origin", r.url)
	if a.StatusCode != http.StatusOK {
		r.t.Fatalf("sign-in: %d %s", a.StatusCode, a.body)
	}
	var cookies []string
	for _, c := range a.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return strings.Join(cookies, "; ")
}

func TestTheWholeWayWithASimulatedMattermost(t *testing.T) {
	rig, mattermost := startSimulator(t)
	cookies := rig.signInAs("demo@erp.test", mattermost.Password())

	me := rig.get("/api/v4/users/me", "Cookie", cookies)
	if me.StatusCode != 200 || !strings.Contains(me.body, "demo@erp.test") {
		t.Errorf("users/me: %d %s", me.StatusCode, me.body)
	}

	page := rig.get("/erp/channels/town-square", "Cookie", cookies)
	if got := page.Header.Values("X-Frame-Options"); got != nil {
		t.Errorf("X-Frame-Options %q is still there", got)
	}
	want := []string{"frame-ancestors 'self' " + erp + "; script-src 'self'"}
	if diff := cmp.Diff(want, page.Header.Values("Content-Security-Policy")); diff != "" {
		t.Errorf("Content-Security-Policy (-want +got):\n%s", diff)
	}

	socket := rig.dial("Cookie", cookies, "Origin", rig.url)
	if _, frame, err := socket.Read(t.Context()); err != nil || !strings.Contains(string(frame), `"hello"`) {
		t.Errorf("first frame: %s, %v", frame, err)
	}
	_ = socket.Close(websocket.StatusNormalClosure, "")

	out := rig.do("POST", "/api/v4/users/logout", "", "Cookie", cookies, "X-Requested-With", "XMLHttpRequest")
	var deleted []string
	for _, c := range out.Cookies() {
		if c.MaxAge < 0 {
			deleted = append(deleted, c.Name)
		}
	}
	if out.StatusCode != 200 || !cmp.Equal(deleted, []string{"MMAUTHTOKEN", "MMUSERID", "MMCSRF"}) {
		t.Errorf("logout: %d, deleted %v", out.StatusCode, deleted)
	}
	if again := rig.get("/api/v4/users/me", "Cookie", cookies); again.StatusCode != 401 {
		t.Errorf("the session is still alive: %d", again.StatusCode)
	}
}

func TestAnAdministratorMakesAccountsAndNobodyElse(t *testing.T) {
	rig, mattermost := startSimulator(t)
	demo := rig.signInAs("demo@erp.test", mattermost.Password())
	admin := "Bearer " + mattermost.AdminToken()
	tests := map[string]struct {
		header []string
		want   int
	}{
		"anonymous":                    {nil, 403},
		"a token that nobody has":      {[]string{"Authorization", "Bearer aaaaaaaaaaaaaaaaaaaaaaaaaa"}, 403},
		"a person":                     {[]string{"Cookie", demo, "X-Requested-With", "XMLHttpRequest"}, 403},
		"a person's cookie over admin": {[]string{"Cookie", demo, "Authorization", admin, "X-Requested-With", "XMLHttpRequest"}, 403},
		"the administrator":            {[]string{"Authorization", admin}, 201},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := `{"email":"new@erp.test","username":"new","password":"Passw0rd-new"}`
			if a := rig.do("POST", "/api/v4/users", body, tt.header...); a.StatusCode != tt.want {
				t.Errorf("got %d %s, want %d", a.StatusCode, a.body, tt.want)
			}
		})
	}
}

// TestAnExtendedSessionKeepsOurCookies: Mattermost sends all three cookies again,
// in its own shape, when it extends a session (docs/mattermost.md B8).
func TestAnExtendedSessionKeepsOurCookies(t *testing.T) {
	rig, mattermost := startSimulator(t)
	cookies := rig.signInAs("demo@erp.test", mattermost.Password())
	mattermost.AgeSessions("demo@erp.test", 10*time.Hour)
	var channel struct{ ID string }
	found := rig.get("/api/v4/teams/name/erp/channels/name/town-square", "Cookie", cookies)
	if err := json.Unmarshal([]byte(found.body), &channel); err != nil || channel.ID == "" {
		t.Fatalf("%d %s, %v", found.StatusCode, found.body, err)
	}
	viewed := rig.do("POST", "/api/v4/channels/members/me/view", `{"channel_id":"`+channel.ID+`"}`,
		"Cookie", cookies, "X-Requested-With", "XMLHttpRequest")
	var shapes []string
	for _, line := range viewed.Header.Values("Set-Cookie") {
		_, shape, _ := strings.Cut(line, "; ")
		shapes = append(shapes, shape)
	}
	if diff := cmp.Diff([]string{"Path=/; HttpOnly", "Path=/", "Path=/"}, shapes); diff != "" {
		t.Errorf("%d, Set-Cookie (-want +got):\n%s", viewed.StatusCode, diff)
	}
}
