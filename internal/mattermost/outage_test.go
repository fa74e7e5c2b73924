package mattermost_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

// city is a Mattermost that refuses everybody, and whose database is there or not.
type city struct {
	mu    sync.Mutex
	ping  func() (*http.Response, error)
	pings int
}

func (m *city) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/ping") {
		if r.URL.Query().Get("get_server_status") != "true" {
			return refusal(500, "test")
		}
		m.pings++
		return m.ping()
	}
	if strings.HasSuffix(r.URL.Path, "/login") {
		return refusal(401, "api.user.login.invalid_credentials_email_username")
	}
	return refusal(401, gone)
}

func (m *city) set(ping func() (*http.Response, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ping = ping
}

func databaseThere() (*http.Response, error) {
	return answer(200, `{"status":"OK","database_status":"OK","filestore_status":"OK"}`)
}

// Mattermost answers the right password, and a good session, with 401 while its
// database is away (docs/mattermost.md A11, I3).
func TestRefusalWhileTheDatabaseIsAwayIsUnavailable(t *testing.T) {
	tests := map[string]struct {
		ping func() (*http.Response, error)
		want error // nil: the 401 is believed
	}{
		"there": {databaseThere, nil},
		"file store away": {func() (*http.Response, error) {
			return answer(200, `{"status":"UNHEALTHY","database_status":"OK","filestore_status":"UNHEALTHY"}`)
		}, nil},
		"file store away, old server": {func() (*http.Response, error) { return answer(500, `{}`, "Database_status", "OK") }, nil},
		"plain answer":                {func() (*http.Response, error) { return answer(200, `{"status":"OK"}`) }, nil},
		"away":                        {func() (*http.Response, error) { return answer(500, `{"status":"UNHEALTHY"}`) }, upstream.ErrUnavailable},
		"away, said with 200": {func() (*http.Response, error) {
			return answer(200, `{"status":"UNHEALTHY","database_status":"UNHEALTHY"}`)
		}, upstream.ErrUnavailable},
		"nobody answers": {func() (*http.Response, error) { return nil, errors.New("refused") }, upstream.ErrUnavailable},
		"limited":        {func() (*http.Response, error) { return answer(429, "limit exceeded\n") }, nil},
		"no status":      {func() (*http.Response, error) { return answer(200, `{}`) }, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			m := &city{ping: tc.ping}
			_, c := startOn(t, m.RoundTrip)
			_, err1 := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser)
			_, err2 := c.Find(t.Context(), demoToken, "")
			_, err3 := c.AddressOf(t.Context(), login.Name{Kind: login.ByUsername, Value: "demo"})
			want := []error{login.ErrRefused, login.ErrSignedOut, upstream.ErrAdminToken}
			for i, err := range []error{err1, err2, err3} {
				if tc.want != nil {
					want[i] = tc.want
				}
				if !errors.Is(err, want[i]) {
					t.Errorf("%v, want %v", err, want[i])
				}
			}
			if m.pings != 1 {
				t.Errorf("%d pings for three refusals", m.pings)
			}
		})
	}
}

func TestAFloodOfWrongPasswordsIsNoFloodOfPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &city{ping: databaseThere}
		_, c := startOn(t, m.RoundTrip)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for range 50 { // over five seconds
					if _, err := c.SignIn(t.Context(), "demo@erp.test", "wrong", "", browser); !errors.Is(err, login.ErrRefused) {
						t.Error(err)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		if m.pings > 5 {
			t.Errorf("%d pings for 1000 wrong passwords", m.pings)
		}
	})
}

func TestRefusalFromTheEndOfAnOutageIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &city{ping: func() (*http.Response, error) { return answer(500, `{"status":"UNHEALTHY"}`) }}
		_, c := startOn(t, m.RoundTrip)
		find := func(want error) {
			t.Helper()
			if _, err := c.Find(t.Context(), demoToken, ""); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		find(upstream.ErrUnavailable)
		m.set(databaseThere)
		time.Sleep(2 * time.Second)
		find(upstream.ErrUnavailable) // it is back, but has been away 2 s ago
		time.Sleep(4 * time.Second)
		find(login.ErrSignedOut)
	})
}

func TestRefusalThatCouldNotBeConfirmedInTimeIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := startOn(t, func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/ping") {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return refusal(401, gone)
		})
		begin := time.Now()
		if _, err := c.Find(t.Context(), demoToken, ""); !errors.Is(err, upstream.ErrTimeout) || time.Since(begin) > 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

// TestHowLongItIsBelievedThatTheDatabaseIsAway: each step is a question after
// some time; pings counts those that Mattermost got to hear so far.
func TestHowLongItIsBelievedThatTheDatabaseIsAway(t *testing.T) {
	away := func() (*http.Response, error) { return answer(500, `{"status":"UNHEALTHY"}`) }
	synctest.Test(t, func(t *testing.T) {
		m := &city{}
		_, c := startOn(t, m.RoundTrip)
		for i, step := range []struct {
			after time.Duration
			ping  func() (*http.Response, error)
			want  bool
			pings int
		}{
			{0, databaseThere, false, 1},
			{900 * time.Millisecond, away, false, 1},          // a good answer is kept for a second
			{200 * time.Millisecond, away, true, 2},           //
			{1900 * time.Millisecond, databaseThere, true, 2}, // a bad one for two
			{200 * time.Millisecond, databaseThere, true, 3},  // it is back, and has been away 2 s ago
			{2800 * time.Millisecond, databaseThere, true, 4},
			{200 * time.Millisecond, databaseThere, false, 4},
		} {
			time.Sleep(step.after)
			m.set(step.ping)
			if got := c.DatabaseAway(t.Context()); got != step.want || m.pings != step.pings {
				t.Errorf("step %d: %t after %d pings, want %t after %d", i, got, m.pings, step.want, step.pings)
			}
		}
	})
}

func TestAFloodOfQuestionsAboutTheDatabaseIsOnePing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &city{ping: func() (*http.Response, error) {
			return answer(500, `{"status":"UNHEALTHY"}`)
		}}
		_, c := startOn(t, m.RoundTrip)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // whoever asked first may have left; the others still want to know
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if !c.DatabaseAway(ctx) {
					t.Error("the database is there")
				}
			})
		}
		wg.Wait()
		if m.pings != 1 {
			t.Errorf("%d pings", m.pings)
		}
	})
}
