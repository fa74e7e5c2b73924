package http1

import (
	"bytes"
	"errors"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

var (
	crlf = []byte("\r\n")
	end  = []byte("\r\n\r\n")
)

var errPartial = errors.New("a head that may be ordinary when more of it came")

// section is the fields of a head, as they came, and what they say about the message.
type section struct {
	text   string // with the empty line that ends it
	header http.Header
	host   string // "" where it is missing: it is no field of a request's header
	length int64  // Content-Length; -1 where it is missing
}

// parseHead reads the head that came begins with: its first line, without the end,
// and its fields. A section that is the same as the one before, to the byte, is that
// one.
func parseHead(came []byte, before *section) (first string, s *section, err error) {
	start := bytes.Index(came, crlf) + len(crlf)
	if before != nil && start > len(crlf) && bytes.HasPrefix(came[start:], []byte(before.text)) {
		return string(came[:start-len(crlf)]), before, nil
	}
	size := bytes.Index(came, end) + len(end)
	if size < len(end) {
		return "", nil, errPartial
	}
	// One string for all: the fields' values are parts of it.
	text := string(came[:size])
	s = &section{text: text[start:], length: -1}
	if err := s.parseFields(text[start : size-len(crlf)]); err != nil {
		return "", nil, err
	}
	return text[:start-len(crlf)], s, nil
}

// parseFields reads lines of which each ends with CR LF. A field that comes twice is
// left to net/http.
func (s *section) parseFields(lines string) error {
	n := strings.Count(lines, "\n")
	s.header = make(http.Header, n)
	values := make([]string, n) // one slice for all, of which each field has its part
	for i := range values {
		end := strings.IndexByte(lines, '\n')
		line := lines[:end]
		lines = lines[end+1:]
		colon := strings.IndexByte(line, ':')
		if colon < 1 || line[end-1] != '\r' {
			return errUnusual
		}
		name, value := canonical(line[:colon]), trim(line[colon+1:end-1])
		if name == "" || value == "" && name == "Host" || !httpguts.ValidHeaderFieldValue(value) {
			return errUnusual
		}
		if name == "Host" && s.host == "" {
			s.host = value
			continue
		}
		if err := s.note(name, value); err != nil {
			return err
		}
		values[i] = value
		fields := len(s.header)
		if s.header[name] = values[i : i+1 : i+1]; len(s.header) == fields {
			return errUnusual
		}
	}
	return nil
}

// trim is strings.Trim(value, " \t"), quicker.
func trim(value string) string {
	for value != "" && isBlank(value[0]) {
		value = value[1:]
	}
	for value != "" && isBlank(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	return value
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// note takes in what a field says about the message, and refuses what is not
// ordinary.
func (s *section) note(name, value string) error {
	switch name {
	case "Transfer-Encoding", "Trailer", "Expect", "Upgrade", "Http2-Settings",
		"Host",   // the second
		"Pragma": // of which net/http makes a Cache-Control
		return errUnusual
	case "Connection":
		if !strings.EqualFold(value, "keep-alive") {
			return errUnusual
		}
	case "Content-Length":
		length, ok := parseLength(value)
		if !ok {
			return errUnusual
		}
		s.length = length
	}
	return nil
}

// parseLength takes digits alone.
func parseLength(text string) (int64, bool) {
	n, err := strconv.ParseUint(text, 10, 63)
	return int64(n), err == nil
}

// names are fields that browsers and Mattermost send, in both spellings that are in
// use, so that their canonical form has to be made for no message anew.
var names = spellings(
	"Accept", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Access-Control-Request-Headers", "Access-Control-Request-Method",
	"Authorization", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Security-Policy", "Content-Type",
	"Cookie", "Date", "Dnt", "Etag", "Expires", "Forwarded", "Host", "If-Modified-Since", "If-None-Match", "If-Range", "Keep-Alive",
	"Last-Modified", "Origin", "Permissions-Policy", "Priority", "Range", "Referer", "Referrer-Policy", "Sec-Ch-Ua", "Sec-Ch-Ua-Mobile",
	"Sec-Ch-Ua-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-Storage-Access", "Sec-Fetch-User", "Server",
	"Set-Cookie", "Strict-Transport-Security", "Te", "Traceparent", "Upgrade-Insecure-Requests", "User-Agent", "Vary", "Via",
	"X-Content-Type-Options", "X-Csrf-Token", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto",
	"X-Frame-Options", "X-Real-Ip", "X-Request-Id", "X-Requested-With", "X-Version-Id",
)

func spellings(canonical ...string) map[string]string {
	all := make(map[string]string, 3*len(canonical))
	for _, name := range canonical {
		all[name], all[strings.ToLower(name)] = name, name
	}
	return all
}

// canonical is the name as a key of http.Header, "" for what is no name.
func canonical(name string) string {
	if known, ok := names[name]; ok {
		return known
	}
	if !httpguts.ValidHeaderFieldName(name) {
		return ""
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}
