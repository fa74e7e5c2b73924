package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// source is one parsed Go file.
type source struct {
	path   string // relative to the repository
	folder string
	test   bool
	syntax *ast.File
	lines  *token.FileSet
}

// at is the finding that something at pos of the file is wrong.
func (s source) at(pos token.Pos, format string, args ...any) Finding {
	where := fmt.Sprintf("%s:%d", s.path, s.lines.Position(pos).Line)
	return Finding{where, fmt.Sprintf(format, args...)}
}

// sources parses the Go files of the module: whole, since the rules about
// init functions and the default mux need more than the imports.
func sources(repo fs.FS) ([]source, error) {
	var files []source
	lines := token.NewFileSet()
	err := walk(repo, func(name string) error {
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(repo, name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(lines, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, source{
			path:   name,
			folder: path.Dir(name),
			test:   strings.HasSuffix(name, "_test.go"),
			syntax: syntax,
			lines:  lines,
		})
		return nil
	})
	return files, err
}

// walk visits the regular files of the repository that are written by hand and
// belong to its own module.
func walk(repo fs.FS, visit func(name string) error) error {
	return fs.WalkDir(repo, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && isForeign(repo, name):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		return visit(name)
	})
}

// isForeign tells what git, builds and other modules keep in the tree.
func isForeign(repo fs.FS, folder string) bool {
	if folder == "." {
		return false
	}
	if slices.Contains([]string{".git", "bin", "node_modules", "vendor"}, path.Base(folder)) {
		return true
	}
	_, err := fs.Stat(repo, path.Join(folder, "go.mod"))
	return err == nil
}

// folder is the Go files of one directory.
type folder struct {
	path  string
	files []source
}

// folders groups files, which come in the order of a walk, by directory.
func folders(files []source) []folder {
	byPath := map[string][]source{}
	var order []string
	for _, f := range files {
		if _, seen := byPath[f.folder]; !seen {
			order = append(order, f.folder)
		}
		byPath[f.folder] = append(byPath[f.folder], f)
	}
	all := make([]folder, len(order))
	for i, name := range order {
		all[i] = folder{name, byPath[name]}
	}
	return all
}
