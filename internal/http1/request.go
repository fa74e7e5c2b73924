package http1

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// request is one that was read.
type request struct {
	method, target string
	address        *url.URL
	*section
	size int // of its head, in bytes
}

// parseRequest reads the request that came begins with. Its section is the one before,
// where they are the same. What it does not take is errPartial or errUnusual.
func parseRequest(came []byte, before *section) (request, error) {
	first, s, err := parseHead(came, before)
	if errors.Is(err, errPartial) {
		return request{}, judgePartial(came)
	}
	if err != nil || s.host == "" || !httpguts.ValidHostHeader(s.host) {
		return request{}, errUnusual
	}
	method, target, ok := parseRequestLine(first)
	if !ok {
		return request{}, errUnusual
	}
	address, err := url.ParseRequestURI(target)
	if err != nil {
		return request{}, errUnusual
	}
	return request{method, target, address, s, len(first) + len(crlf) + len(s.text)}, nil
}

// with is the request as handlers get it, without a body.
func (q request) with(ctx context.Context) *http.Request {
	r := new(http.Request).WithContext(ctx)
	r.Method, r.URL, r.RequestURI, r.Host, r.Header = q.method, q.address, q.target, q.host, q.header
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.Body, r.ContentLength = http.NoBody, max(0, q.length)
	return r
}

// judgePartial keeps only those waiting who may still send something ordinary.
func judgePartial(came []byte) error {
	line, _, whole := bytes.Cut(came, crlf)
	if whole {
		if _, _, ok := parseRequestLine(string(line)); !ok {
			return errUnusual
		}
	}
	if len(came) > 0 && (came[0] < 'A' || came[0] > 'Z') || bytes.Count(came, crlf) != bytes.Count(came, crlf[1:]) {
		return errUnusual
	}
	return errPartial
}

// parseRequestLine takes an origin-form target alone (RFC 9112 section 3.2.1).
func parseRequestLine(line string) (method, target string, ok bool) {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method, target, version == "HTTP/1.1" && strings.HasPrefix(target, "/") && isVisible(target)
	}
	return "", "", false
}

func isVisible(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return true
}
