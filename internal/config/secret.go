package config

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode"
)

const hidden = "[secret]"

// Secret is a text that cannot be printed: every way to format, log or encode
// it gives "[secret]", or "" when it is not set. Only Reveal hands it out.
//
// The text is behind a pointer because fmt does not call methods on unexported
// fields, but does not follow pointers there either.
type Secret struct{ text *string }

// NewSecret returns text as a Secret; "" is one that is not set.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text itself, to be handed to the one who needs it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether there is a text.
func (s Secret) IsSet() bool { return s.text != nil }

// String is the mask.
func (s Secret) String() string {
	if !s.IsSet() {
		return ""
	}
	return hidden
}

// GoString is the mask, for %#v.
func (s Secret) GoString() string { return s.String() }

// Format writes the mask whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText is the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON is the mask.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// LogValue is the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Decode takes the text as it is.
func (s *Secret) Decode(text string) error {
	*s = NewSecret(text)
	return nil
}

// looksMade reports whether text is a placeholder and not a secret: an example's
// words with too little beside them, or a handful of characters repeated.
func looksMade(text string) bool {
	low := strings.ToLower(text)
	rest := low
	for _, word := range []string{
		"changeme", "change-me", "change_me", "secret", "example", "placeholder", "password",
		"local-only", "not-for-production", "insert-", "your-", "your_", "xxxx",
	} {
		rest = strings.ReplaceAll(rest, word, "")
	}
	if len(rest) < len(low) && len(rest) < shortestSecret {
		return true
	}
	if strings.HasPrefix(text, "<") && strings.HasSuffix(text, ">") {
		return true
	}
	seen := make(map[rune]bool)
	for _, c := range low {
		seen[c] = true
	}
	const fewest = 6 // 26 random characters of [a-z0-9] have 18 different ones
	return len(seen) < fewest
}

// isToken reports whether text is visible ASCII without a space: what survives
// headers, shells and lists.
func isToken(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c > unicode.MaxASCII || !unicode.IsGraphic(c) || c == ' ' })
}
