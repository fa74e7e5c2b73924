package archtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// foreign is what belongs to a workshop and not to the product, in lower case:
// paths of one machine, and words about how the text came to be. Each pattern has
// a bracket in it so that this file is not its own first finding, and begins with
// a literal, which is what makes it fast.
var foreign = []*regexp.Regexp{
	regexp.MustCompile(`[/](work|root)/`),
	regexp.MustCompile(`shared[/][a-z]+\.md`),
	regexp.MustCompile(`language[ ]model`),
	regexp.MustCompile(`ai[- ](generated|written|assisted)`),
	regexp.MustCompile(`coding[ ](agent|assistant)`),
}

// CheckText finds what no file of the repository may contain. Files that are no
// text are passed over.
func CheckText(repo fs.FS) ([]Finding, error) {
	var found []Finding
	err := eachText(repo, func(name, text string) {
		text = strings.ToLower(text)
		for _, pattern := range foreign {
			for _, at := range pattern.FindAllStringIndex(text, -1) {
				if isWithinWord(text, at[0]) {
					continue
				}
				line := 1 + strings.Count(text[:at[0]], "\n")
				found = append(found, Finding{fmt.Sprintf("%s:%d", name, line), fmt.Sprintf("speaks of %q", text[at[0]:at[1]])})
			}
		}
	})
	return inOrder(found), err
}

// isWithinWord tells whether a word or a longer path goes on at i.
func isWithinWord(text string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	return unicode.IsLetter(before) || unicode.IsDigit(before) || strings.ContainsRune("_.", before)
}

// eachText visits the text files of the repository, whatever their language.
func eachText(repo fs.FS, visit func(name, text string)) error {
	return walk(repo, func(name string) error {
		text, err := fs.ReadFile(repo, name)
		if err != nil {
			return err
		}
		if utf8.Valid(text) && !bytes.ContainsRune(text, 0) {
			visit(name, string(text))
		}
		return nil
	})
}
