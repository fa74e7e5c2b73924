package config_test

import (
	"os"
	"strings"
	"testing"

	"matterpass/internal/config"
)

func TestDotEnv(t *testing.T) {
	const base = "MM_BASE_URL=http://mattermost:8065\n"
	for name, c := range map[string]struct {
		file    string
		environ []string
		team    string
		demo    string
		err     string
	}{
		"is read in development":         {file: base + "MM_TEAM_SLUG=erp\n", team: "erp"},
		"set variables win":              {file: base + "MM_TEAM_SLUG=erp\n", environ: []string{"MM_TEAM_SLUG=sales"}, team: "sales"},
		"a set alias wins too":           {file: base + "MM_TEAM_SLUG=erp\n", environ: []string{"NEXT_PUBLIC_MM_TEAM_SLUG=sales"}, team: "sales"},
		"an empty variable does not":     {file: base + "MM_TEAM_SLUG=erp\n", environ: []string{"MM_TEAM_SLUG="}, team: "erp"},
		"aliases, comments, CRLF, BOM":   {file: "\uFEFF# ours\r\n\r\n" + base + "export NEXT_PUBLIC_MM_TEAM_SLUG=erp # the team\r\n", team: "erp"},
		"quotes":                         {file: base + "MM_DEMO_PASSWORD='a # \"b\"'\n", demo: `a # "b"`},
		"nothing is expanded":            {file: base + "MM_DEMO_PASSWORD=a$HOME${MM_BASE_URL}b\n", demo: "a$HOME${MM_BASE_URL}b"},
		"nor in double quotes":           {file: base + `MM_DEMO_PASSWORD="a$HOME b"` + "\n", demo: "a$HOME b"},
		"production set by it holds":     {file: base + "APP_ENV=production\nSECRET_KEYS=k1:" + strong + "\nALLOWED_ORIGINS=https://erp.example.com\n", err: "PUBLIC_URL: not set; set it to the address at which browsers reach Matterpass, for example https://chat.example.com"},
		"unknown name":                   {file: base + "MM_BASE_ULR=hunter2\n", err: "MM_BASE_ULR: unknown variable in .env, line 2; did you mean MM_BASE_URL?"},
		"unknown name like none":         {file: base + "\nCOLOUR=hunter2\n", err: "COLOUR: unknown variable in .env, line 3; remove it; docs/configuration.md lists all of them"},
		"a file for what is no secret":   {file: base + "MM_TEAM_SLUG_FILE=/x\n", err: "MM_TEAM_SLUG_FILE: unknown variable in .env, line 2; remove it; docs/configuration.md lists all of them"},
		"same name twice":                {file: base + "MM_DEMO_PASSWORD=hunter2\n#\nMM_DEMO_PASSWORD=hunter2\n", err: "MM_DEMO_PASSWORD: set twice in .env, lines 2 and 4; keep one"},
		"no assignment":                  {file: base + "hunter2\n", err: shape(2)},
		"a piece of a key for a name":    {file: base + "hunter2hunter2==\n", err: shape(2)},
		"open quote":                     {file: base + "MM_DEMO_PASSWORD='hunter2\n", err: shape(2)},
		"two on one line":                {file: base + "MM_DEMO_PASSWORD='hunter2' MM_TEAM_SLUG=erp\n", err: shape(2)},
		"text after the quotes":          {file: base + "MM_DEMO_PASSWORD='hunter2'hunter2\n", err: shape(2)},
		"names of later versions are ok": {file: base + "SENTRY_DSN=hunter2\nLOG_API_KEY_FILE=/x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, t.TempDir(), ".env", c.file, 0o600)
			cfg, err := config.Load(config.Source{Environ: append([]string{}, c.environ...), DotEnv: path})
			if text(err) != c.err || strings.Contains(text(err), "hunter2") {
				t.Fatalf("got  %s\nwant %s", text(err), c.err)
			}
			if err == nil && (string(cfg.Mattermost.TeamSlug) != c.team || cfg.Mattermost.DemoPassword.Reveal() != c.demo) {
				t.Errorf("team %q, password %q", cfg.Mattermost.TeamSlug, cfg.Mattermost.DemoPassword.Reveal())
			}
		})
	}
}

func TestDotEnvIsNotOpenedInProduction(t *testing.T) {
	path := write(t, t.TempDir(), ".env", "MM_DEMO_PASSWORD=x\nnonsense\n", 0o600)
	for name, c := range map[string]struct {
		environ []string
		read    bool
	}{
		"APP_ENV says production":            {production(), false},
		"NODE_ENV says production":           {production("APP_ENV=", "NODE_ENV=production"), false},
		"the platform says production":       {production("APP_ENV=", "DYNO=web.1"), false},
		"development on a platform reads it": {production("APP_ENV=development", "DYNO=web.1"), true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(config.Source{Environ: c.environ, DotEnv: path})
			if (err != nil) != c.read {
				t.Errorf("read: %v, want %v", err, c.read)
			}
		})
	}
}

func TestDotEnvOfTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := config.Load(config.Source{Environ: development()}); err != nil {
		t.Errorf("a missing .env matters: %v", err)
	}
	write(t, ".", ".env", "MM_TEAM_SLUG=erp\n", 0o600)
	if cfg, err := config.Load(config.Source{Environ: development()}); err != nil || cfg.Mattermost.TeamSlug != "erp" {
		t.Errorf("team %q, %v", cfg.Mattermost.TeamSlug, err)
	}
	if err := os.Remove(".env"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(".env", 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(config.Source{Environ: development()})
	if want := ".env: cannot be read: is a directory; make it a readable file or remove it"; text(err) != want {
		t.Errorf("got %q", text(err))
	}
}

func shape(line int) string {
	return ".env: line " + string(rune('0'+line)) + " is not NAME=value; write one variable a line, its value in single quotes where it has special characters"
}
