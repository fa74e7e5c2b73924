package observe

import "sync"

const (
	other    = "other"
	maxWords = 128
	maxWord  = 64 // bytes
)

// words bounds the values of one label. They come out of tables of our own; if
// one ever did not, only the first 128 that look like words or route patterns
// would become series (CVE-2023-45142 is what happens otherwise), and an e-mail
// address, a path with a query, or a user agent none at all.
type words struct {
	known sync.Map // string → struct{}
	mu    sync.Mutex
	n     int
}

// fold returns word itself, or "other".
func (w *words) fold(word string) string {
	if _, ok := w.known.Load(word); ok {
		return word
	}
	if !isWord(word) {
		return other
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.known.Load(word); ok {
		return word
	}
	if w.n == maxWords {
		return other
	}
	w.n++
	w.known.Store(word, struct{}{})
	return word
}

func isWord(s string) bool {
	if s == "" || len(s) > maxWord {
		return false
	}
	for _, c := range []byte(s) {
		if !isWordByte(c) {
			return false
		}
	}
	return true
}

func isWordByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	switch c {
	case '_', '-', '.', '/', '*', '{', '}':
		return true
	}
	return false
}
