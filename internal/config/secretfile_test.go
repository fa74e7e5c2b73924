package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"matterpass/internal/config"
)

const token2 = "b7m2n9v4c1x6z3l8k5j0h2g4f6"

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	for name, c := range map[string]struct {
		content  string
		mode     os.FileMode
		environ  []string
		password string
		problem  string
		warning  bool
	}{
		"is read":                         {content: "pass word", password: "pass word"},
		"one line end is dropped":         {content: "pass\n", password: "pass"},
		"one CRLF is dropped":             {content: "pass\r\n", password: "pass"},
		"a byte order mark is dropped":    {content: "\uFEFFpass\n", password: "pass"},
		"blanks are kept":                 {content: " pass \n", password: " pass "},
		"a second line end is a problem":  {content: "hunter2\n\n", problem: "has a line break"},
		"two lines are a problem":         {content: "hunter2\nx", problem: "has a line break"},
		"broken UTF-8 is a problem":       {content: "hunter2\xff", problem: "broken UTF-8"},
		"readable by everybody is warned": {content: "pass", mode: 0o644, password: "pass", warning: true},
		"readable by the group is not":    {content: "pass", mode: 0o640, password: "pass"},
		"empty is a problem":              {content: "", problem: "is empty"},
		"only a line end is empty":        {content: "\r\n", problem: "is empty"},
		"endless is a problem":            {content: strings.Repeat("hunter2", 10_000), problem: "is larger than 64 KiB"},
		"both set is a problem":           {content: "hunter2", environ: []string{"MM_DEMO_PASSWORD=hunter2"}, problem: "MM_DEMO_PASSWORD and MM_DEMO_PASSWORD_FILE are both set"},
		"the alias beside it is too":      {content: "hunter2", environ: []string{"NEXT_PUBLIC_MM_DEMO_PASSWORD=hunter2"}, problem: "NEXT_PUBLIC_MM_DEMO_PASSWORD and MM_DEMO_PASSWORD_FILE are both set"},
		"missing is a problem":            {environ: []string{"MM_DEMO_PASSWORD_FILE=" + missing}, problem: "cannot be read: no such file or directory"},
		"a directory is a problem":        {environ: []string{"MM_DEMO_PASSWORD_FILE=" + dir}, problem: "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			mode := c.mode
			if mode == 0 {
				mode = 0o600
			}
			path := write(t, t.TempDir(), "password", c.content, mode)
			cfg, err := load(t, append(development("MM_DEMO_PASSWORD_FILE="+path), c.environ...))
			got := text(err)
			if c.problem == "" && got != "" || !strings.Contains(got, c.problem) || strings.Contains(got, "hunter2") || strings.Count(got, "\n") > 0 {
				t.Errorf("error %q", got)
			}
			if err == nil && cfg.Mattermost.DemoPassword.Reveal() != c.password {
				t.Errorf("password %q", cfg.Mattermost.DemoPassword.Reveal())
			}
			if (len(cfg.Warnings) == 1) != c.warning {
				t.Errorf("warnings %q", cfg.Warnings)
			}
		})
	}
}

func TestAProblemInAFileNamesTheFilesVariable(t *testing.T) {
	path := write(t, t.TempDir(), "token", "hunter2\n", 0o600)
	_, err := load(t, development("MM_ADMIN_TOKEN_FILE="+path))
	if want := "MM_ADMIN_TOKEN_FILE: is not an access token of Mattermost (7 characters); use a personal access token: 26 of a-z and 0-9"; text(err) != want {
		t.Errorf("got %q", text(err))
	}
}

func TestASetVariableWinsOverAFileInDotEnv(t *testing.T) {
	dir := t.TempDir()
	dotenv := write(t, dir, ".env", "MM_ADMIN_TOKEN_FILE="+filepath.Join(dir, "missing")+"\n", 0o600)
	cfg, err := config.Load(config.Source{Environ: development("MM_ADMIN_TOKEN=" + token), DotEnv: dotenv})
	if err != nil || cfg.AdminTokens.Token() != token {
		t.Errorf("%v", err)
	}
}

func TestAdminTokenFollowsItsFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path := write(t, dir, "token", token+"\n", 0o600)
		cfg, err := load(t, development("MM_ADMIN_TOKEN_FILE="+path))
		if err != nil {
			t.Fatal(err)
		}
		expect := func(want, when string) {
			t.Helper()
			if got := cfg.AdminTokens.Token(); got != want {
				t.Errorf("%s: token %q, want %q", when, got, want)
			}
		}
		expect(token, "at the start")

		replace(t, path, token2)
		expect(token, "within the second")
		time.Sleep(time.Second)
		expect(token2, "a second later")

		time.Sleep(time.Second)
		replace(t, path, "half a tok")
		expect(token2, "with no token in the file")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		expect(token2, "without the file")

		write(t, dir, "token", token+"\r\n", 0o600)
		time.Sleep(time.Second)
		expect(token, "when the file is back")

		write(t, dir, "token", "", 0o600)
		time.Sleep(time.Second)
		expect(token, "with an empty file")
	})
}

func TestAdminTokenIsSafeForConcurrentUse(t *testing.T) {
	path := write(t, t.TempDir(), "token", token, 0o600)
	cfg, err := load(t, development("MM_ADMIN_TOKEN_FILE="+path))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				if got := cfg.AdminTokens.Token(); got != token {
					t.Errorf("token %q", got)
				}
			}
		})
	}
	group.Wait()
}

// replace puts a new file in place of the old one, as secret managers do.
func replace(t *testing.T, path, content string) {
	t.Helper()
	next := write(t, filepath.Dir(path), "next", content, 0o600)
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}
