package observe

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"
)

const (
	defaultQueue = 1 << 20
	// gather is how long lines gather after others were written: to wake a writer
	// for each of ten thousand lines a second costs more than to make them.
	gather = 5 * time.Millisecond
)

// Queue is an io.Writer that never waits for its output: a pipe that nobody
// reads or a full disk must not stop requests. Lines wait in a buffer of
// bounded size; those that find it full are dropped and counted.
type Queue struct {
	out  io.Writer
	most int

	mu      sync.Mutex
	pending []byte
	dropped uint64
	closed  bool
	more    chan struct{} // holds one token while there is something to do
	closing chan struct{}
	done    chan struct{}
}

// NewQueue returns a queue of at most size bytes, 0 for 1 MiB, in front of out.
// It runs a goroutine until Close.
func NewQueue(out io.Writer, size int) *Queue {
	if size <= 0 {
		size = defaultQueue
	}
	q := &Queue{out: out, most: size, more: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
	go q.run()
	return q
}

// Write takes one whole line or drops it. It never fails and never waits.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.pending)+len(line) > q.most {
		q.dropped++
		return len(line), nil
	}
	q.pending = append(q.pending, line...)
	q.wake()
	return len(line), nil
}

// Dropped is the number of lines lost: the queue was full or closed, or the
// output failed.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Close writes out what waits. It gives up when ctx ends, with its error.
func (q *Queue) Close(ctx context.Context) error {
	q.end()
	select {
	case <-q.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *Queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.closing)
	}
	q.wake()
}

func (q *Queue) wake() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// run writes in batches: while one is being written the next one gathers.
func (q *Queue) run() {
	defer close(q.done)
	var batch []byte
	for range q.more {
		var closed bool
		batch, closed = q.swap(batch[:0])
		if len(batch) > 0 {
			if _, err := q.out.Write(batch); err != nil {
				q.lost(uint64(bytes.Count(batch, []byte("\n"))))
			}
		}
		if closed {
			return
		}
		q.pause()
	}
}

// pause ends early when nothing more will come.
func (q *Queue) pause() {
	timer := time.NewTimer(gather)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.closing:
	}
}

func (q *Queue) swap(empty []byte) (batch []byte, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, q.pending = q.pending, empty
	return batch, q.closed
}

func (q *Queue) lost(lines uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped += lines
}
