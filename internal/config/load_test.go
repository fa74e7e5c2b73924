package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/config"
)

const (
	strong  = "q7Zr0vX2mKc9TfLw4yBnE8sHdJ5uGpA1" // 32 characters
	strong2 = "Wd3hV6oQxN1eYtR8kMbC0zUjI5gSfL7P"
	token   = "k3z9q1w7e5r2t8y4u6i0o1p3a5"
)

// load reads nothing but what it is given; later entries win.
func load(t *testing.T, environ []string) (config.Config, error) {
	t.Helper()
	return config.Load(config.Source{Environ: environ, DotEnv: os.DevNull})
}

func development(more ...string) []string {
	return append([]string{"MM_BASE_URL=http://mattermost:8065"}, more...)
}

func production(more ...string) []string {
	return append([]string{
		"APP_ENV=production",
		"PUBLIC_URL=https://chat.example.com",
		"MM_BASE_URL=http://mattermost:8065",
		"ALLOWED_ORIGINS=https://erp.example.com",
		"SECRET_KEYS=k1:" + strong,
		"DATABASE_URL=sqlite:///data/matterpass.db",
	}, more...)
}

func TestDevelopmentNeedsOnlyMattermost(t *testing.T) {
	cfg, err := load(t, development())
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		cfg.Server.Environment, cfg.Production(), cfg.Server.HTTPAddr, cfg.Server.AdminAddr, cfg.Addresses.PublicURL, cfg.Mattermost.BaseURL, cfg.Mattermost.ChatURL,
		cfg.Addresses.AllowedOrigins, bool(cfg.Addresses.Gateway), cfg.Server.DrainDelay, cfg.Server.ShutdownGrace, cfg.Mattermost.Timeout, cfg.Mattermost.LoginConcurrency, cfg.Mattermost.LoginQueue,
		cfg.Cookies, cfg.Limits, cfg.Log.Level, cfg.Log.Format, cfg.AdminTokens.Token(), cfg.Platform, cfg.Warnings,
	}
	want := []any{
		config.Development, false, config.Addr(":8080"), config.Addr("127.0.0.1:9090"),
		config.Origin("http://localhost:8080"), config.Origin("http://mattermost:8065"), config.Origin("http://localhost:8080"),
		config.Origins{"http://localhost:8090"}, true, time.Duration(0), 20 * time.Second, 10 * time.Second, 4, 64,
		config.Cookies{SameSite: "auto", Secure: "auto", Partitioned: "auto"},
		config.Limits{
			Login:     config.Rate{Tokens: 5, Per: time.Minute},
			Client:    config.Rate{Tokens: 1200, Per: time.Minute},
			Identity:  config.Rate{Tokens: 30, Per: time.Minute},
			Provision: config.Rate{Tokens: 600, Per: time.Minute}, PasswordMinLength: 8,
		},
		config.LogInfo, config.LogFormat(""), "", "", []string(nil),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProductionReadsEverythingThatIsSet(t *testing.T) {
	cfg, err := load(t, production(
		"TRUSTED_PROXIES=10.0.0.0/8, fd00::/8,192.0.2.7", "COOKIE_DOMAIN=example.com",
		"SECRET_KEYS=k2:"+strong2+",k1:"+strong, "API_KEYS=erp:"+strong+",erp:"+strong2+":scim+admin",
		"MM_ADMIN_TOKEN="+token, "MM_TEAM_SLUG=company", "MM_DEFAULT_CHANNELS=town-square, orders", "RATE_LIMIT_LOGIN=10/1h", "GATEWAY_ALLOW=reset, sso",
	))
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		cfg.Production(), cfg.Server.DrainDelay, cfg.Addresses.TrustedProxies.String(), cfg.Cookies.Domain, cfg.Keys.Secrets[0].ID, cfg.Keys.Secrets[0].Secret.Reveal(), len(cfg.Keys.Secrets),
		cfg.Keys.APIKeys[0].Scopes, cfg.Keys.APIKeys[1].Allows(config.ScopeAdmin), cfg.Keys.APIKeys[1].Allows(config.ScopeLaunch), cfg.Keys.APIKeys[1].Secret.Reveal(),
		cfg.AdminTokens.Token(), cfg.Mattermost.TeamSlug, cfg.Mattermost.DefaultChannels, cfg.Limits.Login, cfg.Addresses.GatewayAllow.String(),
	}
	want := []any{
		true, 5 * time.Second, "10.0.0.0/8,fd00::/8,192.0.2.7/32", config.Domain("example.com"), "k2", strong2, 2,
		[]config.Scope{"launch", "provision"}, true, false, strong2,
		token, config.TeamSlug("company"), config.Channels{"town-square", "orders"}, config.Rate{Tokens: 10, Per: time.Hour}, "reset,sso",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !netip.MustParsePrefix("10.0.0.0/8").Contains(cfg.Addresses.TrustedProxies[0].Addr()) {
		t.Error("networks are not usable")
	}
}

func TestStagingFollowsProduction(t *testing.T) {
	cfg, err := load(t, production("APP_ENV=staging"))
	if err != nil || !cfg.Production() || cfg.Server.DrainDelay != 5*time.Second {
		t.Errorf("production %v, drain %s, %v", cfg.Production(), cfg.Server.DrainDelay, err)
	}
	if _, err := load(t, production("APP_ENV=staging", "MM_DEMO_PASSWORD=correct horse")); err == nil {
		t.Error("staging starts with a demo password")
	}
}

func TestHTTPInProductionIsPossibleOnPurpose(t *testing.T) {
	cfg, err := load(t, production("COOKIE_SECURE=never", "PUBLIC_URL=http://chat.example.com", "ALLOWED_ORIGINS=http://erp.example.com"))
	if err != nil || len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0], "unencrypted") {
		t.Errorf("%v, warnings %q", err, cfg.Warnings)
	}
}

func TestAliases(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		want    []string // environment, team, demo password
	}{
		"older names are read":              {development("NODE_ENV=development", "NEXT_PUBLIC_MM_TEAM_SLUG=erp", "NEXT_PUBLIC_MM_DEMO_PASSWORD=demo pass"), []string{"development", "erp", "demo pass"}},
		"the name wins over its alias":      {development("NODE_ENV=production", "APP_ENV=development", "MM_TEAM_SLUG=one", "NEXT_PUBLIC_MM_TEAM_SLUG=two"), []string{"development", "one", ""}},
		"an empty name leaves it the alias": {development("MM_TEAM_SLUG=", "NEXT_PUBLIC_MM_TEAM_SLUG=two"), []string{"development", "two", ""}},
		"NODE_ENV makes production":         {production("APP_ENV=", "NODE_ENV=production"), []string{"production", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(t, c.environ)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, []string{string(cfg.Server.Environment), string(cfg.Mattermost.TeamSlug), cfg.Mattermost.DemoPassword.Reveal()}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlatforms(t *testing.T) {
	const missing = "PUBLIC_URL: not set; set it to the address at which browsers reach Matterpass, for example https://chat.example.com"
	rest := []string{"MM_BASE_URL=http://mattermost:8065", "ALLOWED_ORIGINS=https://erp.example.com", "SECRET_KEYS=k1:" + strong}
	for name, c := range map[string]struct {
		environ  []string
		platform string
		public   string
		err      string
	}{
		"Railway":                         {environ: []string{"RAILWAY_ENVIRONMENT=x", "RAILWAY_PUBLIC_DOMAIN=a.up.railway.app"}, platform: "Railway", public: "https://a.up.railway.app"},
		"Railway without a public domain": {environ: []string{"RAILWAY_ENVIRONMENT=x"}, platform: "Railway", err: missing},
		"Vercel": {
			environ:  []string{"VERCEL=1", "VERCEL_ENV=production", "VERCEL_PROJECT_PRODUCTION_URL=chat.example.com", "VERCEL_URL=a-1.vercel.app"},
			platform: "Vercel", public: "https://chat.example.com",
		},
		"a Vercel preview": {
			environ:  []string{"VERCEL=1", "VERCEL_ENV=preview", "VERCEL_PROJECT_PRODUCTION_URL=chat.example.com", "VERCEL_URL=a-1.vercel.app"},
			platform: "Vercel", public: "https://a-1.vercel.app",
		},
		"Fly":                       {environ: []string{"FLY_APP_NAME=chat"}, platform: "Fly", public: "https://chat.fly.dev"},
		"Render":                    {environ: []string{"RENDER=true", "RENDER_EXTERNAL_URL=https://chat.onrender.com"}, platform: "Render", public: "https://chat.onrender.com"},
		"Cloud Run":                 {environ: []string{"K_SERVICE=chat"}, platform: "Cloud Run", err: missing},
		"Heroku":                    {environ: []string{"DYNO=web.1"}, platform: "Heroku", err: missing},
		"PUBLIC_URL wins over it":   {environ: []string{"FLY_APP_NAME=chat", "PUBLIC_URL=https://chat.example.com"}, platform: "Fly", public: "https://chat.example.com"},
		"none makes no production":  {environ: []string{}, public: "http://localhost:8080"},
		"APP_ENV wins over it":      {environ: []string{"FLY_APP_NAME=chat", "APP_ENV=development"}, platform: "Fly", public: "https://chat.fly.dev"},
		"an empty mark is no mark":  {environ: []string{"DYNO="}, public: "http://localhost:8080"},
		"a bad public host is told": {environ: []string{"RENDER=true", "RENDER_EXTERNAL_URL=chat.onrender.com"}, platform: "Render", err: "PUBLIC_URL: is not an http or https address; write scheme and host, for example https://chat.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(t, append(c.environ, rest...))
			if text(err) != c.err || cfg.Platform != c.platform || err == nil && string(cfg.Addresses.PublicURL) != c.public {
				t.Errorf("platform %q, public %q, error %q", cfg.Platform, cfg.Addresses.PublicURL, text(err))
			}
			wantStrict := c.platform != "" && name != "APP_ENV wins over it"
			if err == nil && cfg.Production() != wantStrict {
				t.Errorf("production %v", cfg.Production())
			}
		})
	}
}

func TestPORT(t *testing.T) {
	for name, c := range map[string]struct {
		more     []string
		addr     config.Addr
		err      string
		warnings int
	}{
		"of a platform wins":            {more: []string{"DYNO=web.1", "PORT=5000", "HTTP_ADDR=127.0.0.1:8080"}, addr: ":5000"},
		"without a platform is ignored": {more: []string{"PORT=3000"}, addr: ":8080", warnings: 1},
		"of a platform is checked":      {more: []string{"DYNO=web.1", "PORT=99999"}, err: `PORT: "99999" is not a port; let Heroku set it, or unset it to use HTTP_ADDR`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(t, production(c.more...))
			if text(err) != c.err || err == nil && cfg.Server.HTTPAddr != c.addr || len(cfg.Warnings) != c.warnings {
				t.Errorf("listens at %s, warnings %q, error %q", cfg.Server.HTTPAddr, cfg.Warnings, text(err))
			}
		})
	}
}

func TestVariablesOfLaterVersionsAreWarnings(t *testing.T) {
	cfg, err := load(t, development("SENTRY_DSN=https://hunter2@sentry.test/1", "LOG_API_KEY_FILE=/run/secrets/log"))
	want := []string{"LOG_API_KEY_FILE: set, but not used by this version", "SENTRY_DSN: set, but not used by this version"}
	if diff := cmp.Diff(want, cfg.Warnings); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestEffectiveNamesValueAndSource(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "keys", "k1:"+strong+"\n", 0o600)
	dotenv := write(t, dir, ".env", "RATE_LIMIT_LOGIN=7/1m\n", 0o600)
	cfg, err := config.Load(config.Source{DotEnv: dotenv, Environ: []string{
		"NODE_ENV=staging", "FLY_APP_NAME=chat", "MM_BASE_URL=http://mattermost:8065", "ALLOWED_ORIGINS=https://erp.example.com",
		"SECRET_KEYS_FILE=" + path, "API_KEYS=erp:" + strong2, "ADMIN_ADDR=",
		"DATABASE_URL=sqlite:///data/matterpass.db",
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]config.Setting)
	for _, s := range cfg.Effective() {
		got[s.Name] = s
	}
	for _, want := range []config.Setting{
		{"APP_ENV", "staging", "environment (NODE_ENV)"},
		{"PUBLIC_URL", "https://chat.fly.dev", "platform"},
		{"MM_PUBLIC_URL", "https://chat.fly.dev", "default"},
		{"SECRET_KEYS", "k1:[secret]", "file"},
		{"API_KEYS", "erp:[secret]:launch+provision", "environment"},
		{"RATE_LIMIT_LOGIN", "7/1m", ".env"},
		{"RATE_LIMIT_CLIENT", "1200/1m", "default"},
		{"DRAIN_DELAY", "5s", "default"},
		{"ADMIN_ADDR", "", "environment"},
		{"GATEWAY", "on", "default"},
		{"MM_ADMIN_TOKEN", "", ""},
		{"TRUSTED_PROXIES", "", ""},
	} {
		if diff := cmp.Diff(want, got[want.Name]); diff != "" {
			t.Error(diff)
		}
	}
	if len(got) != len(config.Describe()) {
		t.Errorf("%d of %d variables", len(got), len(config.Describe()))
	}
}

func TestListeningIsWhereLoadWouldListenWhateverElseIsWrong(t *testing.T) {
	dotenv := write(t, t.TempDir(), ".env", "HTTP_ADDR=:8443\nTLS_CERT_FILE=/missing\n", 0o600)
	for name, c := range map[string]struct {
		environ []string
		addr    string
		https   bool
	}{
		"nothing set":                {[]string{"APP_ENV=production"}, ":8080", false},
		"set":                        {[]string{"APP_ENV=production", "HTTP_ADDR=127.0.0.1:1", "TLS_CERT_FILE=/x"}, "127.0.0.1:1", true},
		"a platform's PORT":          {[]string{"DYNO=web.1", "PORT=5000"}, ":5000", false},
		"a PORT that is not for us":  {[]string{"APP_ENV=production", "PORT=3000"}, ":8080", false},
		"from .env, as in Load":      {[]string{}, ":8443", true},
		"with mistakes in the rest":  {[]string{"APP_ENV=production", "SECRET_KEYS=x", "MM_TIMEOUT=never"}, ":8080", false},
		"with a secret out of reach": {[]string{"APP_ENV=production", "API_KEYS_FILE=/missing"}, ":8080", false},
	} {
		t.Run(name, func(t *testing.T) {
			addr, https := config.Listening(config.Source{Environ: c.environ, DotEnv: dotenv})
			if addr != c.addr || https != c.https {
				t.Errorf("%s, TLS %v", addr, https)
			}
		})
	}
}

func TestLoadLeavesTheEnvironmentAlone(t *testing.T) {
	t.Setenv("MM_BASE_URL", "http://from-the-process:1")
	before := os.Environ()
	cfg, err := load(t, development())
	if err != nil || cfg.Mattermost.BaseURL != "http://mattermost:8065" {
		t.Errorf("reads %s, %v", cfg.Mattermost.BaseURL, err)
	}
	if diff := cmp.Diff(before, os.Environ()); diff != "" {
		t.Error(diff)
	}
	if cfg, err = config.Load(config.Source{DotEnv: os.DevNull}); err != nil || cfg.Mattermost.BaseURL != "http://from-the-process:1" {
		t.Errorf("without a Source's own, the process's environment is not read: %s, %v", cfg.Mattermost.BaseURL, err)
	}
}

func TestLoadsAtTheSameTimeDoNotMeet(t *testing.T) {
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			team := fmt.Sprintf("team-%d", i)
			for range 10 {
				cfg, err := load(t, development("MM_TEAM_SLUG="+team))
				if err != nil || string(cfg.Mattermost.TeamSlug) != team {
					t.Errorf("team %q, want %q, %v", cfg.Mattermost.TeamSlug, team, err)
				}
			}
		})
	}
	group.Wait()
}

func TestAPublicTLSKeyIsAWarning(t *testing.T) {
	cert, key := keyPair(t)
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := load(t, production("TLS_CERT_FILE="+cert, "TLS_KEY_FILE="+key))
	if want := []string{"TLS_KEY_FILE: everybody on this machine may read the file; chmod 600 it"}; err != nil || !cmp.Equal(want, cfg.Warnings) {
		t.Errorf("%v, warnings %q", err, cfg.Warnings)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	var problems config.Problems
	if !errors.As(err, &problems) {
		return "not Problems: " + err.Error()
	}
	return err.Error()
}

func write(t *testing.T, dir, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// keyPair makes a certificate and the key that belongs to it.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"chat.example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return write(t, dir, "crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o600),
		write(t, dir, "key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), 0o600)
}
