package http1

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// parseRequest reads the request that came begins with, and says which fields its
// head has: those before, where they are the same. What it does not take is errPartial
// or errUnusual.
func parseRequest(came []byte, before *section) (*http.Request, *section, int, error) {
	first, s, err := parseHead(came, before)
	if errors.Is(err, errPartial) {
		return nil, nil, 0, judgePartial(came)
	}
	if err != nil || s.host == "" || !httpguts.ValidHostHeader(s.host) {
		return nil, nil, 0, errUnusual
	}
	method, target, ok := parseRequestLine(first)
	if !ok {
		return nil, nil, 0, errUnusual
	}
	address, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, nil, 0, errUnusual
	}
	return &http.Request{
		Method: method, URL: address, RequestURI: target, Host: s.host, Header: s.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody, ContentLength: max(0, s.length),
	}, s, len(first) + len(crlf) + len(s.text), nil
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
