package shared

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

func TestAddressesOfRedisThatAreRefused(t *testing.T) {
	for _, address := range []string{"", "redis", "redis://", "http://:hush@host", "redis://:hush@host:port/", "://hush"} {
		_, err := Open(Options{URL: address})
		if !errors.Is(err, ErrURL) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// refusing is a Redis that answers every command with one line.
func refusing(t *testing.T, line string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for in := bufio.NewScanner(conn); in.Scan(); {
					if strings.HasPrefix(in.Text(), "*") {
						_, _ = conn.Write([]byte(line + "\r\n"))
					}
				}
			}()
		}
	}()
	return "redis://127.0.0.1:" + l.Addr().String()[len("127.0.0.1:"):]
}

func TestRefusalsOfRedisAreTold(t *testing.T) {
	cases := map[string]string{
		"-READONLY You can't write against a read only replica.":  "it is a replica (READONLY)",
		"-OOM command not allowed when used memory > 'maxmemory'": "its memory is full (OOM): raise maxmemory",
		"-LOADING Redis is loading the dataset in memory":         "it is busy (LOADING)",
		"-WRONGPASS invalid username-password pair":               "it refuses the user or the password (WRONGPASS)",
		"-NOAUTH Authentication required.":                        "it refuses the user or the password (NOAUTH)",
		"-MOVED 3999 127.0.0.1:6381":                              "it is a cluster (MOVED), which is not supported",
		"-MISCONF Redis is configured to save RDB snapshots":      "it cannot save its data (MISCONF)",
		"-ERR secret-key is not what I like":                      "it refuses the command",
	}
	for line, want := range cases {
		t.Run(want, func(t *testing.T) {
			var c changes
			r, err := Open(Options{URL: refusing(t, line), Budget: time.Second, Changed: c.note})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for range failuresInRow + 2 {
				_, err = r.Run("return {1}", "key")
				if !errors.Is(err, ErrAway) || strings.Contains(err.Error(), "secret-key") {
					t.Errorf("Run() = %v", err)
				}
			}
			if got := c.all(); len(got) != 1 || got[0] != want {
				t.Errorf("changes: %q, want %q once", got, want)
			}
		})
	}
}

func TestAScriptIsSentOnceAndAgainAfterAFlush(t *testing.T) {
	s := newServer(t)
	r := s.client(Options{})
	for range 3 {
		for range 2 {
			if got, err := r.Run("return {tonumber(ARGV[1]) + 1}", "key", 41); err != nil || got[0] != 42 {
				t.Fatal(got, err)
			}
		}
		s.Do("SCRIPT", "FLUSH")
	}
	stats, _ := redis.String(s.Do("INFO", "commandstats"), nil)
	if !strings.Contains(stats, "cmdstat_eval:calls=3,") || !strings.Contains(stats, "cmdstat_evalsha:calls=6,") {
		t.Error(stats)
	}
}

func TestARestartOfRedisIsNoticedByNobody(t *testing.T) {
	s := newServer(t)
	var c changes
	r := s.client(Options{MaxConns: 8, Changed: c.note, Rest: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // what is left of it bounds a connection's answers
	defer cancel()
	var idle []redis.Conn
	for range 8 {
		conn, err := r.pool.GetContext(ctx)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
	}
	for _, conn := range idle {
		if _, err := conn.Do("PING"); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	s.Kill()
	s.Start()
	for range 8 {
		if err := r.Check(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if told := c.all(); len(told) != 0 {
		t.Errorf("changes: %q", told)
	}
}

func TestThePasswordAndTheDatabaseAreTheAddresss(t *testing.T) {
	s := newServer(t, "--requirepass", "hush-hush")
	good := s.client(Options{URL: "redis://:hush-hush@" + s.Addr() + "/3"})
	if err := good.Check(context.Background()); err != nil {
		t.Error(err)
	}
	bad := s.client(Options{URL: "redis://:wrong-hush@" + s.Addr()})
	err := bad.Check(context.Background())
	if !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "WRONGPASS") || strings.Contains(err.Error(), "hush") {
		t.Errorf("error = %v", err)
	}
}

func TestAPolicyThatForgetsIsWarnedOf(t *testing.T) {
	s := newServer(t)
	r := s.client(Options{})
	for policy, warned := range map[string]bool{"noeviction": false, "volatile-ttl": false, "allkeys-lru": true, "allkeys-random": true} {
		s.Do("CONFIG", "SET", "maxmemory-policy", policy)
		warning, err := r.Warning()
		if err != nil || (warning != "") != warned || warned && !strings.Contains(warning, policy) {
			t.Errorf("%s: %q, %v", policy, warning, err)
		}
	}
	s.Kill()
	if _, err := r.Warning(); !errors.Is(err, ErrAway) {
		t.Errorf("without Redis: %v", err)
	}
}
