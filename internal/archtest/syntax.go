package archtest

import (
	"go/ast"
	"path"
	"slices"
	"strings"
)

// checkFolder asks that the map knows the folder, that its name says something,
// and that the package says what it is for.
func (r Rules) checkFolder(d folder) []Finding {
	var found []Finding
	if _, known := r.Folders[d.path]; !known {
		found = append(found, Finding{d.path, "unknown folder: say in archtest's House what it may import"})
	}
	if isEmptyName(path.Base(d.path)) || isEmptyName(d.files[0].syntax.Name.Name) {
		found = append(found, Finding{d.path, "a package is named after what it holds"})
	}
	if !hasPackageComment(d.files) {
		found = append(found, Finding{d.path, "no package comment (“Package x …”) in any file"})
	}
	return found
}

// isEmptyName tells names that would fit any package.
func isEmptyName(name string) bool {
	return slices.Contains([]string{"util", "utils", "common", "types", "helper", "helpers", "misc", "base"}, name)
}

// hasPackageComment is also true for a folder of nothing but tests.
func hasPackageComment(files []source) bool {
	onlyTests := true
	for _, f := range files {
		if f.test {
			continue
		}
		onlyTests = false
		if says := f.syntax.Doc.Text(); says != "" && strings.HasPrefix(says, opening(f.syntax.Name.Name)) {
			return true
		}
	}
	return onlyTests
}

// opening is how a package comment begins; a program's is free.
func opening(name string) string {
	if name == "main" {
		return ""
	}
	return "Package " + name + " "
}

// checkSyntax finds what runs before main, and what serves net/http's default
// mux, where foreign packages register debug handlers (docs/dependencies.md).
func checkSyntax(f source) []Finding {
	var found []Finding
	web := localName(f.syntax, "net/http")
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				found = append(found, f.at(n.Pos(), "init function: call it from main"))
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == web && servesDefaultMux(n.Sel.Name) {
				found = append(found, f.at(n.Pos(), "http.%s: build an http.Server with a handler and timeouts", n.Sel.Name))
			}
		}
		return true
	})
	return found
}

func servesDefaultMux(name string) bool {
	return slices.Contains([]string{
		"DefaultServeMux", "Handle", "HandleFunc", "ListenAndServe", "ListenAndServeTLS", "Serve", "ServeTLS",
	}, name)
}

// localName is what the file calls an import, "" if it does not import it.
func localName(file *ast.File, importPath string) string {
	for _, spec := range file.Imports {
		switch {
		case spec.Path.Value != `"`+importPath+`"`:
		case spec.Name != nil:
			return spec.Name.Name
		default:
			return path.Base(importPath)
		}
	}
	return ""
}
