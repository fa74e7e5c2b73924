package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
