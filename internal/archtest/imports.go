package archtest

import (
	"slices"
	"strconv"
	"strings"
)

// checkImports holds one file against the map and the fences.
func (r Rules) checkImports(f source) []Finding {
	var found []Finding
	for _, spec := range f.syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser accepts quoted paths only
		}
		if ours, isOurs := r.own(name); isOurs {
			if !r.mayImport(f.folder, ours) {
				found = append(found, f.at(spec.Pos(), "%s may not import %s", f.folder, ours))
			}
			continue
		}
		if r.fenced(f.folder, name) {
			found = append(found, f.at(spec.Pos(), "%s may not import %s: it is fenced", f.folder, name))
		}
	}
	return found
}

// own is the folder of an import of this module.
func (r Rules) own(name string) (folder string, isOurs bool) {
	return strings.CutPrefix(name, r.Module+"/")
}

func (r Rules) mayImport(from, to string) bool {
	if slices.Contains(r.ForTests, to) && !slices.Contains(r.ForTests, from) {
		return false // checkImports sees no tests
	}
	allowed := r.Folders[from]
	return slices.Contains(allowed, Any) || slices.Contains(allowed, to)
}

func (r Rules) fenced(folder, name string) bool {
	for _, fence := range r.Fences {
		if !isBelow(name, fence.Import) {
			continue
		}
		outside := fence.Only != nil && !slices.Contains(fence.Only, folder)
		return outside || slices.Contains(fence.Never, folder)
	}
	return false
}

func isBelow(name, parent string) bool {
	return name == parent || strings.HasPrefix(name, parent+"/")
}
