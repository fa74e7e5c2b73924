// Package archtest is the house rules as a test: which folder may import which,
// which libraries stay behind which fence, what every package says about itself,
// and what no file of the repository may contain.
//
// [House] is the one place where the rules stand; a change to the shape of the
// program is a change to that function. The package knows files and syntax only:
// it imports nothing of the program and runs none of it.
package archtest

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
)

// Any stands, as an allowed folder, for every folder of the module.
const Any = "*"

// Rules is what a repository promises about its own Go code.
type Rules struct {
	// Module is the path in go.mod: what tells our imports from foreign ones.
	Module string
	// Folders maps each folder with Go files, relative to the repository, to
	// the folders it may import. A folder that is missing here is a finding.
	Folders map[string][]string
	// ForTests are the folders that nothing but test files, and one another, may
	// import, whatever the map allows.
	ForTests []string
	// Fences restrict foreign imports; the first that matches decides, so the
	// narrower path stands before the wider one.
	Fences []Fence
}

// Fence says where one foreign import, with everything below its path, may be used.
// Test files are not fenced.
type Fence struct {
	Import string
	Only   []string // these folders and no others; nil: all but Never
	Never  []string // not these folders
}

// Finding is one broken rule: where ("path:line", or a path alone) and what.
type Finding struct{ Where, What string }

// String is the finding as compilers print theirs, so that editors can jump to it.
func (f Finding) String() string { return f.Where + ": " + f.What }

// Check reads every Go file below repo and returns what breaks the rules, in order
// of place. The error is about reading or parsing, never about a rule.
func (r Rules) Check(repo fs.FS) ([]Finding, error) {
	files, err := sources(repo)
	if err != nil {
		return nil, err
	}
	found := r.misspelt()
	for _, folder := range folders(files) {
		found = append(found, r.checkFolder(folder)...)
	}
	for _, f := range files {
		if f.test {
			continue
		}
		found = append(found, r.checkImports(f)...)
		found = append(found, checkSyntax(f)...)
	}
	return inOrder(found), nil
}

// misspelt finds allowed folders that are no folder of the map: such an entry
// would allow nothing, and nobody would notice.
func (r Rules) misspelt() []Finding {
	var found []Finding
	for folder, allowed := range r.Folders {
		for _, other := range allowed {
			if _, known := r.Folders[other]; !known && other != Any {
				found = append(found, Finding{folder, fmt.Sprintf("may import %q, which the map does not know", other)})
			}
		}
	}
	return found
}

func inOrder(found []Finding) []Finding {
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.What, b.What))
	})
	return slices.Compact(found)
}
