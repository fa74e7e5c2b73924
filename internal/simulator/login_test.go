package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/pquerna/otp/totp"

	"matterpass/internal/simulator"
)

// mattermost is a running simulator and a client for it.
type mattermost struct {
	*simulator.Server
	t   *testing.T
	URL string
}

func start(t *testing.T, o simulator.Options) *mattermost {
	t.Helper()
	s := simulator.New(o)
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	return &mattermost{Server: s, t: t, URL: server.URL}
}

type answer struct {
	*http.Response
	text string
}

// id is the id of the error, or of the thing, that was answered.
func (a answer) id() string {
	var body struct{ ID string }
	_ = json.Unmarshal([]byte(a.text), &body)
	return body.ID
}

// do sends a request; headers come in pairs.
func (m *mattermost) do(method, path, body string, headers ...string) answer {
	m.t.Helper()
	r, err := http.NewRequestWithContext(m.t.Context(), method, m.URL+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	// The transport alone: cookies and redirects are what is being tested.
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return answer{response, ""} // a WebSocket has no end
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return answer{response, string(text)}
}

func (m *mattermost) login(name, password string) answer {
	m.t.Helper()
	body, _ := json.Marshal(map[string]string{"login_id": name, "password": password})
	return m.do("POST", "/api/v4/users/login", string(body), "X-Requested-With", "XMLHttpRequest")
}

func TestDemoPeopleSignInAndReadWhoTheyAre(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	signedIn := m.login(simulator.DemoEmail, m.Password())
	if signedIn.StatusCode != http.StatusOK || len(signedIn.Cookies()) != 3 {
		t.Fatalf("login answered %d with %d cookies", signedIn.StatusCode, len(signedIn.Cookies()))
	}
	me := m.do("GET", "/api/v4/users/me", "", "Cookie", "MMAUTHTOKEN="+signedIn.Header.Get("Token"))
	if me.StatusCode != http.StatusOK || me.id() != m.UserID(simulator.DemoEmail) {
		t.Errorf("me answered %d %s", me.StatusCode, me.text)
	}
}

func TestTheEleventhTryIsRefusedEvenWithTheRightPassword(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	for try := range 10 {
		if got := m.login("demo", "wrong").id(); got != "api.user.login.invalid_credentials_email_username" {
			t.Fatalf("try %d: %s", try+1, got)
		}
	}
	if got := m.login("demo", m.Password()).id(); got != "api.user.check_user_login_attempts.too_many.app_error" {
		t.Errorf("the right password after ten wrong ones: %s", got)
	}
	if m.FailedAttempts(simulator.DemoEmail) != 10 || m.Logins() != 11 {
		t.Errorf("%d failures counted of %d logins, want 10 of 11", m.FailedAttempts(simulator.DemoEmail), m.Logins())
	}
	m.SetFailedAttempts(simulator.DemoEmail, 0)
	if got := m.login("demo", m.Password()).StatusCode; got != http.StatusOK {
		t.Errorf("after the lock was lifted: %d", got)
	}
}

func TestMaximumLoginAttemptsIsObeyed(t *testing.T) {
	m := start(t, simulator.Options{Demo: true, MaximumLoginAttempts: 2})
	m.login("demo", "wrong")
	m.login("demo", "wrong")
	if got := m.login("demo", m.Password()).id(); got != "api.user.check_user_login_attempts.too_many.app_error" {
		t.Errorf("third try: %s", got)
	}
}

func TestASecondFactorIsAskedForAndItsCodeSpentOnce(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	m.SetMFA(simulator.DemoEmail, mfaSecret)
	code := func(d time.Duration) string {
		c, err := totp.GenerateCode(mfaSecret, time.Now().Add(d))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	sign := func(code string) string {
		body, _ := json.Marshal(map[string]string{"login_id": "demo", "password": m.Password(), "token": code})
		return m.do("POST", "/api/v4/users/login", string(body)).id()
	}
	now := code(0)
	if got := sign(""); got != "mfa.validate_token.authenticate.app_error" {
		t.Errorf("without a code: %s", got)
	}
	if got := sign("  " + now + " "); got != m.UserID(simulator.DemoEmail) {
		t.Errorf("with the code, in spaces: %s", got)
	}
	if got := sign(now); got != "api.user.check_user_mfa.bad_code.app_error" {
		t.Errorf("with the same code again: %s", got)
	}
	m.SetMFA(simulator.DemoEmail, "")
	if got := sign(""); got != m.UserID(simulator.DemoEmail) {
		t.Errorf("with the second factor off: %s", got)
	}
}

func TestPasswordChecksWaitForOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulator.New(simulator.Options{Demo: true, HashTime: 170 * time.Millisecond})
		defer s.Close()
		began := time.Now()
		var logins sync.WaitGroup
		for range 8 {
			logins.Go(func() {
				body := strings.NewReader(`{"login_id":"demo","password":"` + s.Password() + `"}`)
				answered := httptest.NewRecorder()
				s.ServeHTTP(answered, httptest.NewRequest("POST", "/api/v4/users/login", body))
				if answered.Code != http.StatusOK {
					t.Errorf("login answered %d", answered.Code)
				}
			})
		}
		logins.Wait()
		if took := time.Since(began); took != 8*170*time.Millisecond {
			t.Errorf("eight logins took %v, want eight times 170 ms", took)
		}
	})
}

func TestLoginsOfStrangersAndLongPasswordsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulator.New(simulator.Options{Demo: true, HashTime: time.Second})
		defer s.Close()
		began := time.Now()
		for _, body := range []string{
			`{"login_id":"nobody","password":"whatever"}`,
			`{"login_id":"demo","password":"` + strings.Repeat("x", 73) + `"}`,
		} {
			answered := httptest.NewRecorder()
			s.ServeHTTP(answered, httptest.NewRequest("POST", "/api/v4/users/login", strings.NewReader(body)))
			if answered.Code != http.StatusUnauthorized || time.Since(began) != 0 {
				t.Errorf("%.40s: %d after %v", body, answered.Code, time.Since(began))
			}
		}
	})
}

func TestTheOldestOfTooManySessionsMakesRoom(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	first, _ := m.SignIn(simulator.DemoEmail)
	for range 500 {
		m.SignIn(simulator.DemoEmail)
	}
	if got := m.Sessions(simulator.DemoEmail); got != 500 {
		t.Errorf("%d sessions, want 500", got)
	}
	if got := m.do("GET", "/api/v4/users/me", "", "Authorization", "Bearer "+first).StatusCode; got != 401 {
		t.Errorf("the first session answers %d", got)
	}
}

func TestASessionEndsWithItsLength(t *testing.T) {
	clock := time.Now()
	m := start(t, simulator.Options{Demo: true, SessionLength: time.Hour, Now: func() time.Time { return clock }})
	signedIn := m.login("demo", m.Password())
	if got := signedIn.Cookies()[0].MaxAge; got != 3600 {
		t.Errorf("the cookie lives %d s, want 3600", got)
	}
	clock = clock.Add(61 * time.Minute)
	me := m.do("GET", "/api/v4/users/me", "", "Authorization", "Bearer "+signedIn.Header.Get("Token"))
	if me.StatusCode != http.StatusUnauthorized {
		t.Errorf("after its hour the session answers %d", me.StatusCode)
	}
}

func TestTheOfficialClientWorks(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	client := model.NewAPIv4Client(m.URL)
	client.SetToken(m.AdminToken())
	made, _, err := client.CreateUser(t.Context(), &model.User{Email: "new@erp.test", Username: "new", Password: "long-enough"})
	if err != nil {
		t.Fatal(err)
	}
	erp, _, err := client.GetTeamByName(t.Context(), simulator.DemoTeam, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.AddTeamMember(t.Context(), erp.Id, made.Id); err != nil {
		t.Fatal(err)
	}
	person := model.NewAPIv4Client(m.URL)
	if _, _, err := person.Login(t.Context(), "new@erp.test", "long-enough"); err != nil {
		t.Fatal(err)
	}
	teams, _, err := person.GetTeamsForUser(t.Context(), "me", "")
	if err != nil || len(teams) != 1 || teams[0].Name != simulator.DemoTeam {
		t.Errorf("teams %v: %v", teams, err)
	}
	status, _, err := person.GetPingWithOptions(t.Context(), model.SystemPingOptions{FullStatus: true})
	if err != nil || status["database_status"] != "OK" {
		t.Errorf("ping %v: %v", status, err)
	}
	if _, err := person.Logout(t.Context()); err != nil {
		t.Error(err)
	}
}
