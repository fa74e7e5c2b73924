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

// head is what requests and answers have in common: lines, of which the first is
// apart, and what the fields say about the body.
type head struct {
	first  string // without its end
	header http.Header
	host   string // "" where it is missing: it is no field of a request's header
	length int64  // Content-Length; -1 where it is missing
}

// parseHead reads the head that came begins with, and says how long it is.
func parseHead(came []byte) (h head, size int, err error) {
	size = bytes.Index(came, end) + len(end)
	if size < len(end) {
		return head{}, 0, errPartial
	}
	// One string for all: the fields' values are parts of it.
	text := string(came[:size-len(crlf)])
	first, lines, _ := strings.Cut(text, "\r\n")
	h = head{first: first, length: -1}
	if err := h.parseFields(lines); err != nil {
		return head{}, 0, err
	}
	return h, size, nil
}

// parseFields reads lines of which each ends with CR LF. A field that comes twice is
// left to net/http.
func (h *head) parseFields(lines string) error {
	n := strings.Count(lines, "\n")
	h.header = make(http.Header, n)
	values := make([]string, n) // one slice for all, of which each field has its part
	for i := range values {
		end := strings.IndexByte(lines, '\n')
		line := lines[:end]
		lines = lines[end+1:]
		colon := strings.IndexByte(line, ':')
		if colon < 1 || line[end-1] != '\r' {
			return errUnusual
		}
		name, value := canonical(line[:colon]), strings.Trim(line[colon+1:end-1], " \t")
		if name == "" || value == "" && name == "Host" || !httpguts.ValidHeaderFieldValue(value) {
			return errUnusual
		}
		if name == "Host" && h.host == "" {
			h.host = value
			continue
		}
		if err := h.note(name, value); err != nil {
			return err
		}
		values[i] = value
		fields := len(h.header)
		if h.header[name] = values[i : i+1 : i+1]; len(h.header) == fields {
			return errUnusual
		}
	}
	return nil
}

// note takes in what a field says about the message, and refuses what is not
// ordinary.
func (h *head) note(name, value string) error {
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
		h.length = length
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
