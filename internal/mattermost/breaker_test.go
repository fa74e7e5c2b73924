package mattermost_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"matterpass/internal/upstream"
)

func TestBreakerOpensAndIsBackWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, up := 0, false
		o, c := startOn(t, func(*http.Request) (*http.Response, error) {
			asked++
			if !up {
				return nil, errors.New("connection refused")
			}
			return answer(200, demoUser)
		})
		for range 50 {
			if _, err := c.Find(t.Context(), demoToken, ""); !errors.Is(err, upstream.ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if asked != 5 || c.BreakerState() != "open" || o.calls[49] != "session breaker_open" {
			t.Errorf("asked %d times, breaker %s, last %s", asked, c.BreakerState(), o.calls[49])
		}
		up = true
		begin := time.Now()
		for time.Since(begin) < time.Minute {
			if _, err := c.Find(t.Context(), demoToken, ""); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(begin); took > 5*time.Second || c.BreakerState() != "closed" {
			t.Errorf("back after %s, breaker %s", took, c.BreakerState())
		}
	})
}

func TestHalfOpenLetsOneProbeThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked := 0
		_, c := startOn(t, func(*http.Request) (*http.Response, error) {
			mu.Lock()
			asked++
			mu.Unlock()
			time.Sleep(time.Second)
			return answer(500, "")
		})
		for range 5 {
			_, _ = c.Find(t.Context(), demoToken, "")
		}
		time.Sleep(3 * time.Second)
		asked = 0
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { _, _ = c.Find(t.Context(), demoToken, "") })
		}
		wg.Wait()
		if asked != 1 {
			t.Errorf("%d probes", asked)
		}
	})
}

func TestHalfOfTheAnswersFailingOpensTheBreaker(t *testing.T) {
	asked := 0
	_, c := startOn(t, func(*http.Request) (*http.Response, error) {
		asked++
		if asked%2 == 0 {
			return answer(503, "")
		}
		return answer(200, demoUser)
	})
	for range 40 {
		_, _ = c.Find(t.Context(), demoToken, "")
	}
	if c.BreakerState() != "open" || asked != 10 {
		t.Errorf("asked %d times, breaker %s", asked, c.BreakerState())
	}
}

func TestWhatClientsDoWrongNeverOpensTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, w := range map[string]wire{
			"unknown tokens":  func(*http.Request) (*http.Response, error) { return refusal(404, "api.user.x") },
			"a portal's page": func(*http.Request) (*http.Response, error) { return answer(200, "<html>") },
			"leaving early": func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			},
		} {
			_, c := startOn(t, w)
			for i := range 40 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				if i%2 == 0 {
					time.AfterFunc(time.Second/2, cancel)
				}
				_, _ = c.Find(ctx, demoToken, "")
				cancel()
			}
			if c.BreakerState() != "closed" {
				t.Errorf("%s opened it", name)
			}
		}
	})
}

func TestHealthIsAskedWhileTheBreakerIsOpen(t *testing.T) {
	up := false
	_, c := startOn(t, func(*http.Request) (*http.Response, error) {
		if !up {
			return nil, errors.New("connection refused")
		}
		return answer(200, `{"status":"OK","database_status":"OK"}`)
	})
	for range 10 {
		_, _ = c.Find(t.Context(), demoToken, "")
	}
	if err := c.Ping(t.Context()); !errors.Is(err, upstream.ErrUnavailable) {
		t.Error(err)
	}
	up = true
	if err := c.Ping(t.Context()); err != nil || c.BreakerState() != "open" {
		t.Error(err, c.BreakerState())
	}
}

// refusal is a refusal of Mattermost's on a wire.
func refusal(status int, id string) (*http.Response, error) {
	return answer(status, `{"id":"`+id+`","message":"no","status_code":200}`)
}
