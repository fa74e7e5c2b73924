package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
)

// ReadResponse is http.ReadResponse, quicker for answers to r that have nothing out of
// the ordinary: all of the head is in the buffer, and one Content-Length or no body at
// all. The rest it leaves to that.
func ReadResponse(from *bufio.Reader, r *http.Request) (*http.Response, error) {
	if res := parseResponse(from, r); res != nil {
		return res, nil
	}
	return http.ReadResponse(from, r)
}

// parseResponse takes from the buffer what it understands, else nothing.
func parseResponse(from *bufio.Reader, r *http.Request) *http.Response {
	if _, err := from.Peek(1); err != nil {
		return nil
	}
	came, _ := from.Peek(from.Buffered())
	if !bytes.HasPrefix(came, []byte("HTTP/1.1 ")) {
		return nil
	}
	first, fields, err := parseHead(came, nil)
	if err != nil || fields.host != "" {
		return nil
	}
	status, code, ok := parseStatusLine(first)
	if !ok {
		return nil
	}
	bodiless := r.Method == http.MethodHead || !mayHaveBody(code)
	if !bodiless && fields.length < 0 {
		return nil
	}
	_, _ = from.Discard(len(first) + len(crlf) + len(fields.text))
	res := &http.Response{
		Status: status, StatusCode: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: fields.header, ContentLength: fields.length, Body: http.NoBody, Request: r,
	}
	switch {
	case r.Method != http.MethodHead && bodiless:
		res.ContentLength = 0
	case !bodiless && fields.length > 0:
		res.Body = io.NopCloser(&fixed{from, fields.length}) // what is not read stays unread
	}
	return res
}

// parseStatusLine takes final answers alone.
func parseStatusLine(line string) (status string, code int, ok bool) {
	status = strings.TrimPrefix(line, "HTTP/1.1 ")
	digits, _, _ := strings.Cut(status, " ")
	n, ok := parseLength(digits)
	return status, int(n), ok && len(digits) == 3 && n >= 200 && isVisibleOrSpace(status)
}

func isVisibleOrSpace(text string) bool {
	return isVisible(strings.ReplaceAll(text, " ", ""))
}

// mayHaveBody: RFC 9110 sections 15.2, 15.3.5 and 15.4.5.
func mayHaveBody(code int) bool {
	return code >= 200 && code != http.StatusNoContent && code != http.StatusNotModified
}
