package mattermost_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/upstream"
)

// hijack plays what happens to the connection itself.
func hijack(play func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		play(conn)
	}
}

func reset(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }

func TestEveryFaultHasOneError(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	tests := map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"500":                     {refuse(500, "api.user.login.invalid_credentials"), upstream.ErrUnavailable},
		"502 with a page":         {reply(502, "<html>"), upstream.ErrUnavailable},
		"503 empty":               {reply(503, ""), upstream.ErrUnavailable},
		"504":                     {reply(504, "{}"), upstream.ErrUnavailable},
		"reset":                   {hijack(reset), upstream.ErrUnavailable},
		"closed before an answer": {hijack(func(net.Conn) {}), upstream.ErrUnavailable},
		"not HTTP":                {hijack(func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-hello\r\n") }), upstream.ErrUnavailable},
		"truncated by length":     {hijack(func(c net.Conn) { _, _ = io.WriteString(c, head+"Content-Length: 999\r\n\r\n{\"id\":") }), upstream.ErrInvalid},
		"chunks without an end":   {hijack(func(c net.Conn) { _, _ = io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n4\r\n{\"id\r\n") }), upstream.ErrInvalid},
		"a portal's page":         {reply(200, "<html>sign in to the network</html>"), upstream.ErrInvalid},
		"an empty 200":            {reply(200, ""), upstream.ErrInvalid},
		"an array":                {reply(200, "[]"), upstream.ErrInvalid},
		"wrong types":             {reply(200, `{"id":17}`), upstream.ErrInvalid},
		"204":                     {reply(204, ""), upstream.ErrInvalid},
		"304":                     {reply(304, ""), upstream.ErrInvalid},
		"401 with a page":         {reply(401, "<html>"), upstream.ErrInvalid},
		"401 without an id":       {reply(401, "{}"), upstream.ErrInvalid},
		"403 unheard of":          {refuse(403, "api.something.new.app_error"), upstream.ErrInvalid},
		"413 of a proxy":          {reply(413, "<html>"), upstream.ErrInvalid},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, c := start(t)
			s.set(signIn, tc.answer)
			s.set(me, tc.answer)
			_, err := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser)
			if !errors.Is(err, tc.want) {
				t.Errorf("sign-in: %v, want %v", err, tc.want)
			}
			if s.times(signIn) != 1 {
				t.Errorf("sent %d times", s.times(signIn))
			}
			if name == "401 with a page" || name == "401 without an id" {
				return
			}
			if _, err := c.Find(t.Context(), demoToken, ""); !errors.Is(err, tc.want) {
				t.Errorf("find: %v, want %v", err, tc.want)
			}
		})
	}
}

func TestNobodyListeningIsUnavailableAtOnce(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	c := mattermost.New(mattermost.Options{BaseURL: server.URL})
	begin := time.Now()
	for range 20 {
		if _, err := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser); !errors.Is(err, upstream.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took > time.Second || c.BreakerState() != "open" {
		t.Errorf("20 sign-ins took %s, breaker %s", took, c.BreakerState())
	}
}

func TestForeignTextIsHarmlessAndQuotedOnce(t *testing.T) {
	_, c := startOn(t, func(*http.Request) (*http.Response, error) {
		return nil, errors.New("no \"way\"\n\x1b[31m\u202e\x00\xff" + strings.Repeat("\u2028", 99))
	})
	text := c.Ping(t.Context()).Error()
	if !strings.Contains(text, `Get "http://`) || !strings.Contains(text, `no "way"\n\x1b[31m\u202e\x00\ufffd\u2028`) {
		t.Errorf("not as it was: %s", text)
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) || len(text) > 300 {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}

func TestResetInTheBodyIsUnavailable(t *testing.T) {
	_, c := startOn(t, func(*http.Request) (*http.Response, error) {
		response, err := answer(200, "")
		response.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"id":`), readerFunc(func([]byte) (int, error) {
			return 0, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
		})))
		return response, err
	})
	if _, err := c.Find(t.Context(), demoToken, ""); !errors.Is(err, upstream.ErrUnavailable) {
		t.Error(err)
	}
}

// A connection that could not be made carried no password, so the try can be given
// back; a deadline that passed later leaves that open.
func TestConnectTimeoutIsUnavailable(t *testing.T) {
	_, c := startOn(t, func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
	})
	if _, err := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser); !errors.Is(err, upstream.ErrUnavailable) || errors.Is(err, upstream.ErrTimeout) {
		t.Error(err)
	}
}

func TestCertificateNobodyTrustsIsRefused(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	defer server.Close()
	c := mattermost.New(mattermost.Options{BaseURL: server.URL})
	defer c.Close()
	err := c.Ping(t.Context())
	if !errors.Is(err, upstream.ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
}

func TestDeadlineOfACallAndOfItsCaller(t *testing.T) {
	slow := wire(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	stalls := wire(func(r *http.Request) (*http.Response, error) {
		response, err := answer(200, "")
		response.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
			<-r.Context().Done()
			return 0, r.Context().Err()
		}))
		return response, err
	})
	for name, w := range map[string]wire{"no answer": slow, "stalls in the body": stalls} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, c := startOn(t, w)
				begin := time.Now()
				_, err := c.Find(t.Context(), demoToken, "")
				if !errors.Is(err, upstream.ErrTimeout) || time.Since(begin) != 10*time.Second {
					t.Errorf("%v after %s", err, time.Since(begin))
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				_, err = c.Find(ctx, demoToken, "")
				cancel()
				if !errors.Is(err, upstream.ErrTimeout) {
					t.Errorf("the caller's deadline: %v", err)
				}
				ctx, cancel = context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				_, err = c.Find(ctx, demoToken, "")
				if !errors.Is(err, context.Canceled) || errors.Is(err, upstream.ErrTimeout) {
					t.Errorf("the caller left: %v", err)
				}
				if _, err = c.Find(ctx, demoToken, ""); !errors.Is(err, context.Canceled) {
					t.Errorf("the caller had left: %v", err)
				}
				if got := fmt.Sprint(o.calls); got != "[session timeout session timeout session gone session gone]" {
					t.Error(got)
				}
			})
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestSessionOfAnAnswerThatBrokeOffIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended string
		_, c := startOn(t, func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/logout") {
				ended = r.Header.Get("Authorization")
				return answer(200, `{"status":"OK"}`)
			}
			response, err := answer(200, "", "Token", demoToken)
			response.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
				<-r.Context().Done()
				return 0, r.Context().Err()
			}))
			return response, err
		})
		_, err := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser)
		if !errors.Is(err, upstream.ErrTimeout) || ended != "BEARER "+demoToken {
			t.Errorf("%v, ended %q", err, ended)
		}
	})
}

func TestThrottledPausesOurOwnSending(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"":                       time.Second,
		"1":                      time.Second,
		"7":                      7 * time.Second,
		"0":                      time.Second,
		"-5":                     time.Second,
		"1000000000":             time.Minute,
		"99999999999999999999":   time.Minute,
		"soon":                   time.Second,
		"1.5":                    time.Second,
		"in 20 s":                20 * time.Second,
		"an hour ago":            time.Second,
		"in an hour":             time.Minute,
		"Wed, 21 Oct 2015 07:28": time.Second,
	} {
		t.Run(value, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for name, in := range map[string]time.Duration{"in 20 s": 20 * time.Second, "an hour ago": -time.Hour, "in an hour": time.Hour} {
					if value == name {
						value = time.Now().Add(in).UTC().Format(http.TimeFormat)
					}
				}
				asked := 0
				_, c := startOn(t, func(r *http.Request) (*http.Response, error) {
					asked++
					return answer(429, "limit exceeded\n", "Content-Type", "text/plain", "Retry-After", value)
				})
				begin := time.Now()
				signIn := func() time.Duration {
					_, err := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser)
					var throttled *upstream.Throttled
					if !errors.As(err, &throttled) || errors.Is(err, login.ErrRefused) {
						t.Fatalf("%v is not that", err)
					}
					return throttled.RetryAfter
				}
				if got := signIn(); got != want {
					t.Errorf("wait %s, want %s", got, want)
				}
				if got := signIn(); got != want || asked != 1 {
					t.Errorf("in the pause: wait %s, asked %d times", got, asked)
				}
				time.Sleep(time.Until(begin.Add(want)))
				if signIn(); asked != 2 {
					t.Errorf("after the pause: asked %d times", asked)
				}
				if c.BreakerState() != "closed" {
					t.Error("a limit opened the breaker")
				}
			})
		})
	}
}

func TestALimitOnSignInsDoesNotStopTheRest(t *testing.T) {
	limited := map[string]bool{"/api/v4/users/login": true}
	_, c := startOn(t, func(r *http.Request) (*http.Response, error) {
		if limited[r.URL.Path] {
			return answer(429, "limit exceeded\n", "Retry-After", "30")
		}
		return answer(200, demoUser)
	})
	throttled := new(*upstream.Throttled)
	if _, err := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser); !errors.As(err, throttled) {
		t.Error(err)
	}
	if _, err := c.Find(t.Context(), demoToken, ""); err != nil {
		t.Error(err)
	}
	limited["/api/v4/users/me"] = true
	if _, err := c.Find(t.Context(), demoToken, ""); !errors.As(err, throttled) {
		t.Error(err)
	}
	limited["/api/v4/users/me"] = false
	if _, err := c.Find(t.Context(), demoToken, ""); !errors.As(err, throttled) {
		t.Errorf("asked in a pause of everything: %v", err)
	}
}
