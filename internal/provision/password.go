package provision

import (
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"matterpass/internal/email"
)

// passwordMost is the longest password that Mattermost takes, in bytes
// (docs/mattermost.md I4).
const passwordMost = 72

// Policy says which passwords may be set. Mattermost's own rules come on top.
type Policy struct {
	MinLength int // characters; 8, Mattermost's own floor
	// Strict also refuses what is guessed first: common passwords, repetitions
	// and runs, and the person's own name.
	Strict bool
}

// leastDistinct is how many different characters a strict password has, and
// leastPart how long a part of a name is that must not be in it.
const (
	leastDistinct = 5
	leastPart     = 4
)

// common are passwords, and words at their core, that are guessed first: one a
// line, in lower case.
//
//go:embed common.txt
var common string

func (p Policy) check(password string, personal []string) error {
	least := max(p.MinLength, 8)
	switch {
	case len(password) > passwordMost:
		return weak("is longer than 72 bytes, the most that Mattermost takes")
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return weak("has bytes that are not text")
	case utf8.RuneCountInString(password) < least:
		return weak(fmt.Sprintf("is shorter than %d characters", least))
	case !p.Strict:
		return nil
	}
	lower := strings.ToLower(password)
	switch {
	case isCommon(lower):
		return weak("is among those that are guessed first")
	case isMonotonous(lower):
		return weak("is a repetition or a run of characters")
	case containsAny(lower, personal):
		return weak("contains the person's own name or address")
	}
	return nil
}

func weak(want string) error { return &Invalid{"password", want} }

// isCommon looks also at the word that is left without digits and signs around
// it: "Summer2026!" is no better than "summer".
func isCommon(lower string) bool {
	core := strings.TrimFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) })
	lines := "\n" + common + "\n"
	return strings.Contains(lines, "\n"+lower+"\n") || core != "" && strings.Contains(lines, "\n"+core+"\n")
}

func isMonotonous(s string) bool {
	distinct := map[rune]bool{}
	steps := map[rune]bool{}
	var previous rune
	for i, r := range s {
		distinct[r] = true
		if i > 0 {
			steps[r-previous] = true
		}
		previous = r
	}
	return len(distinct) < leastDistinct || len(steps) == 1
}

func containsAny(s string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// personal are the words that a stranger would try for this person.
func personal(address email.Address, fields []Change) []string {
	// Not the last label of the domain: "test" or "shop" is nobody's name.
	text := string(address)[:strings.LastIndexByte(string(address), '.')]
	for _, field := range fields {
		if field.Field != "locale" {
			text += " " + field.Value
		}
	}
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	var long []string
	for _, word := range words {
		if utf8.RuneCountInString(word) >= leastPart {
			long = append(long, word)
		}
	}
	return long
}

// randomPassword has 408 random bits. It is as long as a password can be and has
// characters of every kind, so no policy of Mattermost's refuses it.
func randomPassword() string {
	random := make([]byte, 51)
	rand.Read(random) // never fails (crypto/rand)
	return "aA1!" + base64.RawURLEncoding.EncodeToString(random)
}
