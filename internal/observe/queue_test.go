package observe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is an output that nobody reads until it is opened.
type pipe struct {
	mu   sync.Mutex
	open chan struct{}
	text bytes.Buffer
}

func (p *pipe) Write(b []byte) (int, error) {
	<-p.open
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func TestABlockedOutputDropsLinesAndBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &pipe{open: make(chan struct{})}
		q := NewQueue(out, 100)
		fmt.Fprint(q, "first\n")
		synctest.Wait() // the goroutine hangs in the output now
		line := strings.Repeat("x", 9) + "\n"
		for range 1000 {
			if n, err := q.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		if got := q.Dropped(); got != 990 {
			t.Errorf("dropped %d, want 990", got)
		}
		close(out.open)
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := out.text.String(); got != "first\n"+strings.Repeat(line, 10) {
			t.Errorf("written %q", got)
		}
	})
}

func TestCloseWritesWhatWaitsAndThenDrops(t *testing.T) {
	out := &pipe{open: make(chan struct{})}
	close(out.open)
	q := NewQueue(out, 0)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 100 {
				fmt.Fprintf(q, "%d-%d\n", w, i)
			}
		})
	}
	wg.Wait()
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.text.String(), "\n"); got != 800 {
		t.Errorf("%d lines, want 800", got)
	}
	fmt.Fprint(q, "late\n")
	if q.Dropped() != 1 || strings.Contains(out.text.String(), "late") {
		t.Errorf("dropped %d", q.Dropped())
	}
	if err := q.Close(t.Context()); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &pipe{open: make(chan struct{})}
		q := NewQueue(out, 0)
		fmt.Fprint(q, "stuck\n")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := q.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Close: %v after %v", err, time.Since(start))
		}
		close(out.open)
	})
}

func TestLinesThatTheOutputRefusesCountAsDropped(t *testing.T) {
	q := NewQueue(failing{}, 0)
	fmt.Fprint(q, "a\n")
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if q.Dropped() != 1 {
		t.Errorf("dropped %d, want 1", q.Dropped())
	}
}
