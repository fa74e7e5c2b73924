package http1

import "context"

// Memo keeps for the next request what follows from the header and the connection of
// this one, and from nothing else. It is the next request's as long as that says the same in
// its header, to the byte, as what a page asks for mostly does. Both then have one
// http.Header, which handlers leave alone, as net/http wants it in any case.
type Memo struct {
	// Value is one handler's. Requests of a connection come one after another.
	Value any
}

type memoKey struct{}

// MemoOf is the memo of a request's context, nil where nothing is kept.
func MemoOf(ctx context.Context) *Memo {
	m, _ := ctx.Value(memoKey{}).(*Memo)
	return m
}
