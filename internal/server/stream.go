package server

import (
	"net/http"
	"sync"
	"time"
)

// unlessStalled gives each write on an HTTP/2 stream the time that a connection gives
// its own: a client that takes nothing keeps the connection alive all the same.
func unlessStalled(next http.Handler, patience time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor < 2 {
			next.ServeHTTP(w, r)
			return
		}
		s := &stream{ResponseWriter: w, patience: patience}
		s.control = http.NewResponseController(w)
		s.timer = time.AfterFunc(patience, s.reset)
		s.timer.Stop()
		defer s.end()
		next.ServeHTTP(s, r)
	})
}

// stream resets itself where a write stands still.
type stream struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	timer    *time.Timer

	mu    sync.Mutex
	ended bool // the writer is net/http's again
}

func (s *stream) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		_ = s.control.SetWriteDeadline(time.Unix(1, 0))
	}
}

// end leaves a bound for what is still in net/http's buffer.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	_ = s.control.SetWriteDeadline(time.Now().Add(s.patience))
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	s.timer.Reset(s.patience)
	defer s.timer.Stop()
	return s.ResponseWriter.Write(p)
}

// FlushError is what http.ResponseController looks for.
func (s *stream) FlushError() error {
	s.timer.Reset(s.patience)
	defer s.timer.Stop()
	return s.control.Flush()
}

// Unwrap is, too.
func (s *stream) Unwrap() http.ResponseWriter { return s.ResponseWriter }
