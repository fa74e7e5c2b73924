package http1

import (
	"context"
	"net/http"
)

// ParseRequests reads two requests, the second as one that comes after the first. It
// is for fuzzing: what it takes must be what net/http reads.
func ParseRequests(first, second []byte) (r *http.Request, size int, err error) {
	before, _ := parseRequest(first, nil)
	q, err := parseRequest(second, before.section)
	if err != nil {
		return nil, 0, err
	}
	return q.with(context.Background()), q.size, nil
}
