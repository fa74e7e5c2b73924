package web_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/web"
)

func widget(t *testing.T) []byte {
	t.Helper()
	source, err := fs.ReadFile(web.Widget(), "matterpass.js")
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestWidgetIsAtMost4kBGzipped(t *testing.T) {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = z.Write(widget(t))
	_ = z.Close()
	if out.Len() > 4<<10 {
		t.Errorf("matterpass.js is %d bytes gzipped, more than 4 kB", out.Len())
	}
	t.Logf("%d bytes gzipped", out.Len())
}

// TestWidgetIsAPackage asks npm what it would publish, and Node whether that can
// be imported by its name.
func TestWidgetIsAPackage(t *testing.T) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no npm found: in CI the package must be looked at")
		}
		t.Skip("no npm found: the package is NOT looked at")
	}
	dir := t.TempDir()
	for _, args := range [][]string{{"pack", "--silent", "--pack-destination", dir, "./widget"}, {"install", "--silent", "--offline", "--prefix", dir, filepath.Join(dir, "matterpass-widget-1.0.0.tgz")}} {
		if out, err := exec.CommandContext(t.Context(), npm, args...).CombinedOutput(); err != nil {
			t.Fatalf("npm %s: %v\n%s", args[0], err, out)
		}
	}
	var files []string
	root := os.DirFS(filepath.Join(dir, "node_modules", "matterpass-widget"))
	_ = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, _ error) error {
		if !entry.IsDir() {
			files = append(files, name)
		}
		return nil
	})
	if diff := cmp.Diff([]string{"README.md", "examples/react.tsx", "matterpass.d.ts", "matterpass.js", "package.json"}, files); diff != "" {
		t.Error(diff)
	}
	node := exec.CommandContext(t.Context(), "node", "--input-type=module", "--eval", `import { MattermostChat } from "matterpass-widget"; process.stdout.write(typeof MattermostChat)`)
	node.Dir = dir
	if out, err := node.CombinedOutput(); err != nil || string(out) != "function" {
		t.Errorf("it cannot be imported: %v %s", err, out)
	}
}

func TestWidgetNeedsNothingButItsOwnServer(t *testing.T) {
	for _, forbidden := range []string{`https?://`, `\bimport\s`, `\bimport\(`, `localStorage`, `sessionStorage`, `document\.cookie`, `console\.`, `\beval\b`, `innerHTML`, `\.style\b`} {
		if found := regexp.MustCompile(forbidden).Find(widget(t)); found != nil {
			t.Errorf("matterpass.js contains %q", found)
		}
	}
}

func TestEveryPageIsInTheBuild(t *testing.T) {
	for name, files := range map[string]fs.FS{
		"erp": web.ERP(), "shell": web.Shell(), "launch": web.Launch(), "oidc": web.OIDC(), "doctor": web.Doctor(),
	} {
		if page, err := fs.ReadFile(files, "index.html"); err != nil || !bytes.Contains(page, []byte("<!doctype html>")) {
			t.Errorf("%s: no page (%v)", name, err)
		}
	}
}
