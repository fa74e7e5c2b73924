package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/joho/godotenv"
)

var variableName = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// readDotEnv reads a .env file, which need not exist: one NAME=value a line.
func (l *loader) readDotEnv(path string) map[string]string {
	text, err := os.ReadFile(path) //nolint:gosec // a constant, or the caller's own
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		l.add(fromDotEnv, "cannot be read: "+reason(err), "make it a readable file or remove it")
		return nil
	}
	return l.parseDotEnv(string(text))
}

// parseDotEnv hands godotenv one line at a time: as a whole it would keep the
// last of two equal keys, name no line, and put values into its errors.
func (l *loader) parseDotEnv(text string) map[string]string {
	values := make(map[string]string)
	lines := make(map[string]int)
	known := knownNames()
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, byteOrderMark)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := assignment(line)
		switch {
		case !ok:
			l.add(fromDotEnv, fmt.Sprintf("line %d is not NAME=value", number), "write one variable a line, its value in single quotes where it has special characters")
		case !slices.Contains(known, name):
			l.add(name, fmt.Sprintf("unknown variable in .env, line %d", number), advice(name, known))
		case lines[name] != 0:
			l.add(name, fmt.Sprintf("set twice in .env, lines %d and %d", lines[name], number), "keep one")
		default:
			values[name], lines[name] = value, number
		}
	}
	return values
}

// assignment reads one line. Nothing is expanded: a $ in a password is a $. What
// does not look like a variable's name may be a piece of a secret and is no name.
func assignment(line string) (name, value string, ok bool) {
	const dollar = "\uE000" // private use: stands for $ while godotenv reads
	values, err := godotenv.Unmarshal(strings.ReplaceAll(line, "$", dollar))
	if err != nil || len(values) != 1 {
		return "", "", false
	}
	for name, value = range values {
		value = strings.ReplaceAll(value, dollar, "$")
	}
	return name, value, variableName.MatchString(name)
}

func advice(name string, known []string) string {
	nearest, least := "", 3
	for _, candidate := range known {
		if d := distance(name, candidate); d < least {
			nearest, least = candidate, d
		}
	}
	if nearest == "" {
		return "remove it; docs/configuration.md lists all of them"
	}
	return "did you mean " + nearest + "?"
}

// distance is how many letters must be put in, left out or replaced to make b
// of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// reason is an error of the file system without the path.
func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return "unknown error"
}
