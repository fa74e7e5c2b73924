package archtest_test

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/archtest"
)

// repository is the real one, seen from this folder.
func repository() fs.FS { return os.DirFS("../..") }

func TestTheHouseKeepsItsRules(t *testing.T) {
	report(t)(archtest.House().Check(repository()))
}

func TestNoFileSpeaksOfTheWorkshop(t *testing.T) {
	report(t)(archtest.CheckText(repository()))
}

func TestTheDocumentsAreTrueOfTheRepository(t *testing.T) {
	report(t)(archtest.CheckDocs(repository()))
}

func report(t *testing.T) func([]archtest.Finding, error) {
	return func(found []archtest.Finding, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			t.Error(f)
		}
	}
}

// small is a house of two rooms, for the checker's own tests.
func small() archtest.Rules {
	return archtest.Rules{
		Module: "house",
		Folders: map[string][]string{
			"cmd/house":     {archtest.Any},
			"internal/core": {},
			"internal/edge": {"internal/core"},
			"internal/rig":  {},
			"internal/rope": {"internal/rig"},
		},
		ForTests: []string{"internal/rig", "internal/rope"},
		Fences: []archtest.Fence{
			{Import: "example.test/router/extra", Only: []string{"internal/core", "internal/edge"}},
			{Import: "example.test/router", Only: []string{"internal/edge"}},
			{Import: "log", Never: []string{"internal/core"}},
		},
	}
}

func TestCheckFinds(t *testing.T) {
	const core, edge = "internal/core/core.go", "internal/edge/edge.go"
	tests := map[string]struct {
		files map[string]string
		want  []string
	}{
		"nothing in a tidy house": {
			files: map[string]string{
				"cmd/house/main.go": "// House runs.\npackage main\nimport (\n\t_ \"house/internal/core\"\n\t_ \"house/internal/edge\"\n)",
				core:                "// Package core is the core.\npackage core",
				edge:                "// Package edge is the edge.\npackage edge\nimport (\n\t_ \"house/internal/core\"\n\t_ \"example.test/router\"\n\t_ \"log\"\n)",
			},
		},
		"nothing where rooms for tests meet": {
			files: map[string]string{"internal/rope/rope.go": "// Package rope is for tests.\npackage rope\nimport _ \"house/internal/rig\""},
		},
		"an arrow against the map": {
			files: map[string]string{core: "// Package core is the core.\npackage core\nimport _ \"house/internal/edge\""},
			want:  []string{core + ":3: internal/core may not import internal/edge"},
		},
		"an import below an allowed folder, which is a folder of its own": {
			files: map[string]string{edge: "// Package edge is the edge.\npackage edge\nimport _ \"house/internal/core/deep\""},
			want:  []string{edge + ":3: internal/edge may not import internal/core/deep"},
		},
		"a folder that is not on the map": {
			files: map[string]string{"internal/new/new.go": "// Package new is new.\npackage new"},
			want:  []string{"internal/new: unknown folder: say in archtest's House what it may import"},
		},
		"an unknown folder of nothing but tests": {
			files: map[string]string{"internal/new/new_test.go": "package new"},
			want:  []string{"internal/new: unknown folder: say in archtest's House what it may import"},
		},
		"a package without a comment": {
			files: map[string]string{core: "package core"},
			want:  []string{"internal/core: no package comment (“Package x …”) in any file"},
		},
		"a program without a comment": {
			files: map[string]string{"cmd/house/main.go": "package main"},
			want:  []string{"cmd/house: no package comment (“Package x …”) in any file"},
		},
		"a package comment about something else": {
			files: map[string]string{core: "// Everything lives here.\npackage core"},
			want:  []string{"internal/core: no package comment (“Package x …”) in any file"},
		},
		"a comment that is only in a test": {
			files: map[string]string{core: "package core", "internal/core/core_test.go": "// Package core is the core.\npackage core"},
			want:  []string{"internal/core: no package comment (“Package x …”) in any file"},
		},
		"a library outside its fence": {
			files: map[string]string{core: "// Package core is the core.\npackage core\nimport _ \"example.test/router/tree\""},
			want:  []string{core + ":3: internal/core may not import example.test/router/tree: it is fenced"},
		},
		"nothing where the narrower fence allows it": {
			files: map[string]string{core: "// Package core is the core.\npackage core\nimport _ \"example.test/router/extra\""},
		},
		"nothing in a library whose name only begins alike": {
			files: map[string]string{core: "// Package core is the core.\npackage core\nimport _ \"logic\""},
		},
		"logging in the domain, however it is spelt": {
			files: map[string]string{core: "// Package core is the core.\npackage core\nimport quiet \"log/slog\""},
			want:  []string{core + ":3: internal/core may not import log/slog: it is fenced"},
		},
		"nothing in what a test imports": {
			files: map[string]string{
				core:                         "// Package core is the core.\npackage core",
				"internal/core/core_test.go": "package core\nimport (\n\t_ \"house/internal/edge\"\n\t_ \"log\"\n)\nfunc init() {}",
			},
		},
		"what is for tests only, outside of them": {
			files: map[string]string{
				"cmd/house/main.go":      "// House runs.\npackage main\nimport _ \"house/internal/rig\"",
				"cmd/house/main_test.go": "package main\nimport _ \"house/internal/rig\"",
			},
			want: []string{"cmd/house/main.go:3: cmd/house may not import internal/rig"},
		},
		"an init function": {
			files: map[string]string{core: "// Package core is the core.\npackage core\nfunc init() {}"},
			want:  []string{core + ":3: init function: call it from main"},
		},
		"nothing in a method called init": {
			files: map[string]string{core: "// Package core is the core.\npackage core\ntype c int\nfunc (c) init() {}"},
		},
		"the default mux, under another name too": {
			files: map[string]string{edge: "// Package edge is the edge.\npackage edge\nimport web \"net/http\"\nvar mux = web.DefaultServeMux"},
			want:  []string{edge + ":4: http.DefaultServeMux: build an http.Server with a handler and timeouts"},
		},
		"a server without timeouts": {
			files: map[string]string{edge: "// Package edge is the edge.\npackage edge\nimport \"net/http\"\nvar err = http.ListenAndServe(\"\", nil)"},
			want:  []string{edge + ":4: http.ListenAndServe: build an http.Server with a handler and timeouts"},
		},
		"nothing in a mux of one's own": {
			files: map[string]string{edge: "// Package edge is the edge.\npackage edge\nimport \"net/http\"\nvar mux = http.NewServeMux()\nfunc f() { mux.HandleFunc(\"/\", nil) }"},
		},
		"a package that could hold anything": {
			files: map[string]string{core: "// Package util helps.\npackage util"},
			want:  []string{"internal/core: a package is named after what it holds"},
		},
		"nothing in other modules and built things": {
			files: map[string]string{
				"tools/go.mod": "module tools", "tools/x.go": "package x", "bin/y.go": "package y", "web/node_modules/z/z.go": "package z",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			found, err := small().Check(tree(tt.files))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(found)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckFindsAnAllowedFolderThatDoesNotExist(t *testing.T) {
	rules := archtest.Rules{Module: "house", Folders: map[string][]string{"a": {"internl/core"}}}
	found, err := rules.Check(tree(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`a: may import "internl/core", which the map does not know`}
	if diff := cmp.Diff(want, lines(found)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestCheckRefusesWhatIsNotGo(t *testing.T) {
	if _, err := small().Check(tree(map[string]string{"internal/core/core.go": "pakage"})); err == nil {
		t.Error("no error for a file that does not parse")
	}
}

// The map of this house forbids what it is there to forbid, whatever the code
// happens to import today.
func TestHouseForbids(t *testing.T) {
	tests := map[string]struct{ folder, imports string }{
		"the official client in the API":     {"internal/httpapi", "github.com/mattermost/mattermost/server/public/model"},
		"a router in a middleware":           {"internal/middleware", "github.com/go-chi/chi/v5"},
		"the environment outside config":     {"internal/server", "github.com/kelseyhightower/envconfig"},
		"HTTP in sign-in":                    {"internal/login", "net/http"},
		"HTTP tests' server in provision":    {"internal/provision", "net/http/httptest"},
		"logging in tickets":                 {"internal/ticket", "log/slog"},
		"zerolog in sign-in":                 {"internal/login", "github.com/rs/zerolog"},
		"profiles in the API":                {"internal/httpapi", "net/http/pprof"},
		"config below cmd":                   {"internal/server", "matterpass/internal/config"},
		"an adapter in the domain":           {"internal/login", "matterpass/internal/mattermost"},
		"one adapter in another":             {"internal/limit", "matterpass/internal/store"},
		"the program in its own simulator":   {"internal/simulator", "matterpass/internal/mattermost"},
		"the API in the stand-in ERP":        {"internal/erp", "matterpass/internal/httpapi"},
		"the gateway's knowledge of the API": {"internal/gateway", "matterpass/internal/httpapi"},
		"a browser in the program":           {"cmd/matterpass", "matterpass/internal/browsertest"},
		"Chromium's protocol in the program": {"cmd/matterpass", "github.com/chromedp/chromedp"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := "// Package x is x.\npackage x\nimport _ \"" + tt.imports + "\""
			found, err := archtest.House().Check(tree(map[string]string{tt.folder + "/x.go": text}))
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != 1 {
				t.Errorf("%s importing %s: %d findings, want 1: %v", tt.folder, tt.imports, len(found), found)
			}
		})
	}
}

func tree(files map[string]string) fstest.MapFS {
	repo := fstest.MapFS{}
	for name, text := range files {
		repo[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return repo
}

func lines(found []archtest.Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.String())
	}
	return out
}
