package middleware

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// statusClientGone is nginx's 499: the client left before an answer. It is
// written down, never sent.
const statusClientGone = 499

// maxUserAgent is where foreign text is cut, in bytes.
const maxUserAgent = 256

// Record is what is written down about one request, filled in on its way. It
// belongs to the request's goroutine.
type Record struct {
	Start     time.Time
	Duration  time.Duration
	RequestID string
	Method    string // the client's word: not for labels
	Route     string // the pattern, never the path: paths carry names and tokens
	Status    int    // set before the end only where nothing is sent, as for 499
	Bytes     int64  // of the answer's body
	Client    netip.Addr
	Code      string // what became of it, as a stable word
	Key       string // id of the API key that called
	UserAgent string // cut to 256 bytes
	Err       error  // the internal cause, for the log alone
	Stack     []byte // of a panic
}

// RecordOptions of [Records].
type RecordOptions struct {
	Write func(Record)     // called once for each request, also after a panic
	Now   func() time.Time // default time.Now
}

// Records keeps one record for each request; it belongs at the very top.
func Records(o RecordOptions) func(http.Handler) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			watched := watch(w)
			r, s := enter(r)
			s.record.Start, s.record.Method = o.Now(), r.Method
			s.record.UserAgent = cut(r.UserAgent(), maxUserAgent)
			finished := false
			defer func() {
				s.record.finish(r, watched, finished)
				s.record.Duration = o.Now().Sub(s.record.Start)
				o.Write(s.record)
			}()
			next.ServeHTTP(watched, r)
			finished = true
		})
	}
}

// RecordOf is the record of the request, to be filled in. Outside of a request
// it is one that nobody reads.
func RecordOf(ctx context.Context) *Record {
	if s := scopeOf(ctx); s != nil {
		return &s.record
	}
	return new(Record)
}

// finish notes what was answered; finished is false in a panic.
func (rec *Record) finish(r *http.Request, w *writer, finished bool) {
	rec.Bytes = w.bytes
	switch {
	case w.hijacked:
		rec.Status = http.StatusSwitchingProtocols
	case w.status != 0:
		rec.Status = w.status
	case rec.Status != 0:
	case r.Context().Err() != nil:
		rec.Status = statusClientGone
	case finished:
		rec.Status = http.StatusOK // what net/http sends for a handler that wrote nothing
	default:
		rec.Status = http.StatusInternalServerError
	}
}

// cut shortens s to at most n bytes and leaves no half character behind.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
