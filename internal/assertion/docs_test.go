package assertion_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"matterpass/internal/assertion"
	"matterpass/internal/login"
)

// The programs under "Assertions" in docs/backend.md are what an ERP's
// developers copy: each must make an assertion that is accepted.
func TestTheDocumentedProgramsMakeGoodAssertions(t *testing.T) {
	text, err := os.ReadFile("../../docs/backend.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Assertions\n")
	section, _, _ = strings.Cut(section, "\n## ")
	v, err := assertion.New(assertion.Options{Secrets: [][]byte{[]byte(secret)}, Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	for language, command := range map[string][]string{
		"sh": {"sh", "main.sh"}, "js": {"node", "main.mjs"}, "python": {"python3", "main.py"}, "go": {"go", "run", "main.go"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			asked := make(chan error, 1)
			chat := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
				_, err := v.Verify(r.Context(), bearer, login.ForSignIn)
				asked <- err
			}))
			defer chat.Close()
			run(t, section, language, command, "CHAT="+chat.URL, "JWT_SECRET="+secret)
			if err := <-asked; err != nil {
				t.Error(err)
			}
		})
	}
}

// run executes the program of one language. A tool that is missing is a failure
// where everything is checked, and a visible skip elsewhere.
func run(t *testing.T, section, language string, command []string, environment ...string) {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	_, program, found := strings.Cut(section, "\n```"+language+"\n")
	program, _, closed := strings.Cut(program, "\n```\n")
	if !found || !closed {
		t.Fatal("there is no program")
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, command[len(command)-1]), []byte(program+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), environment...)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
}
