package http1

// ParseRequest is for fuzzing: what it takes must be what net/http reads.
var ParseRequest = parseRequest
