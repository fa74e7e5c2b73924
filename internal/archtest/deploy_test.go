package archtest_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"matterpass/internal/config"
)

func TestTheImageKeepsItsPromises(t *testing.T) {
	dockerfile := read(t, "Dockerfile")
	promises := map[string]string{
		"its last stage has no shell":       `(?m)^FROM scratch$`,
		"it does not run as root":           `(?m)^USER 65532:65532$`,
		"it says when it is not healthy":    `(?m)^HEALTHCHECK .*CMD \["/matterpass", "healthcheck"\]$`,
		"a new volume belongs to the user":  `(?m)^COPY --from=build --chown=65532:65532 /data /data$`,
		"it can check certificates":         `(?m)^COPY --from=build /etc/ssl/certs/ca-certificates.crt `,
		"it gets signals, not a shell":      `(?m)^ENTRYPOINT \["/matterpass"\]$`,
		"it is built the way `make` builds": `(?m)\bmake build\b`,
	}
	for promise, line := range promises {
		if !regexp.MustCompile(line).MatchString(dockerfile) {
			t.Errorf("%s: nothing matches %s", promise, line)
		}
	}
	for _, refused := range []string{"VOLUME", "--mount=type=cache"} { // by Railway's builder
		if regexp.MustCompile(`(?m)^(RUN )?` + refused).MatchString(dockerfile) {
			t.Errorf("%s: Railway does not build such files", refused)
		}
	}
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(dockerfile, -1) {
		if from[1] != "scratch" && !isPinned(from[1]) {
			t.Errorf("%s has no version", from[1])
		}
	}
}

// composed is the part of a compose file that hardening is about.
type composed struct {
	Services map[string]struct {
		Image       string
		Build       any
		ReadOnly    bool     `yaml:"read_only"`
		SecurityOpt []string `yaml:"security_opt"`
		CapDrop     []string `yaml:"cap_drop"`
		Healthcheck map[string]any
		Ports       []string
		Restart     string
		Environment map[string]string
	}
}

func compose(t *testing.T) composed {
	t.Helper()
	var file composed
	if err := yaml.Unmarshal([]byte(read(t, "deploy/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheComposeFileIsHardened(t *testing.T) {
	file := compose(t)
	if len(file.Services) < 4 {
		t.Fatalf("%d services, want at least Mattermost, its database, a front and Matterpass", len(file.Services))
	}
	for name, s := range file.Services {
		if s.Build == nil && !isPinned(s.Image) {
			t.Errorf("%s: image %q has no version", name, s.Image)
		}
		if len(s.SecurityOpt) != 1 || s.SecurityOpt[0] != "no-new-privileges:true" {
			t.Errorf("%s may gain privileges", name)
		}
		if s.Restart != "unless-stopped" {
			t.Errorf("%s does not come back by itself", name)
		}
		if name != "front" && len(s.Ports) > 0 {
			t.Errorf("%s is open to the world; only the front is", name)
		}
		if name != "mattermost" && !s.ReadOnly {
			t.Errorf("%s can write to its own image", name)
		}
	}
}

func TestTheComposeFileIsAValidConfiguration(t *testing.T) {
	filledIn := map[string]string{
		"CHAT_HOST":    "chat.erp.test",
		"ERP_HOST":     "erp.test",
		"MM_TEAM_SLUG": "erp",
		"SECRET_KEYS":  "k1:0f1e2d3c4b5a69788796a5b4c3d2e1f0aabbccdd",
		"API_KEYS":     "erp:f0e1d2c3b4a5968778695a4b3c2d1e0fddccbbaa",
	}
	composedWith(t, filledIn)
	// What the element needs is a matter of .env alone.
	filledIn["MM_ADMIN_TOKEN"] = "7ytf3kq8rbd4xmz1n5pw9schoe"
	filledIn["JWT_SECRET"], filledIn["JWT_ISSUER"] = "9a8b7c6d5e4f30213243546576879809aabbccdd", "https://erp.test"
	filledIn["MINT_SECRET"] = "1a2b3c4d5e6f708192a3b4c5d6e7f80911223344"
	made := composedWith(t, filledIn)
	if !made.Assertions.On() || made.Assertions.Issuer != "https://erp.test" || len(made.Minting.Secrets.KeyRing) != 1 {
		t.Errorf("the settings do not arrive: %v %v", made.Assertions, made.Minting)
	}
}

// composedWith is Matterpass's configuration by the compose file and a .env.
func composedWith(t *testing.T, filledIn map[string]string) config.Config {
	t.Helper()
	var environ []string
	for name, value := range compose(t).Services["matterpass"].Environment {
		environ = append(environ, name+"="+os.Expand(value, func(ref string) string {
			variable, _, _ := strings.Cut(ref, ":")
			return filledIn[variable]
		}))
	}
	made, err := config.Load(config.Source{Environ: environ, DotEnv: os.DevNull})
	if err != nil || len(made.Warnings) > 0 {
		t.Error(err, made.Warnings)
	}
	return made
}

func TestEverySettingOfTheComposeFileIsInItsExample(t *testing.T) {
	example := read(t, "deploy/.env.example")
	for _, ref := range regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(read(t, "deploy/compose.yaml"), -1) {
		if !strings.Contains(example, "\n"+ref[1]+"=") {
			t.Errorf("deploy/.env.example does not have %s", ref[1])
		}
	}
}

func TestTheFrontsBesideHideThePluginAndSayWhomToTrust(t *testing.T) {
	for name, line := range map[string]string{
		"deploy/nginx.beside.conf": `(?m)^\tlocation \^~ /plugins/com\.matterpass\.companion \{ return 404; \}$`,
		"deploy/Caddyfile.beside":  `(?m)^\thandle /plugins/com\.matterpass\.companion\* \{\n\t\trespond 404\n\t\}$`,
	} {
		if !regexp.MustCompile(line).MatchString(read(t, name)) {
			t.Errorf("%s passes questions to the companion plugin", name)
		}
	}
	for _, name := range []string{"nginx.conf", "nginx.beside.conf", "Caddyfile", "Caddyfile.beside"} {
		if !strings.Contains(read(t, "deploy/"+name), "TRUSTED_PROXIES") {
			t.Errorf("deploy/%s: everybody would arrive from the front's address", name)
		}
	}
}

func isPinned(image string) bool {
	_, tag, found := strings.Cut(image, ":")
	return found && tag != "latest" && tag != ""
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(repository(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A route that a front does not know would be Mattermost's 404 with GATEWAY=off.
func TestEveryRouteIsInTheFrontsAndTheAPIDocument(t *testing.T) {
	routes := regexp.MustCompile(`"(/[^"]+)", (?:browser|entrance|ourEntrance|backend|anybody|page|ours|visitor|issuer),`).FindAllStringSubmatch(read(t, "internal/httpapi/routes.go"), -1)
	if len(routes) < 5 {
		t.Fatalf("%d routes found in routes.go: has its shape changed?", len(routes))
	}
	for _, name := range []string{"deploy/Caddyfile.beside", "deploy/nginx.beside.conf", "docs/api.md"} {
		text := read(t, name)
		for _, route := range routes {
			whole := regexp.MustCompile(regexp.QuoteMeta(route[1]) + `[\s` + "`" + `?#]`)
			if !whole.MatchString(text) {
				t.Errorf("%s does not have %s", name, route[1])
			}
		}
	}
}
