package archtest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/archtest"
)

func TestCheckTextFinds(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"nothing in plain words":       {text: "We work on the root of the matter.\nCOPY bin/wo" + "rk/x /usr/bin/"},
		"a path of one machine":        {text: "fine\nsee /wo" + "rk/main", want: []string{`notes.txt:2: speaks of "/wo` + `rk/"`}},
		"somebody's home":              {text: "cd /ro" + "ot/src", want: []string{`notes.txt:1: speaks of "/ro` + `ot/"`}},
		"how it was written":           {text: "AI-" + "generated", want: []string{`notes.txt:1: speaks of "ai-` + `generated"`}},
		"a reference outside the tree": {text: "see shared" + "/notes.md", want: []string{`notes.txt:1: speaks of "shared` + `/notes.md"`}},
		"nothing in a picture":         {text: "\x89PNG\x00 /wo" + "rk/"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			found, err := archtest.CheckText(tree(map[string]string{"notes.txt": tt.text}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(found)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckDocsFinds(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  []string
	}{
		"nothing where all links lead somewhere": {
			files: map[string]string{
				"README.md":    "[api](docs/api.md) [one](docs/api.md#log-in--out) [web](https://example.test/x) [here](#top)\n# Top\n",
				"docs/api.md":  "## Log in & out\n[up](../README.md)\n```\n[not a link](nowhere)\n```\n",
				"cmd/app.go":   "// docs/mattermost.md A8",
				"docs/go.sum":  "",
				"docs/x.proto": "docs/webapp.md C5, docs/webapp.md G3",

				"docs/mattermost.md": "# Facts\n- **A8** The lock.\n",
				"docs/webapp.md":     "# Facts\n- **C5** Twins.\n- **G3** Storage.\n",
			},
		},
		"a dead link": {
			files: map[string]string{"docs/api.md": "[gone](gone.md)"},
			want:  []string{"docs/api.md: dead link gone.md"},
		},
		"nothing in a template for another place": {
			files: map[string]string{"internal/config/configuration.md": "[gone](gone.md)"},
		},
		"a link to a heading that is not there": {
			files: map[string]string{"docs/api.md": "# Here\n[x](#there)"},
			want:  []string{"docs/api.md: dead link #there"},
		},
		"a citation of a fact that is not there": {
			files: map[string]string{"a.go": "// docs/mattermost.md A" + "99", "docs/mattermost.md": "# Facts\n- **A9** yes\n"},
			want:  []string{"a.go: cites docs/mattermost.md A" + "99, which is no fact there"},
		},
		"a fact whose recording is not there": {
			files: map[string]string{
				"docs/mattermost.md": "- **A1** Cookies `[login-a, login-*, gone]` `[]` `[Optional]string`.\n",
				"internal/simulator/testdata/transcripts/login-a.json": "{}",
			},
			want: []string{"docs/mattermost.md: no recording gone"},
		},
		"a proof that is not there": {
			files: map[string]string{
				"docs/readiness.md": "| limits | done | `TestLimits`, `FuzzGone` |\n",
				"limit_test.go":     "package limit\nfunc TestLimits(t *testing.T) {}",
			},
			want: []string{"docs/readiness.md: names FuzzGone, which is no test"},
		},
		"a module nobody explains": {
			files: map[string]string{
				"go.mod":               "module house\n\nrequire (\n\texample.test/a v1.0.0\n\texample.test/b/v2 v2.1.0\n\texample.test/c v1.0.0 // indirect\n)\n",
				"docs/dependencies.md": "`example.test/a` for a",
			},
			want: []string{"docs/dependencies.md: does not say what `example.test/b/v2` is for"},
		},
		"a README nobody reads": {
			files: map[string]string{"README.md": strings.Repeat("more\n", 150)},
			want:  []string{"README.md: 150 lines, 150 or more: move details to docs"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			found, err := archtest.CheckDocs(tree(tt.files))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(found)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
