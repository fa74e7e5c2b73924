package signature

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// scanner reads the part of Structured Fields (RFC 9651) that signatures and
// digests are made of, in the one spelling that section 4.1 has a sender write.
// What is equal when it is signed is then equal when it is read: of two members
// with one key none silently counts, and nothing is written down anew.
type scanner struct{ rest string }

func (s *scanner) atEnd() bool { return s.rest == "" }

// skip takes a literal, if it is next.
func (s *scanner) skip(literal string) bool {
	rest, found := strings.CutPrefix(s.rest, literal)
	if found {
		s.rest = rest
	}
	return found
}

// key takes a key (section 3.1.2).
func (s *scanner) key() (string, bool) {
	end := strings.IndexFunc(s.rest, func(r rune) bool { return !isKeyCharacter(r) })
	if end < 0 {
		end = len(s.rest)
	}
	key := s.rest[:end]
	s.rest = s.rest[end:]
	return key, key != "" && (key[0] == '*' || key[0] >= 'a')
}

func isKeyCharacter(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("_-.*", r)
}

// text takes a string (section 3.3.3).
func (s *scanner) text() (string, bool) {
	if !s.skip(`"`) {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(s.rest); i++ {
		c := s.rest[i]
		switch {
		case c == '"':
			s.rest = s.rest[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(s.rest) && (s.rest[i+1] == '"' || s.rest[i+1] == '\\'):
			i++
			c = s.rest[i]
		case c == '\\' || c < ' ' || c > '~':
			return "", false
		}
		b.WriteByte(c)
	}
	return "", false
}

// integer takes an integer that is not negative (section 3.3.1).
func (s *scanner) integer() (int64, bool) {
	end := 0
	for end < len(s.rest) && '0' <= s.rest[end] && s.rest[end] <= '9' {
		end++
	}
	digits := s.rest[:end]
	s.rest = s.rest[end:]
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && end <= 15 && (end == 1 || digits[0] != '0')
}

// bytes takes a byte sequence (section 3.3.5).
func (s *scanner) bytes() ([]byte, bool) {
	if !s.skip(":") {
		return nil, false
	}
	encoded, rest, found := strings.Cut(s.rest, ":")
	s.rest = rest
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	// The decoder skips line breaks.
	return decoded, found && err == nil && !strings.ContainsAny(encoded, "\r\n")
}

// list takes the strings of an inner list without parameters (section 3.1.1).
func (s *scanner) list() ([]string, bool) {
	if !s.skip("(") {
		return nil, false
	}
	var members []string
	for !s.skip(")") {
		if len(members) > 0 && !s.skip(" ") {
			return nil, false
		}
		member, isText := s.text()
		if !isText {
			return nil, false
		}
		members = append(members, member)
	}
	return members, true
}
