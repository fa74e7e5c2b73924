package http1

import "net/http"

// ParseRequests reads two requests, the second as one that comes after the first. It
// is for fuzzing: what it takes must be what net/http reads.
func ParseRequests(first, second []byte) (r *http.Request, size int, err error) {
	_, before, _, _ := parseRequest(first, nil)
	r, _, size, err = parseRequest(second, before)
	return r, size, err
}
