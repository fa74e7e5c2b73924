package middleware

import (
	"bufio"
	"net"
	"net/http"
)

// writer notes what becomes of an answer. Everything it does not do itself is
// reached through Unwrap by [http.ResponseController].
type writer struct {
	http.ResponseWriter
	status   int // 0 until a final status is written
	bytes    int64
	hijacked bool
}

// watch returns w itself if it is a writer already.
func watch(w http.ResponseWriter) *writer {
	if watched, ok := w.(*writer); ok {
		return watched
	}
	return &writer{ResponseWriter: w}
}

func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader lets informational answers (103 Early Hints) pass as often as
// they come; 101 is final, RFC 9110 section 15.2.2.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// FlushError sends the header if it was not sent yet.
func (w *writer) FlushError() error {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack hands the connection over; from here on the answer is not ours.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.hijacked = true
	}
	return conn, rw, err
}

// isUntouched reports whether another answer can still be given.
func (w *writer) isUntouched() bool { return w.status == 0 && !w.hijacked }
