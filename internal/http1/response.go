package http1

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// What is kept of an answer before it is sent, in bytes, so that a short one has a
// length and goes out at once; as in net/http.
const bufferMost = 2 << 10

// outMost is what gathers for one write to the connection, in bytes.
const outMost = 8 << 10

// unreadMost is how much of a request's body is read for the next request's sake
// when the handler did not, in bytes; as in net/http.
const unreadMost = 256 << 10

// response is what a handler writes to. It does what that of net/http does, but for
// what its requests cannot ask for: to hijack, and answers before HTTP/1.1.
type response struct {
	conn   *conn
	leave  func() // ends the request's context
	isHead bool
	sent   *body // of the request
	header http.Header

	status  int   // 0: none yet
	fields  facts // of the header, as it was at WriteHeader
	written int64 // bytes of the body

	buffers *buffers
	begun   bool // the head is in buffers.out, or on its way
	chunked bool
	last    bool // the connection ends with this answer
	lingers bool // the client may still send what nobody reads
	failed  error
}

// buffers are a response's while it is written.
type buffers struct {
	lines []byte // of the header
	body  []byte // before the head is begun
	out   []byte // for the connection
}

// usualFields is how many fields an answer has room for at first: as many as fit into
// a map of 16 places.
const usualFields = 14

var pool = sync.Pool{New: func() any { return new(buffers) }}

func newResponse(c *conn, r *http.Request, leave func(), sent *body) *response {
	return &response{conn: c, leave: leave, isHead: r.Method == http.MethodHead, sent: sent, header: make(http.Header, usualFields), buffers: pool.Get().(*buffers)}
}

// release is for after the handler: what it still writes is an error.
func (w *response) release() {
	b := w.buffers
	w.buffers, w.failed = nil, http.ErrHandlerTimeout
	if cap(b.out) <= 2*outMost {
		b.lines, b.body, b.out = b.lines[:0], b.body[:0], b.out[:0]
		pool.Put(b)
	}
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. Informational answers go out at once.
func (w *response) WriteHeader(status int) {
	switch {
	case status < 100 || status > 999:
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	case w.failed != nil:
	case w.status != 0:
		w.conn.logf("http1: a second WriteHeader, with %d after %d", status, w.status)
	case status < 200 && status != http.StatusSwitchingProtocols:
		w.inform(status)
	default:
		w.status = status
		w.fields, w.buffers.lines = appendFields(w.buffers.lines, w.header, status)
		w.last = w.last || w.fields.closes
	}
}

func (w *response) inform(status int) {
	_, lines := appendFields(nil, w.header, status)
	w.buffers.out = append(append(appendStatusLine(w.buffers.out, status), lines...), crlf...)
	w.send()
}

// Write implements io.Writer.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.failed != nil:
		return 0, w.failed
	case len(p) == 0:
		return 0, nil
	case !mayHaveBody(w.status):
		return 0, http.ErrBodyNotAllowed
	}
	w.written += int64(len(p))
	if w.fields.length >= 0 && w.written > w.fields.length {
		return 0, http.ErrContentLength // and the connection ends, by finish
	}
	if w.keep(p) {
		return len(p), nil
	}
	w.begin(p, false)
	w.append(p)
	if w.failed != nil {
		return 0, w.failed
	}
	return len(p), nil
}

// keep takes what need not be sent yet. Of a body that is only asked about, it is
// what the type can be seen by.
func (w *response) keep(p []byte) bool {
	b := w.buffers
	switch {
	case w.isHead:
		b.body = append(b.body, p[:min(len(p), max(0, sniffed-len(b.body)))]...)
		return true
	case w.begun || len(b.body)+len(p) > bufferMost:
		return false
	}
	b.body = append(b.body, p...)
	return true
}

// sniffed is what http.DetectContentType looks at, in bytes.
const sniffed = 512

// begin writes the head, and what of the body was kept; next comes after that. In
// the final call nothing comes any more.
func (w *response) begin(next []byte, final bool) {
	if w.begun {
		return
	}
	w.begun = true
	if !w.sent.skip(unreadMost) {
		w.last, w.lingers = true, true
	}
	b := w.buffers
	b.out = append(appendStatusLine(b.out, w.status), b.lines...)
	w.frame(final)
	if first := cmp.Or(len(b.body), len(next)); first > 0 && mayHaveBody(w.status) && !w.fields.hasType {
		b.out = appendField(b.out, "Content-Type", http.DetectContentType(append(b.body, next[:min(len(next), sniffed)]...)))
	}
	if !w.fields.hasDate {
		b.out = appendDate(b.out, time.Now())
	}
	if w.last = w.last || w.conn.front.closing.Load(); w.last {
		b.out = append(b.out, "Connection: close\r\n"...)
	}
	b.out = append(b.out, crlf...)
	if !w.isHead {
		w.append(b.body)
	}
	b.body = b.body[:0]
}

// frame says where the body will end (RFC 9112 section 6).
func (w *response) frame(final bool) {
	b, length := w.buffers, w.fields.length
	if !mayHaveBody(w.status) {
		return
	}
	isShort := final && w.written <= bufferMost && (!w.isHead || w.written > 0)
	if length < 0 && isShort && !w.fields.hasTrailers {
		length = w.written
	}
	switch {
	case length >= 0:
		b.out = strconv.AppendInt(append(b.out, "Content-Length: "...), length, 10)
		b.out = append(b.out, crlf...)
	case !w.isHead:
		w.chunked = true
		b.out = append(b.out, "Transfer-Encoding: chunked\r\n"...)
	}
}

// append writes a part of the body, short ones together with what comes next.
func (w *response) append(p []byte) {
	if len(p) == 0 {
		return
	}
	b := w.buffers
	if w.chunked {
		b.out = append(strconv.AppendInt(b.out, int64(len(p)), 16), crlf...)
	}
	if len(b.out)+len(p) > outMost {
		w.send()
		w.sendAll(p)
	} else {
		b.out = append(b.out, p...)
	}
	if w.chunked {
		b.out = append(b.out, crlf...)
	}
}

// FlushError sends what was written so far; http.ResponseController calls it.
func (w *response) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.failed == nil {
		w.begin(nil, false)
		w.send()
	}
	return w.failed
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// SetReadDeadline is for http.ResponseController. The next request has one of its own.
func (w *response) SetReadDeadline(t time.Time) error {
	w.conn.armed.Store(0)
	return w.conn.SetReadDeadline(t)
}

// finish ends the answer when the handler has returned.
func (w *response) finish() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.begin(nil, true)
	if w.chunked {
		w.buffers.out = append(appendTrailers(append(w.buffers.out, "0\r\n"...), w.header), crlf...)
	}
	w.send()
	short := mayHaveBody(w.status) && !w.isHead && w.fields.length >= 0 && w.written != w.fields.length
	w.last = w.last || short || w.failed != nil
}

func (w *response) send() {
	w.sendAll(w.buffers.out)
	w.buffers.out = w.buffers.out[:0]
}

func (w *response) sendAll(p []byte) {
	if w.failed != nil || len(p) == 0 {
		return
	}
	if _, err := w.conn.Write(p); err != nil {
		w.failed = errors.Join(errGone, err)
		w.leave()
	}
}

var errGone = errors.New("the answer did not reach the client")
