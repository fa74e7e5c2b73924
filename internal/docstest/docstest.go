// Package docstest runs the programs in docs/backend.md, which an ERP's developers
// copy. It is for tests only: no other file may import it.
package docstest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"matterpass/internal/servertest"
)

// commands run the program that is written into a file of their last word's name.
var commands = map[string][]string{
	"sh": {"sh", "main.sh"}, "js": {"node", "main.mjs"}, "python": {"python3", "main.py"}, "go": {"go", "run", "main.go"},
}

// Programs runs each language's program below a heading of docs/backend.md, with
// secret, as NAME=value, and CHAT in its environment. Accept judges the request that it sends to CHAT.
// The answer is a refusal, and the program has to show why it was refused.
// A tool that is missing is a failure where everything is checked, and a visible
// skip elsewhere.
func Programs(t *testing.T, heading, secret string, accept func(*http.Request) error) {
	t.Helper()
	text, err := os.ReadFile("../../docs/backend.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for language, command := range commands {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			asked := make(chan error, 1)
			chat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked <- accept(r)
				w.WriteHeader(http.StatusConflict)
				_, _ = io.WriteString(w, `{"code":"conflict"}`)
			}))
			defer chat.Close()
			output := run(t, program(t, section, language), command, "CHAT="+chat.URL, secret)
			if !strings.Contains(output, `{"code":"conflict"}`) {
				t.Errorf("the answer is not shown: %q", output)
			}
			if err := <-asked; err != nil {
				t.Error(err)
			}
		})
	}
}

func program(t *testing.T, section, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(section, "\n```"+language+"\n")
	text, _, closed := strings.Cut(rest, "\n```\n")
	if !found || !closed {
		t.Fatal("there is no program")
	}
	return text + "\n"
}

func run(t *testing.T, program string, command []string, environment ...string) string {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		servertest.Missing(t, command[0], err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, command[len(command)-1]), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), environment...)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return string(output)
}
