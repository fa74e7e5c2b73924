package middleware

import (
	"fmt"
	"net/http"
	"runtime/debug"
)

// RecoverOptions of [Recover].
type RecoverOptions struct {
	// Fail answers in place of the handler that panicked.
	Fail func(w http.ResponseWriter, r *http.Request, value any, stack []byte)
}

// Recover keeps the process alive when a handler panics: the client gets the
// answer of Fail or, if it already has the beginning of another one, a broken
// connection, so that nobody takes half an answer for a whole one. Value and
// stack go into the record. http.ErrAbortHandler passes.
func Recover(o RecoverOptions) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			watched := watch(w)
			defer func() {
				if value := recover(); value != nil {
					o.answer(watched, r, value)
				}
			}()
			next.ServeHTTP(watched, r)
		})
	}
}

func (o RecoverOptions) answer(w *writer, r *http.Request, value any) {
	if value == http.ErrAbortHandler {
		panic(value)
	}
	stack, untouched := debug.Stack(), w.isUntouched()
	if untouched {
		forget(w.Header())
		o.Fail(w, r, value, stack)
	}
	record := RecordOf(r.Context())
	record.Err, record.Stack = fmt.Errorf("panic: %v", value), stack
	if !untouched {
		panic(http.ErrAbortHandler)
	}
}

// forget drops what describes the answer that never came, and above all its
// cookies: nobody is signed in by an answer that failed.
func forget(h http.Header) {
	for _, name := range []string{"Set-Cookie", "Content-Length", "Content-Encoding", "Content-Type", "Etag", "Last-Modified", "Location"} {
		h.Del(name)
	}
}
