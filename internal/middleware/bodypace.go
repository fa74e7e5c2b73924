package middleware

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// How long a body may keep us waiting: ten seconds, then one more for every 500
// bytes that came (the rate of Apache's mod_reqtimeout), and never more than a
// minute from one byte to the next.
const (
	bodyGrace    = 10 * time.Second
	bodyRate     = 500 // bytes a second
	bodyPatience = time.Minute
)

// BodyPaceOptions of [BodyPace].
type BodyPaceOptions struct {
	Grace time.Duration // waiting that is free; 10 s
	Rate  int           // bytes that buy a second more; 500
}

// BodyPace ends requests whose body trickles in, whoever reads it: a handler, a
// proxy, or net/http itself, which reads on what nobody read. Reads end in
// os.ErrDeadlineExceeded. Only waiting for the client counts, so that a slow
// upstream does not cut a quick one.
//
// It also ends the connection after a request of which it cannot be known whether
// its end is where net/http saw it.
func BodyPace(o BodyPaceOptions) func(http.Handler) http.Handler {
	if o.Grace <= 0 {
		o.Grace = bodyGrace
	}
	if o.Rate <= 0 {
		o.Rate = bodyRate
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if mayEndElsewhere(r) {
				w.Header().Set("Connection", "close")
			}
			if r.Body == nil || r.Body == http.NoBody {
				next.ServeHTTP(w, r)
				return
			}
			body := newTimedBody(w, r.Body, o.Grace, o.Rate)
			defer body.release()
			next.ServeHTTP(w, withBody(r, body))
		})
	}
}

// mayEndElsewhere: there may have been a Content-Length beside the chunks, or
// chunks in an HTTP/1.0 request. net/http hides both, and after either the
// connection must not be used again (RFC 9112 section 6.1).
func mayEndElsewhere(r *http.Request) bool {
	return r.ProtoMajor == 1 && (r.ContentLength < 0 || r.ProtoMinor == 0)
}

func withBody(r *http.Request, body io.ReadCloser) *http.Request {
	other := new(http.Request)
	*other = *r
	other.Body = body
	return other
}

// timedBody counts the time for which a client keeps us waiting.
type timedBody struct {
	io.ReadCloser
	rate int // bytes that buy a second more; 0: none do

	mu   sync.Mutex
	conn *http.ResponseController // nil once the deadlines are no longer ours
	left time.Duration
}

// newTimedBody sets a deadline at once, for the case that nobody reads.
func newTimedBody(w http.ResponseWriter, body io.ReadCloser, grace time.Duration, rate int) *timedBody {
	if outer, ok := body.(*timedBody); ok {
		body = outer.ReadCloser // the later one replaces the earlier
	}
	b := &timedBody{ReadCloser: body, rate: rate, conn: http.NewResponseController(w), left: grace}
	b.wait(time.Now())
	return b
}

// Read implements io.Reader.
func (b *timedBody) Read(p []byte) (int, error) {
	start := time.Now()
	b.wait(start)
	n, err := b.ReadCloser.Read(p)
	b.account(n, time.Since(start))
	if err == io.EOF {
		b.lift()
	}
	return n, err
}

func (b *timedBody) wait(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil {
		_ = b.conn.SetReadDeadline(now.Add(b.left)) // fails in tests alone: no connection, no slow client
	}
}

func (b *timedBody) account(n int, waited time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left -= waited
	if b.rate > 0 {
		b.left = min(b.left+time.Duration(n)*time.Second/time.Duration(b.rate), bodyPatience)
	}
}

// lift removes the deadline when the body has ended. net/http reads on in the
// background to notice a client that leaves, and would take the deadline for
// that.
func (b *timedBody) lift() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil {
		_ = b.conn.SetReadDeadline(time.Time{})
		b.conn = nil
	}
}

// release leaves the connection to net/http: a proxy may still be reading when
// its handler has returned, and the next request has deadlines of its own.
func (b *timedBody) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conn = nil
}
