package archtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"unicode/utf8"
)

// foreign is what belongs to a workshop and not to the product: paths of one
// machine, and words about how the text came to be. Each pattern has a bracket
// in it so that this file is not its own first finding.
var foreign = regexp.MustCompile(`(?i)(^|[^\w.])[/](work|root|farm)/` +
	`|\b(large )?language[ ]model|\bai[- ](generated|written|assisted)|\bcoding[ ](agent|assistant)` +
	`|\b(developer|helper)[ ]session|\bthe[ ]ceo\b|shared[/](design|style|hostile|mattermost|webapp|dependencies|checklist|transcripts)\b`)

// CheckText finds what no file of the repository may contain. Files that are no
// text are passed over.
func CheckText(repo fs.FS) ([]Finding, error) {
	var found []Finding
	err := eachText(repo, func(name, text string) {
		for i, line := range strings.Split(text, "\n") {
			if words := foreign.FindString(line); words != "" {
				found = append(found, Finding{fmt.Sprintf("%s:%d", name, i+1), fmt.Sprintf("speaks of %q", strings.TrimSpace(words))})
			}
		}
	})
	return inOrder(found), err
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
