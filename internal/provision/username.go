package provision

import (
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"slices"
	"strings"

	"matterpass/internal/email"
)

var usernameForm = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)

// isReserved: names that Mattermost refuses (docs/mattermost.md E2), and mentions
// that mean several people.
func isReserved(username string) bool {
	return slices.Contains([]string{"all", "channel", "everyone", "here", "matterbot", "me", "system"}, username)
}

// isMisleading: names that nobody should get by accident, and those of
// Mattermost's own bots.
func isMisleading(username string) bool {
	return slices.Contains([]string{
		"admin", "administrator", "appsbot", "boards", "calls", "feedbackbot", "mattermost", "moderator",
		"playbooks", "root", "security", "support", "surveybot", "sysadmin", "system-bot", "webmaster",
	}, username)
}

// readUsername applies Mattermost's rule to a username that the ERP chose: in
// lower case it has one spelling. Two dots in a row are refused although Mattermost
// knows such: its client deletes them and would ask for another account.
func readUsername(field, value string) (string, error) {
	lower := strings.ToLower(value)
	switch {
	case len(lower) != len(value) || !usernameForm.MatchString(lower):
		return "", &Invalid{field, "is not 1 to 64 characters of a-z, 0-9, dot, hyphen and underscore"}
	case strings.Contains(lower, "..") || lower == ".":
		return "", &Invalid{field, "has dots that stand alone or in a row"}
	case isReserved(lower):
		return "", &Invalid{field, "is reserved"}
	}
	return lower, nil
}

// baseMost leaves room for a suffix: a username has 64 characters at most.
const baseMost = 40

// candidates are usernames for an address, in the order in which they are tried.
// They depend on nothing but the address, so however often and wherever it is
// done, a clash is solved the same way; and since the longer ones carry a hash of
// it, two people share none of those.
func candidates(address email.Address) []string {
	base := usernameFrom(address.Local())
	sum := sha256.Sum256([]byte(address))
	hash := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))
	names := []string{base, base + "-" + hash[:5], base + "-" + hash[:10], base + "-" + hash[:20]}
	if isReserved(base) || isMisleading(base) {
		return names[1:]
	}
	return names
}

// usernameFrom keeps what a username can have, one separator at a time, and lets
// it begin with a letter: so it looks like no id, and all clients mention it.
func usernameFrom(local string) string {
	var b strings.Builder
	separated := true // nothing begins with a separator
	for _, r := range local {
		if isAlphanumeric(r) {
			b.WriteRune(r)
			separated = false
		} else if !separated {
			b.WriteRune(separator(r))
			separated = true
		}
	}
	name := b.String()
	name = strings.TrimRight(name[:min(len(name), baseMost)], "._-")
	switch {
	case name == "":
		return "user"
	case name[0] >= '0' && name[0] <= '9':
		return "u" + name
	}
	return name
}

func isAlphanumeric(r rune) bool { return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' }

func separator(r rune) rune {
	if r == '.' || r == '_' {
		return r
	}
	return '-'
}
