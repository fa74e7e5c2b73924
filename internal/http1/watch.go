package http1

import (
	"errors"
	"os"
	"time"
)

// watch ends the context of a request whose client leaves before the answer, as
// net/http does: by reading on. It does so once the answer is slow.
type watch struct {
	conn    *conn
	slow    Slow
	leave   func()
	body    *body
	reading chan struct{} // closed when the reader has ended; nil: there is none
}

func (w *watch) begin(now time.Time, leave func(), sent *body) {
	w.leave, w.body = leave, sent
	w.slow.Begin(now)
}

// late begins to read. What is left of the request's body comes first.
func (w *watch) late() bool {
	if !w.body.isRead() {
		return false
	}
	w.conn.armed.Store(0)
	_ = w.conn.SetReadDeadline(time.Time{})
	w.reading = make(chan struct{})
	go w.read(w.leave, w.reading)
	return true
}

// read stops at what the client sends next, too: it is kept for later.
func (w *watch) read(leave func(), finished chan<- struct{}) {
	defer close(finished)
	if _, err := w.conn.in.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		leave()
	}
}

// end returns when nobody reads any more.
func (w *watch) end() {
	w.slow.End()
	if w.reading != nil {
		w.conn.armed.Store(0)
		_ = w.conn.SetReadDeadline(time.Unix(1, 0))
		<-w.reading
	}
	w.leave, w.body, w.reading = nil, nil, nil
}
