package archtest

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// readmeLines is how long a README may be before it stops being read.
const readmeLines = 150

// transcripts is where the recorded exchanges lie that the facts refer to.
const transcripts = "internal/simulator/testdata/transcripts"

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence    = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	heading  = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notInID  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	citation = regexp.MustCompile(`docs/(mattermost|webapp)\.md ([A-I]\d+b?)\b`)
	recorded = regexp.MustCompile("`\\[([a-zA-Z][^\\]`]*)\\]`")
	testName = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)\\w+)`")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	direct   = regexp.MustCompile(`(?m)^(?:require )?\s*([\w.~-]+\.[\w./~-]+) v\S+$`)
)

// CheckDocs holds the documents against the repository: links lead somewhere,
// cited facts, recordings and tests exist, every direct module is explained, and
// the README is short.
func CheckDocs(repo fs.FS) ([]Finding, error) {
	var found []Finding
	tests := map[string]bool{}
	err := eachText(repo, func(name, text string) {
		if strings.HasSuffix(name, "_test.go") {
			for _, match := range testFunc.FindAllStringSubmatch(text, -1) {
				tests[match[1]] = true
			}
		}
		if isDocument(name) {
			found = append(found, checkLinks(repo, name, text)...)
		}
		found = append(found, checkCitations(repo, name, text)...)
	})
	if err != nil {
		return nil, err
	}
	for _, facts := range []string{"docs/mattermost.md", "docs/webapp.md"} {
		found = append(found, checkRecordings(repo, facts)...)
	}
	found = append(found, checkReadiness(repo, tests)...)
	found = append(found, checkModules(repo)...)
	if n := strings.Count(readText(repo, "README.md"), "\n"); n >= readmeLines {
		found = append(found, Finding{"README.md", fmt.Sprintf("%d lines, %d or more: move details to docs", n, readmeLines)})
	}
	return inOrder(found), nil
}

// isDocument tells what people read where it stands; a template elsewhere has
// the links of the place it is written to.
func isDocument(name string) bool {
	folder := path.Dir(name)
	return path.Ext(name) == ".md" && (folder == "." || folder == "docs")
}

// checkLinks follows the relative links of one Markdown file, to headings too.
func checkLinks(repo fs.FS, name, text string) []Finding {
	var found []Finding
	for _, match := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		if !leadsSomewhere(repo, name, match[1]) {
			found = append(found, Finding{name, "dead link " + match[1]})
		}
	}
	return found
}

func leadsSomewhere(repo fs.FS, from, target string) bool {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return true
	}
	file, anchor, _ := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = path.Join(path.Dir(from), file)
	}
	if _, err := fs.Stat(repo, to); err != nil {
		return false
	}
	return anchor == "" || hasHeading(readText(repo, to), anchor)
}

// hasHeading makes anchors the way code hosts do: lower case, spaces to hyphens,
// punctuation dropped.
func hasHeading(text, anchor string) bool {
	for _, match := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		id := notInID.ReplaceAllString(strings.ToLower(match[1]), "")
		if strings.ReplaceAll(id, " ", "-") == anchor {
			return true
		}
	}
	return false
}

// checkCitations looks up every “docs/mattermost.md A8” in the document it names,
// where each fact is a list item that begins with its number.
func checkCitations(repo fs.FS, name, text string) []Finding {
	var found []Finding
	for _, match := range citation.FindAllStringSubmatch(text, -1) {
		cited, number := "docs/"+match[1]+".md", match[2]
		if !strings.Contains(readText(repo, cited), "\n- **"+number+"** ") {
			found = append(found, Finding{name, "cites " + match[0] + ", which is no fact there"})
		}
	}
	return found
}

// checkRecordings looks for the transcripts that a fact names, patterns too.
func checkRecordings(repo fs.FS, facts string) []Finding {
	var found []Finding
	for _, match := range recorded.FindAllStringSubmatch(readText(repo, facts), -1) {
		for name := range strings.SplitSeq(match[1], ", ") {
			if files, err := fs.Glob(repo, path.Join(transcripts, name+".json")); err != nil || len(files) == 0 {
				found = append(found, Finding{facts, "no recording " + name})
			}
		}
	}
	return found
}

// checkReadiness looks for the tests that are said to prove a requirement.
func checkReadiness(repo fs.FS, tests map[string]bool) []Finding {
	const page = "docs/readiness.md"
	var found []Finding
	for _, match := range testName.FindAllStringSubmatch(readText(repo, page), -1) {
		if !tests[match[1]] {
			found = append(found, Finding{page, "names " + match[1] + ", which is no test"})
		}
	}
	return found
}

// checkModules asks that each direct requirement of go.mod is explained.
func checkModules(repo fs.FS) []Finding {
	var found []Finding
	explained := readText(repo, "docs/dependencies.md")
	for _, match := range direct.FindAllStringSubmatch(readText(repo, "go.mod"), -1) {
		if !strings.Contains(explained, "`"+match[1]+"`") {
			found = append(found, Finding{"docs/dependencies.md", "does not say what `" + match[1] + "` is for"})
		}
	}
	return found
}

// readText is the content of a file, "" for one that is not there.
func readText(repo fs.FS, name string) string {
	text, err := fs.ReadFile(repo, name)
	if err != nil {
		return ""
	}
	return string(text)
}
