package signature_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"matterpass/internal/signature"
)

// The programs under "Signed requests" in docs/backend.md are what an ERP's
// developers copy: each must make a request that is accepted.
func TestTheDocumentedProgramsSignWell(t *testing.T) {
	text, err := os.ReadFile("../../docs/backend.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Signed requests\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for language, command := range map[string][]string{
		"sh": {"sh", "main.sh"}, "js": {"node", "main.mjs"}, "python": {"python3", "main.py"}, "go": {"go", "run", "main.go"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			asked := make(chan error, 1)
			chat := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				asked <- verify(r)
			}))
			defer chat.Close()
			run(t, section, language, command, "CHAT="+chat.URL, "SIGNING_KEY="+secret)
			if err := <-asked; err != nil {
				t.Error(err)
			}
		})
	}
}

// verify takes a request at the address of the test's own server.
func verify(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	v, err := signature.New(signature.Options{
		PublicURL: "http://" + r.Host, Nonces: (&nonces{}).use, Keys: func(string) [][]byte { return [][]byte{[]byte(secret)} },
	})
	if err != nil {
		return err
	}
	id, err := v.Verify(r.Context(), r, body)
	if err == nil && id != "erp" {
		return fmt.Errorf("the key is %q", id)
	}
	return err
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
