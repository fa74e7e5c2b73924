package shared_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/shared"
)

// always is a database to which everything is new.
type always struct{ asked int }

func (a *always) Spend(context.Context, login.Spending) error { a.asked++; return nil }

// TestALostAnswerIsNoSpending: a Redis does what it is told, and the connection breaks
// before it says so.
func TestALostAnswerIsNoSpending(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var mu sync.Mutex
	kept, lost := map[string]bool{}, false
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
					var words []string
					for range n {
						size, _ := r.ReadString('\n')
						k, _ := strconv.Atoi(strings.TrimSpace(size[1:]))
						b := make([]byte, k+2)
						_, _ = io.ReadFull(r, b)
						words = append(words, string(b[:k]))
					}
					if words[0] != "SET" {
						fmt.Fprint(c, "+OK\r\n")
						continue
					}
					mu.Lock()
					was := kept[words[1]]
					kept[words[1]] = true
					if !lost {
						lost = true
						mu.Unlock()
						return // the answer is lost
					}
					mu.Unlock()
					if was {
						fmt.Fprint(c, "$-1\r\n")
					} else {
						fmt.Fprint(c, "+OK\r\n")
					}
				}
			}()
		}
	}()
	r, err := shared.Open(shared.Options{URL: "redis://" + l.Addr().String(), Secret: []byte("s"), Budget: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	next := &always{}
	if err := r.Once(next).Spend(t.Context(), login.Spending{Key: "fresh", IssuedAt: time.Now(), Until: time.Now().Add(time.Minute)}); err != nil {
		t.Errorf("a proof that nobody used: %v; the database was asked %d times", err, next.asked)
	}
}
