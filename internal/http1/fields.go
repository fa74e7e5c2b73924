package http1

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
)

// facts are what a header says about how the answer is to be sent.
type facts struct {
	length      int64 // Content-Length; -1: none that is one
	hasType     bool  // or a content coding, which hides the type
	hasDate     bool
	hasTrailers bool
	closes      bool
}

// appendFields writes the lines of a header, but for those that are written in
// begin: they belong to the connection.
func appendFields(to []byte, header http.Header, status int) (facts, []byte) {
	f := facts{length: -1}
	for name, values := range header {
		if f.note(name, values) && !isSuppressed(name, status) && isField(name) {
			for _, value := range values {
				to = appendField(to, name, value)
			}
		}
	}
	return f, to
}

// note is false for what is not written as it is.
func (f *facts) note(name string, values []string) bool {
	switch name {
	case "Content-Length":
		if length, ok := parseLength(strings.Join(values, ",")); ok {
			f.length = length
		}
		return false
	case "Transfer-Encoding":
		return false
	case "Connection":
		f.closes = httpguts.HeaderValuesContainsToken(values, "close")
		return !f.closes
	case "Content-Type":
		f.hasType = true
	case "Content-Encoding":
		f.hasType = f.hasType || len(values) > 0 && values[0] != ""
	case "Date":
		f.hasDate = true
	case "Trailer":
		f.hasTrailers = true
	}
	if strings.HasPrefix(name, http.TrailerPrefix) {
		f.hasTrailers = true
		return false
	}
	return true
}

// isSuppressed: what net/http leaves out of an answer that is still good elsewhere.
func isSuppressed(name string, status int) bool {
	return status == http.StatusNotModified && name == "Content-Type"
}

// isField: names that are none are left out, as in net/http. Most need not be looked
// at letter by letter.
func isField(name string) bool {
	_, known := names[name]
	return known || httpguts.ValidHeaderFieldName(name)
}

var noBreaks = strings.NewReplacer("\r", " ", "\n", " ")

// appendField lets no value end its line.
func appendField(to []byte, name, value string) []byte {
	if strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0 { // quicker than ContainsAny
		value = noBreaks.Replace(value)
	}
	to = append(append(to, name...), ": "...)
	return append(append(to, textproto.TrimString(value)...), crlf...)
}

func appendStatusLine(to []byte, status int) []byte {
	to = strconv.AppendInt(append(to, "HTTP/1.1 "...), int64(status), 10)
	text := http.StatusText(status)
	if text == "" {
		text = "status code " + strconv.Itoa(status)
	}
	return append(append(append(to, ' '), text...), crlf...)
}

// appendTrailers writes the fields that were announced in Trailer, and those with
// http.TrailerPrefix.
func appendTrailers(to []byte, header http.Header) []byte {
	announced := make(map[string]bool)
	for _, line := range header["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			announced[textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))] = true
		}
	}
	for name, values := range header {
		late, prefixed := strings.CutPrefix(name, http.TrailerPrefix)
		if (prefixed || announced[name]) && httpguts.ValidTrailerHeader(late) {
			for _, value := range values {
				to = appendField(to, late, value)
			}
		}
	}
	return to
}

// date is the header's line of one second.
type date struct {
	second int64
	line   string
}

var dates atomic.Pointer[date]

func appendDate(to []byte, now time.Time) []byte {
	d := dates.Load()
	if d == nil || d.second != now.Unix() {
		d = &date{now.Unix(), "Date: " + now.UTC().Format(http.TimeFormat) + "\r\n"}
		dates.Store(d)
	}
	return append(to, d.line...)
}
