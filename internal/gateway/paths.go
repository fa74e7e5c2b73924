package gateway

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// errPath: two readers could take this path for two different ones.
var errPath = errors.New("the path is ambiguous")

// canonical is the path that Mattermost routes by: percent-decoded once and
// cleaned (docs/mattermost.md A15). It differs from u.Path where that is not
// clean; the caller then redirects, so what is decided on is what is forwarded.
//
// Refused is what another decoding, or another reader, would see differently: an
// encoded slash or dot segment, a backslash, an escape that is still there after
// decoding, control characters, bytes that are not text.
func canonical(u *url.URL) (string, error) {
	decoded := u.Path
	if u.Opaque != "" || !strings.HasPrefix(decoded, "/") || !isPlain(decoded) {
		return "", errPath
	}
	clean := cleaned(decoded)
	if u.RawPath == "" { // the path has no encoding but the usual one
		return clean, nil
	}
	raw := strings.ToLower(u.EscapedPath())
	if strings.Contains(raw, "%2f") || clean != decoded && strings.Contains(raw, "%2e") {
		return "", errPath
	}
	return clean, nil
}

// isPlain reports that there is one way to read a decoded path.
func isPlain(decoded string) bool {
	for i := range len(decoded) {
		switch c := decoded[i]; {
		case c < ' ', c == 0x7f, c == '\\', c == '%' && isEscape(decoded[i:]):
			return false
		case c >= utf8.RuneSelf:
			return utf8.ValidString(decoded[i:]) && !strings.ContainsFunc(decoded[i:], isAmbiguous)
		}
	}
	return true
}

// isAmbiguous is for the rest of a path that has more than ASCII in it. Any per
// cent sign there is refused rather than looked at.
func isAmbiguous(r rune) bool { return unicode.IsControl(r) || r == '\\' || r == '%' }

func isEscape(s string) bool { return len(s) >= 3 && isHex(s[1]) && isHex(s[2]) }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// cleaned keeps a trailing slash, which makes another route of a path.
func cleaned(decoded string) string {
	clean := path.Clean(decoded)
	if strings.HasSuffix(decoded, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}
