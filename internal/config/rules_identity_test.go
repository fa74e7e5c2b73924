package config_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"matterpass/internal/config"
)

const (
	assertions = " JWT_SECRET=" + strong + " JWT_ISSUER=https://erp.test MM_ADMIN_TOKEN=" + token + " MINT_SECRET=" + strong
	useFile    = "write sqlite:///var/lib/matterpass/matterpass.db, with three slashes and nothing behind the file"
)

func TestRulesOfSignInWithoutAPassword(t *testing.T) {
	checkRules(t, development, map[string]rule{
		"assertions by a shared secret": {assertions, ""},
		"assertions by public keys":     {"JWT_JWKS_URL=https://erp.test/jwks.json JWT_ISSUER=https://erp.test MM_ADMIN_TOKEN=" + token + " PLUGIN_SECRET=" + strong, ""},
		"a short secret":                {assertions + " JWT_SECRET=hunter2", "JWT_SECRET: is too short (7 characters); use at least 32, " + useRandom},
		"no issuer":                     {assertions + " JWT_ISSUER=", "JWT_ISSUER: not set, and assertions need it; set it to what they say in iss, for example https://erp.example.com"},
		"an issuer with spaces":         {assertions + " JWT_ISSUER=a b", "JWT_ISSUER: is not a name of up to 255 visible ASCII characters; write exactly what the tokens say in iss, for example https://erp.example.com"},
		"keys over http":                {assertions + " JWT_JWKS_URL=http://erp.test/jwks.json", "JWT_JWKS_URL: is http; use https: keys that travel unencrypted can be replaced on the way"},
		"keys over http at home":        {assertions + " JWT_JWKS_URL=http://localhost:8090/jwks.json", ""},
		"keys with a password":          {assertions + " JWT_JWKS_URL=https://a:hunter2@erp.test/", "JWT_JWKS_URL: has a user name or password in it; leave them out: scheme, host, port and path only"},
		"keys with a query":             {assertions + " JWT_JWKS_URL=https://erp.test/?k=hunter2", "JWT_JWKS_URL: has a query or a fragment; leave it out"},
		"keys nowhere":                  {assertions + " JWT_JWKS_URL=erp.test", "JWT_JWKS_URL: is not an http or https address; write it in full, for example https://id.example.com/realms/company"},
		"no way to make sessions":       {assertions + " MINT_SECRET=", "MINT_SECRET: not set, nor is PLUGIN_SECRET, and JWT_SECRET needs one of them; set PLUGIN_SECRET with the companion plugin installed, or MINT_SECRET to have passwords kept"},
		"no admin token":                {assertions + " MM_ADMIN_TOKEN=", "MM_ADMIN_TOKEN: not set, and JWT_SECRET needs it; set it to a personal access token of a system admin"},
		"too long a life":               {assertions + " JWT_MAX_AGE=2h", `JWT_MAX_AGE: "2h" is out of bounds; use 10s to 1h`},
		"a cookie with nothing behind":  {"ASSERTION_COOKIE=erp_chat", "ASSERTION_COOKIE: set without JWT_SECRET or JWT_JWKS_URL; set how its assertions are verified"},
		"a cookie of Mattermost's":      {assertions + " ASSERTION_COOKIE=MMAUTHTOKEN", `ASSERTION_COOKIE: "MMAUTHTOKEN" is a name of Mattermost's or ours; use a name of the ERP's, for example erp_chat`},
		"a cookie that is none":         {assertions + " ASSERTION_COOKIE=a;b", `ASSERTION_COOKIE: "a;b" is not a cookie name; use letters, digits, - and _`},
		"a cookie beside":               {assertions + " ASSERTION_COOKIE=c GATEWAY=off MM_PUBLIC_URL=http://localhost:8080", "ASSERTION_COOKIE: set with GATEWAY=off: pages do not pass Matterpass; unset it, or set GATEWAY=on"},

		"plugin without its secret":  {"SESSION_MINT=plugin", "PLUGIN_SECRET: not set, and SESSION_MINT=plugin needs it; set it to what the plugin's settings say"},
		"managed without its secret": {"SESSION_MINT=managed", "MINT_SECRET: not set, and SESSION_MINT=managed needs it; set it, for example to the output of: openssl rand -hex 32"},
		"managed cannot trust":       {assertions + " MINT_MFA=trust-idp", "MINT_MFA: is trust-idp, which only the plugin can do; set SESSION_MINT=plugin and PLUGIN_SECRET, or MINT_MFA=ask"},
		"an unknown mint":            {"SESSION_MINT=token", `SESSION_MINT: "token" is not known; use auto, plugin or managed`},
		"an unknown policy":          {"MINT_MFA=no", `MINT_MFA: "no" is not known; use ask, trust-idp or refuse`},
		"a short mint secret":        {assertions + " MINT_SECRET=hunter2", "MINT_SECRET: entry 1 has a secret that is too short (7 characters); use at least 32, " + useRandom},

		"keys of the ERP's issuer":   {assertions + " API_KEYS_ISSUER=jwt", ""},
		"of no issuer":               {"API_KEYS_ISSUER=jwt", "API_KEYS_ISSUER: is jwt, and JWT_ISSUER is not set; set JWT_ISSUER, or API_KEYS_ISSUER=own"},
		"a key called as the issuer": {assertions + " JWT_ISSUER=erp API_KEYS=erp:" + strong, "JWT_ISSUER: is the id of a key: their subjects could not be told apart; use another id, or set API_KEYS_ISSUER=jwt if they are the same people"},

		"a provider":             {"OIDC_ISSUER=https://id.test/r OIDC_CLIENT_ID=a OIDC_CLIENT_SECRET=b MM_ADMIN_TOKEN=" + token + " MINT_SECRET=" + strong, ""},
		"a provider without ids": {"OIDC_ISSUER=https://id.test/r MM_ADMIN_TOKEN=" + token + " MINT_SECRET=" + strong, "OIDC_CLIENT_ID: has 0 entries, and OIDC_ISSUER has 1; write one for each issuer, in the same order\nOIDC_CLIENT_SECRET: has 0 entries, and OIDC_ISSUER has 1; write one for each issuer, in the same order"},
		"a provider twice":       {"OIDC_ISSUER=https://id.test,https://id.test OIDC_CLIENT_ID=a,b OIDC_CLIENT_SECRET=a,b MM_ADMIN_TOKEN=" + token + " MINT_SECRET=" + strong, "OIDC_ISSUER: entry 2 is there twice; keep one"},
		"an id that is empty":    {"OIDC_ISSUER=https://id.test OIDC_CLIENT_ID=, OIDC_CLIENT_SECRET=a MM_ADMIN_TOKEN=" + token + " MINT_SECRET=" + strong, "OIDC_CLIENT_ID: entry 1 is not a name of 1 to 255 visible ASCII characters; write the client id as the provider shows it\nOIDC_CLIENT_ID: entry 2 is not a name of 1 to 255 visible ASCII characters; write the client id as the provider shows it"},

		"a life too short":  {"SESSION_MAX_AGE=10s", `SESSION_MAX_AGE: "10s" is out of bounds; use 1m to 8760h, or unset it`},
		"a life of no kind": {"SESSION_IDLE=forever", `SESSION_IDLE: "forever" is not a duration; write a number and a unit, for example 12h`},

		"a file by a relative path": {"DATABASE_URL=sqlite://data/x.db", "DATABASE_URL: is not the absolute path of a file; " + useFile},
		"a file with options":       {"DATABASE_URL=sqlite:///x.db?mode=ro", "DATABASE_URL: is not the absolute path of a file; " + useFile},
		"another database":          {"DATABASE_URL=mysql://root:hunter2@db/x", "DATABASE_URL: is neither sqlite:///file nor postgres://host/database; write one of the two"},
		"a server without a name":   {"DATABASE_URL=postgres:///x", "DATABASE_URL: has no host; write postgres://user:password@host/database"},
	})
}

func TestAPasswordThatIsNotPercentEncodedIsNamedAsSuch(t *testing.T) {
	const words = "cannot be read; percent-encode special characters of the user name and the password: % as %25, # as %23, / as %2F, ? as %3F, @ as %40"
	rules := map[string]rule{"all of them, encoded": {"DATABASE_URL=postgres://u:%25%23%2F%3F%40@h/d REDIS_URL=redis://:%25%23%2F%3F%40@h/0", ""}}
	for _, password := range []string{"hunter%2z", "hunter#2", "hunter/2", "hunter?2", "2/hunter", "2#hunter"} {
		rules["in PostgreSQL's address "+password] = rule{"DATABASE_URL=postgres://u:" + password + "@h/d", "DATABASE_URL: " + words}
		rules["in Redis's address "+password] = rule{"REDIS_URL=redis://:" + password + "@h/0", "REDIS_URL: " + words}
	}
	checkRules(t, development, rules)
}

func TestAnAddressThatRedisCannotHaveIsRefusedAtTheStart(t *testing.T) {
	const write = "write redis://host:6379/0, or rediss:// with TLS"
	rules := map[string]rule{
		"another server":           {"REDIS_URL=http://hunter2", "REDIS_URL: is not the address of a Redis; " + write},
		"a database by name":       {"REDIS_URL=redis://x/hunter2", "REDIS_URL: names a database that is no number; " + write},
		"a number behind a name":   {"REDIS_URL=redis://x/hunter2/3", "REDIS_URL: names a database that is no number; " + write},
		"a number out of bounds":   {"REDIS_URL=redis://x/99999999999999999999", "REDIS_URL: names a database that is no number; " + write},
		"a port by name":           {"REDIS_URL=redis://x:y", "REDIS_URL: cannot be read; " + write},
		"a query":                  {"REDIS_URL=redis://x?db=1", "REDIS_URL: has a query; leave it out: " + write},
		"a name, a number, a port": {"REDIS_URL=rediss://u:p@redis_1:6379/15", ""},
		"an IPv6 address":          {"REDIS_URL=redis://[::1]:6379", ""},
		"a slash alone":            {"REDIS_URL=redis://x/", ""},
	}
	for _, host := range []string{"", ":6379", "x:1:2", "::1", "::1:6379", "x:", "x:0", "x:65536"} {
		rules["host "+host] = rule{"REDIS_URL=redis://:hunter2@" + host + "/0", "REDIS_URL: has no valid host and port; " + write}
	}
	checkRules(t, development, rules)
}

func TestWhereStateIsKeptIsSaidOnPurposeInProduction(t *testing.T) {
	checkRules(t, production, map[string]rule{
		"passwords alone need none":      {"DATABASE_URL=", ""},
		"assertions do":                  {assertions + " DATABASE_URL=", "DATABASE_URL: not set, and assertions, tickets and identity providers need it; use sqlite:///absolute/file on a volume that is kept, or postgres://…"},
		"tickets do":                     {"API_KEYS=erp:" + strong + " DATABASE_URL=", "DATABASE_URL: not set, and assertions, tickets and identity providers need it; use sqlite:///absolute/file on a volume that is kept, or postgres://…"},
		"keys that cannot launch do not": {"API_KEYS=erp:" + strong + ":provision", ""},
		"a file is fine":                 {assertions + " DATABASE_URL=sqlite:///data/matterpass.db", ""},
		"a server is fine":               {assertions + " DATABASE_URL=postgres://m:hunter2@db/m", ""},
		"memory is not":                  {"DATABASE_URL=memory:", "DATABASE_URL: is memory: in production; use sqlite:///absolute/file or postgres://…: what is used once must stay used after a restart"},
		"a made-up secret":               {assertions + " DATABASE_URL=sqlite:///x.db JWT_SECRET=your-secret-goes-here-0123456789abcdef", "JWT_SECRET: is a placeholder; use " + useRandom},
		"a made-up mint secret":          {assertions + " DATABASE_URL=sqlite:///x.db MINT_SECRET=your-secret-goes-here-0123456789abcdef", "MINT_SECRET: entry 1 has a placeholder for a secret; use " + useRandom},
	})
}

func TestSecretsInRotationNameThemselvesWhereNobodyDoes(t *testing.T) {
	cfg, err := load(t, development("MINT_SECRET="+strong+",old:"+strong))
	if err != nil {
		t.Fatal(err)
	}
	ring := cfg.Minting.Secrets.KeyRing
	if len(ring) != 2 || len(ring[0].ID) != 8 || ring[1].ID != "old" || ring[0].Secret.Reveal() != strong {
		t.Errorf("ring = %v", ring)
	}
}

func TestLivesOfSessionsAreRead(t *testing.T) {
	cfg, err := load(t, development("SESSION_MAX_AGE=12h", "SESSION_IDLE="))
	if err != nil || time.Duration(cfg.Sessions.MaxAge) != 12*time.Hour || cfg.Sessions.Idle != 0 {
		t.Errorf("%v, %v", cfg.Sessions, err)
	}
	for _, s := range cfg.Effective() {
		if s.Name == "SESSION_MAX_AGE" && s.Value != "12h" || s.Name == "SESSION_IDLE" && s.Value != "" {
			t.Errorf("%s shows %q", s.Name, s.Value)
		}
	}
}

func TestTheDatabaseThatStandsInForNoneIsShown(t *testing.T) {
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for set, want := range map[string]config.Setting{
		"":                    {Name: "DATABASE_URL", Value: "sqlite://" + folder + "/data/matterpass.db", Source: "default"},
		"postgres://u:p@db/m": {Name: "DATABASE_URL", Value: "[secret]", Source: "environment"},
	} {
		cfg, err := load(t, development("DATABASE_URL="+set))
		if err != nil || !slices.Contains(cfg.Effective(), want) {
			t.Errorf("%q: %v, and not %v in %v", set, err, want, cfg.Effective())
		}
	}
}

func TestOnlyMemoryIsMemory(t *testing.T) {
	for address, want := range map[string]bool{config.InMemory: true, "sqlite:///x.db": false, "": false} {
		cfg, err := load(t, development("DATABASE_URL="+address))
		if err != nil || cfg.State.Database.IsMemory() != want {
			t.Errorf("%q: %v, %v", address, cfg.State.Database.IsMemory(), err)
		}
	}
}
