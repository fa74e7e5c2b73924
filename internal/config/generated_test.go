package config_test

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/config"
)

var update = flag.Bool("update", false, "write the generated documents")

const (
	templatePath = "../../.env.template"
	markdownPath = "../../docs/configuration.md"
)

func TestGeneratedDocumentsAreWhatTheStructSays(t *testing.T) {
	for path, text := range map[string]string{
		templatePath: config.Template(),
		markdownPath: config.Markdown(),
	} {
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(text, read(t, path)); diff != "" {
			t.Errorf("%s is out of date; go test ./internal/config -run Generated -update\n%s", path, diff)
		}
	}
}

func TestEveryVariableIsInBothGeneratedDocumentsAndNoOtherIs(t *testing.T) {
	var names []string
	for _, v := range config.Describe() {
		names = append(names, v.Name)
	}
	for path, pattern := range map[string]string{
		templatePath: `(?m)^#?([A-Z][A-Z0-9_]*)=`,
		markdownPath: "(?m)^\\| `([A-Z0-9_]+)`",
	} {
		var found []string
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, path), -1) {
			found = append(found, match[1])
		}
		if diff := cmp.Diff(names, found); diff != "" {
			t.Errorf("%s (-struct +document):\n%s", path, diff)
		}
	}
}

func TestEveryVariableSaysWhatItIs(t *testing.T) {
	seen := make(map[string]bool)
	for _, v := range config.Describe() {
		if v.Name == "" || seen[v.Name] {
			t.Errorf("%+v: no name, or the name of another", v)
		}
		seen[v.Name] = true
		if v.Type == "" || !strings.HasSuffix(v.Description, ".") || v.Group == "" {
			t.Errorf("%s lacks a type, a group or a sentence", v.Name)
		}
		if bounded := v.Min != "" && v.Max != ""; bounded != slices.Contains([]string{"number", "duration"}, v.Type) {
			t.Errorf("%s: bounds belong to numbers and durations, and to all of them", v.Name)
		}
	}
}

func TestTheTemplateWorksAsALocalDotEnv(t *testing.T) {
	cfg, err := config.Load(config.Source{Environ: []string{}, DotEnv: templatePath})
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Warnings) > 0 || cfg.Production() {
		t.Errorf("warnings %q, production %v", cfg.Warnings, cfg.Production())
	}
}

func TestTheLocalSecretsOfTheTemplateAreRefusedInProduction(t *testing.T) {
	for _, v := range config.Describe() {
		if v.Local == "" || !v.Secret {
			continue
		}
		if _, err := load(t, production(v.Name+"="+v.Local)); err == nil {
			t.Errorf("production starts with %s=%s", v.Name, v.Local)
		}
	}
}

func TestTheExamplesForProductionWorkOnceSecretsArePutIn(t *testing.T) {
	cert, key := keyPair(t)
	real := map[string]string{
		"SECRET_KEYS":    "k1:" + strong,
		"API_KEYS":       "erp:" + strong + ":launch+provision",
		"SIGNING_KEYS":   "erp-signing:" + strong2,
		"JWT_SECRET":     strong,
		"MINT_SECRET":    strong,
		"PLUGIN_SECRET":  strong,
		"DATABASE_URL":   "postgres://matterpass:" + strong + "@db/matterpass",
		"MM_ADMIN_TOKEN": token,
		"TLS_CERT_FILE":  cert,
		"TLS_KEY_FILE":   key,
	}
	var environ []string
	for _, v := range config.Describe() {
		value := v.Example
		if real[v.Name] != "" {
			value = real[v.Name]
		}
		environ = append(environ, v.Name+"="+value)
	}
	if _, err := load(t, environ); err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
