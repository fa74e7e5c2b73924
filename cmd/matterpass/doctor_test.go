package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"matterpass/internal/doctor"
	"matterpass/internal/servertest"
	"matterpass/internal/simulator"
)

// soundMattermost is set as the doctor would have it, for a chat at an address.
func soundMattermost(chat string) func(*simulator.Settings) {
	return func(s *simulator.Settings) {
		s.ServiceSettings.SiteURL, s.ServiceSettings.TrustedProxyIPHeader = chat, []string{"X-Forwarded-For"}
		s.TeamSettings.EnableOpenServer = false
	}
}

// installation is a Mattermost, and the environment of a Matterpass in front of it
// that this machine can reach.
func installation(t *testing.T) (map[string]string, *simulator.Server) {
	t.Helper()
	addr := servertest.FreeAddr()
	mm := simulator.New(simulator.Options{Demo: true, Plugin: pluginSecret, Configure: soundMattermost("http://" + addr)})
	backend := httptest.NewServer(mm)
	t.Cleanup(func() { backend.Close(); mm.Close() })
	return map[string]string{
		"APP_ENV": "development", "HTTP_ADDR": addr, "PUBLIC_URL": "http://" + addr, "ALLOWED_ORIGINS": "http://" + servertest.Host() + ":8090",
		"MM_BASE_URL": backend.URL, "MM_ADMIN_TOKEN": mm.AdminToken(), "MM_TEAM_SLUG": "erp", "MM_DEFAULT_CHANNELS": "town-square",
		"SECRET_KEYS": secret32, "PLUGIN_SECRET": pluginSecret, "API_KEYS": "erp:" + key32, "DATABASE_URL": "sqlite://" + t.TempDir() + "/matterpass.db",
	}, mm
}

// consult runs the doctor.
func consult(t *testing.T, args ...string) (code int, got diagnosis) {
	t.Helper()
	code, out, text := once(t, append([]string{"doctor", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, out, text)
	}
	return code, got
}

// wrong are the findings that are not fine, by name.
func (d diagnosis) wrong() []string {
	var names []string
	for _, f := range d.Findings {
		if f.Verdict != doctor.Fine {
			names = append(names, f.Check+" "+string(f.Verdict))
		}
	}
	return names
}

func TestTheDoctorHasNothingToSayOfASoundInstallation(t *testing.T) {
	env, _ := installation(t)
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1","use":"sig"}]}`)
	}))
	defer keys.Close()
	env["JWT_JWKS_URL"], env["JWT_ISSUER"] = keys.URL, "https://erp.test"
	serve(t, env)
	code, got := consult(t)
	if wrong := got.wrong(); code != exitFine || got.Verdict != doctor.Fine || len(wrong) > 0 {
		t.Errorf("exit code %d, %s: %v", code, got.Verdict, wrong)
	}
	var checks []string
	for _, f := range got.Findings {
		checks = append(checks, f.Check)
	}
	for _, check := range []string{"database", "mattermost", "admin_token", "companion_plugin", "team", "site_url", "erp_keys", "public_url", "framing", "websocket"} {
		if !slices.Contains(checks, check) {
			t.Errorf("%s was not looked at: %v", check, checks)
		}
	}
	code, out, text := once(t, "doctor")
	if code != exitFine || text != "" || !strings.Contains(out, "0 failed, 0 warnings") || strings.Contains(out, "--fix") {
		t.Errorf("exit code %d\n%s%s", code, out, text)
	}
}

func TestTheDoctorSetsMattermostRightAndChatFollowsAtOnce(t *testing.T) {
	env, mm := installation(t)
	mm.Configure(func(s *simulator.Settings) {
		s.ServiceSettings.SiteURL, s.ServiceSettings.TrustedProxyIPHeader = "https://mattermost.test", nil
		s.ServiceSettings.EnableTutorial, s.RateLimitSettings.Enable = true, true
	})
	serve(t, env)
	code, out, text := once(t, "doctor", "--fix")
	if code != exitFine || !strings.Contains(out, "0 failed, 0 warnings") || strings.Count(out, "fixed ") != 4 {
		t.Errorf("exit code %d\n%s%s", code, out, text)
	}
	if !strings.Contains(out, `ServiceSettings.SiteURL is now "`+env["PUBLIC_URL"]+`"`) || !strings.Contains(out, "RateLimitSettings.Enable is now false; it needs a restart") {
		t.Errorf("it does not say what it did:\n%s", out)
	}
	if strings.Contains(out+text, mm.AdminToken()) || strings.Contains(out+text, pluginSecret) {
		t.Error("a secret is shown")
	}
}

func TestWhatMattermostDoesNotTakeIsNotCalledFixed(t *testing.T) {
	env, mm := installation(t)
	mm.Configure(func(s *simulator.Settings) { s.ServiceSettings.EnableTutorial = true })
	real, err := url.Parse(env["MM_BASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(real)
	stubborn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/config/patch") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "{}") // as for what its environment sets
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer stubborn.Close()
	env["MM_BASE_URL"] = stubborn.URL
	serve(t, env)
	code, got := consult(t, "--fix")
	if code != exitFine || len(got.Fixed) != 0 || !slices.Equal(got.wrong(), []string{"newcomer_screens warning"}) {
		t.Errorf("exit code %d, fixed %v, left %v", code, got.Fixed, got.wrong())
	}
}

func TestTheDoctorNamesWhatFails(t *testing.T) {
	env, mm := installation(t)
	working := env["MM_BASE_URL"]
	serve(t, env)
	cases := map[string]struct {
		name, value string
		want        []string
		setting     string
	}{
		"no mattermost":    {"MM_BASE_URL", "http://127.0.0.1:1", []string{"mattermost failed"}, "MM_BASE_URL"},
		"no admin":         {"MM_ADMIN_TOKEN", "", []string{"admin_token warning"}, "MM_ADMIN_TOKEN"},
		"a revoked admin":  {"MM_ADMIN_TOKEN", strings.Repeat("x", 26), []string{"admin_token failed"}, "MM_ADMIN_TOKEN"},
		"no such team":     {"MM_TEAM_SLUG", "sales", []string{"team failed"}, "MM_TEAM_SLUG"},
		"no such channel":  {"MM_DEFAULT_CHANNELS", "town-square,no-such", []string{"channels failed"}, "MM_DEFAULT_CHANNELS"},
		"no way in":        {"PLUGIN_SECRET", "", []string{"sessions warning"}, "PLUGIN_SECRET"},
		"another secret":   {"PLUGIN_SECRET", strings.Repeat("0123456789abcdef", 4), []string{"companion_plugin failed"}, "PLUGIN_SECRET"},
		"no redis":         {"REDIS_URL", "redis://127.0.0.1:1/0", []string{"redis warning"}, "REDIS_URL"},
		"a new database":   {"DATABASE_URL", "sqlite://" + t.TempDir() + "/new.db", nil, ""},
		"no folder for it": {"DATABASE_URL", "sqlite:///no/such/folder/matterpass.db", []string{"database failed"}, "DATABASE_URL"},
		"the default one":  {"DATABASE_URL", "", nil, ""},
		"no database file": {"DATABASE_URL", "sqlite:///proc/self/status", []string{"database failed"}, "DATABASE_URL"},
		"nobody there":     {"PUBLIC_URL", "http://" + servertest.Host() + ":1", []string{"site_url warning", "public_url failed"}, "ServiceSettings.SiteURL"},
		"another site":     {"ALLOWED_ORIGINS", "http://erp.test", []string{"cookies failed", "framing failed"}, "PUBLIC_URL with https"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			changed := map[string]string{}
			for key, value := range env {
				changed[key] = value
			}
			changed[c.name] = c.value
			inEnvironment(t, changed)
			code, got := consult(t)
			if wrong := got.wrong(); !slices.Equal(wrong, c.want) {
				t.Errorf("%v, want %v", wrong, c.want)
			}
			if failed := got.Verdict == doctor.Failed; (code == exitFailed) != failed {
				t.Errorf("exit code %d for %s", code, got.Verdict)
			}
			if c.setting != "" && !slices.ContainsFunc(got.Findings, func(f doctor.Finding) bool { return strings.HasPrefix(f.Setting, c.setting) }) {
				t.Errorf("%s is not named: %+v", c.setting, got.Findings)
			}
		})
	}
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hanging.Close()
	env["MM_BASE_URL"], env["MM_TIMEOUT"] = hanging.URL, "500ms"
	env["HTTP_ADDR"] = servertest.FreeAddr()
	env["PUBLIC_URL"] = "http://" + env["HTTP_ADDR"]
	serve(t, env)
	if _, got := consult(t); !slices.Equal(got.wrong(), []string{"mattermost failed", "framing unknown", "websocket unknown"}) {
		t.Errorf("Mattermost hangs: %v", got.wrong())
	}
	env["MM_BASE_URL"] = working
	inEnvironment(t, env)
	mm.FailDatabase(true)
	if code, got := consult(t); code != exitFailed || got.wrong()[0] != "mattermost failed" {
		t.Errorf("Mattermost's database away: %d %v", code, got.wrong())
	}
}
