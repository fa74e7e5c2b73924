package simulator_test

import (
	"fmt"
	"net/http"
	"testing"

	"matterpass/internal/simulator"
)

// cheap is the hash of the recorded exchange adminpw-already-hashed-cheap.
const cheap = "$pbkdf2$f=SHA256,w=1,l=32$MDEyMzQ1Njc4OWFiY2RlZg$KYy2M7kCxMENqj1HW+m1niyD6YDxqXaY3oMSqb0HF+M"

func (m *mattermost) givePassword(body string) answer {
	return m.do(http.MethodPut, "/api/v4/users/"+m.UserID(simulator.DemoEmail)+"/password", body, "Authorization", "Bearer "+m.AdminToken())
}

func TestAPasswordHandedOverAsAHashEndsNoSession(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	m.SignIn(simulator.DemoEmail)
	m.SetFailedAttempts(simulator.DemoEmail, 10)
	if got := m.givePassword(fmt.Sprintf(`{"new_password":%q,"already_hashed":"true"}`, cheap)); got.StatusCode != http.StatusOK {
		t.Fatal(got.text)
	}
	if sessions, mails := m.Sessions(simulator.DemoEmail), m.Mails(simulator.DemoEmail); sessions != 1 || mails != 0 {
		t.Errorf("%d sessions, %d mails", sessions, mails)
	}
	if n := m.FailedAttempts(simulator.DemoEmail); n != 0 {
		t.Errorf("%d failures stand", n)
	}
}

func TestAPlainPasswordEndsSessionsAndSendsAMail(t *testing.T) {
	for name, ends := range map[string]bool{"as by default": true, "where it is told not to": false} {
		m := start(t, simulator.Options{Demo: true})
		m.Configure(func(s *simulator.Settings) { s.ServiceSettings.TerminateSessionsOnPasswordChange = ends })
		m.SignIn(simulator.DemoEmail)
		if got := m.givePassword(`{"new_password":"Random-Pass-1"}`); got.StatusCode != http.StatusOK {
			t.Fatal(got.text)
		}
		if n := m.Sessions(simulator.DemoEmail); (n == 0) != ends || m.Mails(simulator.DemoEmail) != 1 {
			t.Errorf("%s: %d sessions, %d mails", name, n, m.Mails(simulator.DemoEmail))
		}
	}
}

func TestAServerWithoutHashesChangesNothing(t *testing.T) {
	m := start(t, simulator.Options{Demo: true, PlainPasswordsOnly: true})
	got := m.givePassword(fmt.Sprintf(`{"new_password":%q,"already_hashed":"true"}`, cheap))
	if got.StatusCode != http.StatusBadRequest || got.id() != "model.user.is_valid.pwd_max_length.app_error" {
		t.Error(got.StatusCode, got.text)
	}
	login := fmt.Sprintf(`{"login_id":%q,"password":%q}`, simulator.DemoEmail, m.Password())
	if got := m.do(http.MethodPost, "/api/v4/users/login", login); got.StatusCode != http.StatusOK {
		t.Error("the old password is gone")
	}
}
