package archtest

import "slices"

const (
	module = "matterpass"

	chi        = "github.com/go-chi/chi/v5"
	envconfig  = "github.com/kelseyhightower/envconfig"
	mattermost = "github.com/mattermost"
	zerolog    = "github.com/rs/zerolog"
)

// House returns the rules of this repository; docs/architecture.md draws them.
func House() Rules {
	return Rules{
		Module:   module,
		Folders:  houseMap(),
		ForTests: []string{"internal/browsertest", "internal/docstest", "internal/oidctest", "internal/servertest"},
		Fences:   fences(),
	}
}

// domain decides and knows no technology.
func domain() []string { return []string{"internal/login", "internal/provision", "internal/ticket"} }

// houseMap says who may import whom.
func houseMap() map[string][]string {
	// Words that every layer may use: one spelling of an address, one set of
	// errors for what Mattermost does wrong.
	words := []string{"internal/email", "internal/upstream"}
	adapter := slices.Concat(domain(), words)
	return map[string][]string{
		"cmd/matterpass":        {Any},
		"cmd/matterpass-plugin": {"internal/plugin"},

		"internal/email":     {},
		"internal/upstream":  {},
		"internal/companion": {},
		"internal/signature": {},

		"internal/login":     words,
		"internal/provision": words,
		"internal/ticket":    append([]string{"internal/login"}, words...),
		"internal/mint":      append([]string{"internal/login"}, words...),

		"internal/assertion":  adapter,
		"internal/audit":      adapter,
		"internal/limit":      adapter,
		"internal/oidc":       append([]string{"internal/assertion"}, adapter...),
		"internal/mattermost": append([]string{"internal/mint", "internal/companion"}, adapter...),
		"internal/shared":     adapter,
		"internal/store":      append([]string{"internal/mint"}, adapter...),

		"internal/config":     {},
		"internal/cookie":     {},
		"internal/doctor":     {},
		"internal/erp":        {},
		"internal/http1":      {},
		"internal/middleware": {},
		"internal/observe":    {},
		"internal/plugin":     {"internal/companion"},
		"internal/simulator":  {"internal/companion", "internal/plugin"},
		"web":                 {},

		"internal/gateway": append([]string{
			"internal/login", "internal/cookie", "internal/http1", "internal/middleware",
		}, words...),
		"internal/httpapi": append([]string{
			"internal/audit", "internal/cookie", "internal/doctor", "internal/middleware", "internal/oidc", "internal/signature", "web",
		}, adapter...),
		"internal/server": {"internal/httpapi", "internal/gateway", "internal/http1", "internal/middleware"},

		"internal/archtest":    {},
		"internal/browsertest": {},
		"internal/comparison":  {},
		"internal/docstest":    {"internal/servertest"},
		"internal/servertest":  {},
		"internal/oidctest":    {},
	}
}

// fences keep libraries where they belong, and the domain free of HTTP and logs.
func fences() []Fence {
	return []Fence{
		{Import: mattermost, Only: []string{"internal/mattermost", "internal/simulator", "internal/plugin", "cmd/matterpass-plugin"}},
		{Import: envconfig, Only: []string{"internal/config"}},
		{Import: chi + "/middleware", Only: []string{"internal/httpapi", "internal/server", "internal/middleware"}},
		{Import: chi, Only: []string{"internal/httpapi", "internal/server"}},
		{Import: "net/http/pprof", Only: []string{"internal/server", "cmd/matterpass"}},
		{Import: "net/http", Never: []string{"internal/login", "internal/provision", "internal/ticket", "internal/mint"}},
		{Import: "log", Never: domain()},
		{Import: zerolog, Never: domain()},
		{Import: "github.com/chromedp", Only: []string{"internal/browsertest"}},
	}
}
