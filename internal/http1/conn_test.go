package http1_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"matterpass/internal/http1"
)

// both runs a test against both servers: what they promise is the same.
func both(t *testing.T, test func(t *testing.T, of string)) {
	for of := range servers {
		t.Run(of, func(t *testing.T) { t.Parallel(); test(t, of) })
	}
}

func say(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}

// hear reads one answer's body.
func hear(t *testing.T, from *bufio.Reader) string {
	t.Helper()
	res, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func wait(t *testing.T, what string, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(10 * time.Second):
		t.Fatal(what + ": not within ten seconds")
	}
}

// ended reports that the server closed the connection.
func ended(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := conn.Read(make([]byte, 1))
	var slow net.Error
	return n == 0 && err != nil && (!errors.As(err, &slow) || !slow.Timeout())
}

func TestAClientThatLeavesEndsItsRequest(t *testing.T) {
	for name, request := range map[string]string{"GET": get, "POST": post("hello"), "POST unread": "POST / HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 9\r\n\r\nhel"} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, of string) {
				begun, left := make(chan struct{}), make(chan struct{})
				server := start(t, of, func(_ http.ResponseWriter, r *http.Request) {
					close(begun)
					if _, err := io.Copy(io.Discard, r.Body); err == nil {
						<-r.Context().Done()
					}
					close(left)
				})
				conn := server.dial(t)
				say(t, conn, request)
				wait(t, "the request", begun)
				_ = conn.Close()
				wait(t, "its end", left)
			})
		})
	}
}

// TestAnAnswerThatDoesNotArriveEndsItsRequest: who asks why a write failed finds that
// the client left.
func TestAnAnswerThatDoesNotArriveEndsItsRequest(t *testing.T) {
	both(t, func(t *testing.T, of string) {
		cause := make(chan error, 1)
		server := start(t, of, func(w http.ResponseWriter, r *http.Request) {
			for chunk := make([]byte, 64<<10); ; {
				if _, err := w.Write(chunk); err != nil {
					cause <- r.Context().Err()
					return
				}
			}
		})
		conn := server.dial(t)
		say(t, conn, get)
		_ = conn.Close()
		if err := <-cause; err == nil {
			t.Error("the context goes on")
		}
	})
}

// TestASlowAnswerLosesNothing: while one is waited for, the next request may come.
func TestASlowAnswerLosesNothing(t *testing.T) {
	both(t, func(t *testing.T, of string) {
		server := start(t, of, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * http1.Patience)
			if r.Context().Err() == nil {
				_, _ = io.WriteString(w, r.URL.Path)
			}
		})
		conn := server.dial(t)
		from := bufio.NewReader(conn)
		for _, path := range []string{"/a", "/b", "/c"} {
			say(t, conn, "GET "+path+" HTTP/1.1\r\nHost: chat.test\r\n\r\nGET "+path+"2 HTTP/1.1\r\nHost: chat.test\r\n\r\n")
			for _, want := range []string{path, path + "2"} {
				if got := hear(t, from); got != want {
					t.Errorf("answered %q, want %q", got, want)
				}
			}
		}
	})
}

func TestARequestMayComeInPieces(t *testing.T) {
	both(t, func(t *testing.T, of string) {
		server := start(t, of, echo)
		conn := server.dial(t)
		from := bufio.NewReader(conn)
		for range 2 {
			for _, piece := range []string{"PO", "ST / HTTP/1.1\r", "\nHost: chat.test\r\nContent-Le", "ngth: 5\r\n\r", "\nhe", "llo"} {
				say(t, conn, piece)
				time.Sleep(5 * time.Millisecond)
			}
			if got := hear(t, from); got != "hello" {
				t.Errorf("answered %q", got)
			}
		}
	})
}

func TestWhoSendsNothingOrTooSlowlyIsSentAway(t *testing.T) {
	short := func(s *http.Server) { s.ReadHeaderTimeout, s.IdleTimeout = 200*time.Millisecond, 400*time.Millisecond }
	for name, said := range map[string]string{"nothing": "", "half a head": "GET / HTTP/1.1\r\nHost: cha", "nothing more": get} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, of string) {
				server := start(t, of, write("hello"), short)
				conn := server.dial(t)
				say(t, conn, said)
				if said == get {
					hear(t, bufio.NewReader(conn))
				}
				begin := time.Now()
				if !ended(conn) {
					t.Error("the connection is open")
				}
				if took := time.Since(begin); said == get && took < 300*time.Millisecond {
					t.Errorf("a used connection was closed after %v", took)
				}
			})
		})
	}
}

func TestWithoutTimeoutsNobodyIsSentAway(t *testing.T) {
	both(t, func(t *testing.T, of string) {
		server := start(t, of, write("hello"), func(s *http.Server) { s.ReadHeaderTimeout, s.IdleTimeout = 0, 0 })
		conn := server.dial(t)
		from := bufio.NewReader(conn)
		for range 2 {
			time.Sleep(20 * time.Millisecond)
			say(t, conn, get[:20])
			time.Sleep(20 * time.Millisecond)
			say(t, conn, get[20:])
			if got := hear(t, from); got != "hello" {
				t.Errorf("answered %q", got)
			}
		}
	})
}

// TestAHeadThatTricklesInIsCutInTime: each piece buys none.
func TestAHeadThatTricklesInIsCutInTime(t *testing.T) {
	both(t, func(t *testing.T, of string) {
		server := start(t, of, write("hello"), func(s *http.Server) { s.ReadHeaderTimeout = 300 * time.Millisecond })
		conn := server.dial(t)
		say(t, conn, get)
		hear(t, bufio.NewReader(conn))
		begin := time.Now()
		say(t, conn, "GET / HTTP/1.1\r\nX: ")
		for time.Since(begin) < 5*time.Second {
			time.Sleep(20 * time.Millisecond)
			if _, err := io.WriteString(conn, "x"); err != nil {
				return
			}
		}
		t.Error("the connection is open")
	})
}

// TestALongUploadIsNotCutByTheNextRequestsDeadline: nor is a long answer.
func TestALongUploadIsNotCutByTheNextRequestsDeadline(t *testing.T) {
	both(t, func(t *testing.T, of string) {
		server := start(t, of, func(w http.ResponseWriter, r *http.Request) {
			echo(w, r)
			time.Sleep(300 * time.Millisecond)
			if r.Context().Err() != nil {
				panic("the client is here")
			}
		}, func(s *http.Server) { s.ReadHeaderTimeout, s.IdleTimeout = 100*time.Millisecond, 100*time.Millisecond })
		conn := server.dial(t)
		say(t, conn, "POST / HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 5\r\n\r\nhe")
		time.Sleep(300 * time.Millisecond)
		say(t, conn, "llo")
		if got := hear(t, bufio.NewReader(conn)); got != "hello" {
			t.Errorf("answered %q", got)
		}
	})
}

func TestADeadlineOfAHandlerIsForItsRequestAlone(t *testing.T) {
	both(t, func(t *testing.T, of string) {
		server := start(t, of, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
					t.Error(err)
				}
				if _, err := io.ReadAll(r.Body); !isTimeout(err) {
					t.Errorf("the body ended with %v", err)
				}
			}
		})
		conn := server.dial(t)
		say(t, conn, "POST / HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 5\r\n\r\nhe")
		if hear(t, bufio.NewReader(conn)); !ended(conn) {
			t.Error("what was left of the body would be taken for a request")
		}
	})
}

func isTimeout(err error) bool {
	var slow net.Error
	return errors.As(err, &slow) && slow.Timeout()
}

func TestAPanicIsWrittenDownWithItsPlace(t *testing.T) {
	both(t, func(t *testing.T, of string) {
		server := start(t, of, func(http.ResponseWriter, *http.Request) { panic("oops") })
		conn := server.dial(t)
		say(t, conn, get)
		if !ended(conn) {
			t.Error("the connection is open")
		}
		for _, want := range []string{"oops", "conn_test.go"} {
			if !strings.Contains(server.log.String(), want) {
				t.Errorf("%q is not in the log %q", want, server.log)
			}
		}
	})
}

// TestNothingIsWrittenAfterTheHandler: into somebody else's answer least of all.
func TestNothingIsWrittenAfterTheHandler(t *testing.T) {
	kept := make(chan http.ResponseWriter, 1)
	server := start(t, "ours", func(w http.ResponseWriter, _ *http.Request) { kept <- w })
	conn := server.dial(t)
	from := bufio.NewReader(conn)
	say(t, conn, get)
	hear(t, from)
	late := <-kept
	say(t, conn, get)
	hear(t, from)
	<-kept
	late.WriteHeader(500)
	if _, err := io.WriteString(late, "late"); err == nil {
		t.Error("the late Write has no error")
	}
	if err := http.NewResponseController(late).Flush(); err == nil {
		t.Error("the late Flush has no error")
	}
}

func TestShutdownWaitsForAnswersAndForNothingElse(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	server := start(t, "ours", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			close(begun)
			<-release
			_, _ = io.WriteString(w, "whole")
		}
	})
	unused, idle, busy := server.dial(t), server.dial(t), server.dial(t)
	say(t, idle, "GET /again HTTP/1.1\r\nHost: chat.test\r\n\r\n")
	hear(t, bufio.NewReader(idle))
	say(t, busy, get)
	wait(t, "the request", begun)
	ours, _ := server.listener.(*http1.Listener)
	stopped := make(chan error, 1)
	go func() { stopped <- ours.Shutdown(context.Background()) }()
	if !ended(unused) || !ended(idle) {
		t.Error("a connection without a request holds the stop")
	}
	close(release)
	from := bufio.NewReader(busy)
	res, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); string(body) != "whole" || !res.Close {
		t.Errorf("answered %q, and the connection goes on: %v", body, !res.Close)
	}
	if err := <-stopped; err != nil {
		t.Errorf("an orderly stop ended with %v", err)
	}
	if conn, err := net.Dial("tcp", server.addr); err == nil {
		_ = conn.Close()
		t.Error("it still listens")
	}
}

func TestShutdownCutsWhatTakesTooLong(t *testing.T) {
	begun, left := make(chan struct{}), make(chan struct{})
	server := start(t, "ours", func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(left)
	})
	conn := server.dial(t)
	say(t, conn, get)
	wait(t, "the request", begun)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	ours, _ := server.listener.(*http1.Listener)
	if err := ours.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
	wait(t, "its end", left)
}

// flawed fails to accept now and then.
type flawed struct {
	net.Listener
	fails chan error
}

func (l *flawed) Accept() (net.Conn, error) {
	select {
	case err := <-l.fails:
		return nil, err
	default:
		return l.Listener.Accept()
	}
}

type passing struct{ error }

func (passing) Timeout() bool   { return false }
func (passing) Temporary() bool { return true }

func TestTheServerBehindJudgesWhatAcceptFailsWith(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &flawed{inner, make(chan error, 2)}
	l.fails <- passing{errors.New("too many open files")}
	server := &http.Server{Handler: write("hello"), ReadHeaderTimeout: time.Second}
	before := http1.Before(l, server)
	gaveUp := make(chan error, 1)
	go func() { gaveUp <- server.Serve(before) }()
	for range 2 {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		say(t, conn, get)
		if got := hear(t, bufio.NewReader(conn)); got != "hello" {
			t.Errorf("answered %q", got)
		}
		if len(gaveUp) == 0 && len(l.fails) == 0 {
			l.fails <- errors.New("the network is gone")
		}
	}
	if err := <-gaveUp; err == nil || err.Error() != "the network is gone" {
		t.Errorf("it gave up with %v", err)
	}
	if err := before.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
