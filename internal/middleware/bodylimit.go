package middleware

import (
	"net/http"
	"time"
)

// BodyLimitOptions of [BodyLimit].
type BodyLimitOptions struct {
	Max     int64         // bytes
	Timeout time.Duration // for the whole body; 0: none
	Refuse  http.Handler  // answers a body that says it is too large
}

// BodyLimit bounds a request's body in size and time. A Content-Length above
// Max is refused unread; a body that turns out to be larger ends in an
// *http.MaxBytesError, one that takes too long in os.ErrDeadlineExceeded.
func BodyLimit(o BodyLimitOptions) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.ContentLength > o.Max:
				if r.ProtoMajor == 1 { // HTTP/2 resets the stream, the others live on
					w.Header().Set("Connection", "close")
				}
				o.Refuse.ServeHTTP(w, r)
			case r.Body == nil || r.Body == http.NoBody:
				next.ServeHTTP(w, r)
			default:
				next.ServeHTTP(w, o.bound(w, r))
			}
		})
	}
}

func (o BodyLimitOptions) bound(w http.ResponseWriter, r *http.Request) *http.Request {
	body := r.Body
	if o.Timeout > 0 {
		body = newTimedBody(w, body, o.Timeout, 0)
	}
	return withBody(r, http.MaxBytesReader(innermost(w), body, o.Max))
}

// innermost is net/http's own writer: http.MaxBytesReader closes the connection
// after too large a body through a method that wrappers hide.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapper.Unwrap()
	}
}
