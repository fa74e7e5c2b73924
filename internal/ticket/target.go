package ticket

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"matterpass/internal/login"
)

// maxTarget is the longest target in bytes.
const maxTarget = 512

// checkTarget accepts a path on the chat host, with or without a query, that
// every browser and proxy reads alike: nothing that is another host
// (WHATWG URL section 4.4 takes \ for /), leaves the path upwards, is decoded in
// two steps, or leads to one of our own pages. Empty is the default target.
func checkTarget(target string, reserved []string) error {
	if target == "" {
		return nil
	}
	path, query, _ := strings.Cut(target, "?")
	switch {
	case len(target) > maxTarget:
		return invalidTarget("is longer than 512 bytes")
	case !strings.HasPrefix(target, "/"):
		return invalidTarget("does not begin with /")
	case strings.ContainsFunc(target, isNotURLCharacter):
		return invalidTarget("has characters that a URL's path and query cannot have")
	case !isQuery(query):
		return invalidTarget("has an encoding in its query that is not one")
	}
	return checkSegments(strings.Split(path[1:], "/"), reserved)
}

// checkSegments allows an empty segment at the end only: /team/.
func checkSegments(segments, reserved []string) error {
	for i, segment := range segments {
		decoded, err := url.PathUnescape(segment)
		isLast := i == len(segments)-1
		switch {
		case err != nil || isAmbiguous(decoded):
			return invalidTarget("has an encoding in its path that can be read in two ways")
		case decoded == "." || decoded == "..":
			return invalidTarget("has a segment . or ..")
		case decoded == "" && !isLast:
			return invalidTarget("has // in its path")
		case i == 0 && isReserved(decoded, reserved):
			return invalidTarget("is one of our own paths")
		}
	}
	return nil
}

// isAmbiguous finds what a second decoding, or a server that decodes before it
// splits, would read as another path.
func isAmbiguous(segment string) bool {
	return strings.ContainsAny(segment, `/\%?#`) || !utf8.ValidString(segment) || strings.ContainsFunc(segment, isUnseen)
}

func isQuery(query string) bool {
	decoded, err := url.QueryUnescape(query)
	return err == nil && utf8.ValidString(decoded) && !strings.ContainsFunc(decoded, unicode.IsControl)
}

func isUnseen(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// isReserved ignores case, since file systems and caches may.
func isReserved(first string, reserved []string) bool {
	for _, ours := range reserved {
		if strings.EqualFold(first, ours) {
			return true
		}
	}
	return false
}

// isNotURLCharacter knows RFC 3986's pchar, and / ? %. The fragment's # is no
// such character: the launch page needs it for the ticket.
func isNotURLCharacter(r rune) bool {
	isAlphanumeric := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !isAlphanumeric && !strings.ContainsRune("-._~!$&'()*+,;=:@/?%", r)
}

func invalidTarget(want string) error { return &login.Invalid{Field: "target", Want: want} }
