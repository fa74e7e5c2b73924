package http1

import (
	"bufio"
	"io"
	"net/http"
	"sync"
)

// fixed is a body of a length that is known.
type fixed struct {
	from *bufio.Reader
	left int64 // bytes to come
}

// Read implements io.Reader. The end comes with the last bytes, as net/http says it.
func (b *fixed) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	switch {
	case b.left == 0 && err == nil:
		err = io.EOF
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// body is what a request sends, of a length that it stated. A proxy's transport may
// still read it when the handler has returned; nil is the body of a request without one.
type body struct {
	mu sync.Mutex
	fixed
	failed error
	closed bool
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

func (b *body) read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	n, err := b.fixed.Read(p)
	if err != nil && err != io.EOF {
		b.failed = err
	}
	return n, err
}

// Close implements io.Closer. What was not read is the connection's business.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// skip reads the rest if that is at most this many bytes. It reports whether
// nothing is left.
func (b *body) skip(most int64) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left > most {
		return false
	}
	var scrap [2 << 10]byte
	for b.left > 0 {
		if _, err := b.read(scrap[:]); err != nil && err != io.EOF {
			return false
		}
	}
	return true
}

// isRead reports whether the next bytes on the connection are not the body's.
func (b *body) isRead() bool {
	if b == nil {
		return true
	}
	if !b.mu.TryLock() {
		return false // somebody is reading
	}
	defer b.mu.Unlock()
	return b.left == 0
}

// close waits until nobody reads.
func (b *body) close() {
	if b != nil {
		_ = b.Close()
	}
}
