// Package observe lets operators see what the program does without letting
// clients write there what they like: a log whose lines stay one JSON object
// each, whatever was logged, and that never holds up a request; and metrics
// whose number does not grow with traffic.
//
// It knows nothing else of this program: the others are handed its functions.
package observe

import (
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rs/zerolog"
)

// maxForeign is where text of strangers is cut, in bytes.
const maxForeign = 256

// timeFormat is RFC 3339 in UTC, of one width so that lines sort as text.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// LogOptions of [NewLogger].
type LogOptions struct {
	Out      io.Writer        // usually a [Queue]; each line is one Write
	Format   string           // "json", "console", or "" for console on a terminal alone
	Level    string           // debug, info, warn or error; default info
	Terminal bool             // Out ends on a terminal: colours
	Now      func() time.Time // default time.Now
}

// NewLogger returns a logger of one JSON object a line or, for people, of one
// coloured line. Neither carries a raw control character, a line separator, or
// a character that changes the direction of writing (CVE-2021-42574).
func NewLogger(o LogOptions) zerolog.Logger {
	if o.Now == nil {
		o.Now = time.Now
	}
	out := io.Writer(escaper{o.Out})
	if o.Format == "console" || o.Format == "" && o.Terminal {
		out = console(o)
	}
	level, err := zerolog.ParseLevel(o.Level)
	if err != nil || o.Level == "" {
		level = zerolog.InfoLevel
	}
	// A hook instead of zerolog's own timestamp, whose format is a global variable.
	stamp := func(e *zerolog.Event, _ zerolog.Level, _ string) {
		var text [len(timeFormat)]byte
		e.Bytes(zerolog.TimestampFieldName, o.Now().UTC().AppendFormat(text[:0], timeFormat))
	}
	return zerolog.New(out).Level(level).Hook(zerolog.HookFunc(stamp))
}

// console prints for people. Values it quotes by itself; the message it would
// print as it is.
func console(o LogOptions) zerolog.ConsoleWriter {
	return zerolog.ConsoleWriter{
		Out:     o.Out,
		NoColor: !o.Terminal,
		FormatTimestamp: func(v any) string {
			text, _ := v.(string)
			_, clock, _ := strings.Cut(strings.TrimSuffix(text, "Z"), "T")
			return clock
		},
		FormatMessage: func(v any) string {
			text, _ := v.(string)
			return string(escape(nil, []byte(text), isUnprintable))
		},
	}
}

// Foreign shortens text of strangers for the log to at most 256 bytes, without
// leaving half a character. Escaping is the logger's business.
func Foreign(s string) string {
	if len(s) <= maxForeign {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	const ellipsis = "…"
	end := maxForeign - len(ellipsis)
	for !utf8.RuneStart(s[end]) && end > maxForeign-len(ellipsis)-utf8.UTFMax {
		end--
	}
	return strings.ToValidUTF8(s[:end], "") + ellipsis
}

// escaper escapes what zerolog passes: characters above ASCII that control
// terminals, editors and line splitters. In JSON they can only be within a
// string, where \uXXXX says the same.
type escaper struct{ out io.Writer }

func (e escaper) Write(line []byte) (int, error) {
	if isPlain(line) {
		return e.out.Write(line)
	}
	if _, err := e.out.Write(escape(make([]byte, 0, len(line)+64), line, isDeceptive)); err != nil {
		return 0, err
	}
	return len(line), nil
}

func isPlain(line []byte) bool {
	for _, c := range line {
		if c >= 0x7f {
			return false
		}
	}
	return true
}

func isDeceptive(r rune) bool {
	return r >= 0x7f && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

func isUnprintable(r rune) bool { return r < ' ' || isDeceptive(r) }

// escape appends text to dst, with JSON's escapes for the characters chosen.
func escape(dst, text []byte, chosen func(rune) bool) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case !chosen(r):
			dst = append(dst, text[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendUnicode(appendUnicode(dst, high), low)
		default:
			dst = appendUnicode(dst, r)
		}
		text = text[size:]
	}
	return dst
}

func appendUnicode(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
