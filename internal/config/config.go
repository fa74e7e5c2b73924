// Package config turns the environment into one typed value, and refuses to
// start a program that is set up wrongly: it reports every problem of one run
// together, each with the variable, what is wrong and what to do.
//
// It is the only reader of the environment. A value is never corrected and a
// bad one never becomes the default. No secret can be printed: not by a Config,
// not by an error, not by a document made from it.
//
// The package knows what the variables may say and nothing of who uses them:
// cmd hands the values on.
package config

import (
	"os"
	"time"
)

// Config is everything an operator can set, group by group. Load makes it.
type Config struct {
	Server     Server     `title:"Server"`
	Addresses  Addresses  `title:"Addresses and networks"`
	Mattermost Mattermost `title:"Mattermost"`
	Cookies    Cookies    `title:"Cookies"`
	Keys       Keys       `title:"Keys"`
	Assertions Assertions `title:"Assertions of the ERP"`
	OIDC       OIDC       `title:"Identity providers"`
	Minting    Minting    `title:"Sessions without a password"`
	Sessions   Sessions   `title:"Sessions"`
	State      State      `title:"Database"`
	Limits     Limits     `title:"Limits"`
	Log        Log        `title:"Log"`

	// Platform is the hosting platform that was recognised, "" for none.
	Platform string `ignored:"true"`
	// Warnings are sentences for the log: nothing in them keeps the program from
	// starting, and none holds a secret.
	Warnings []string `ignored:"true"`
	// AdminTokens hands out MM_ADMIN_TOKEN, and follows its file when it comes
	// from one. Never nil after Load.
	AdminTokens *TokenSource `ignored:"true"`

	sources map[string]string
}

// Server is the process itself: where it runs, listens and how it stops.
type Server struct {
	Environment   Environment   `envconfig:"APP_ENV" alias:"NODE_ENV" default:"development" unset:"production on a recognised platform, else development" example:"production" local:"development" desc:"What kind of installation this is: development, staging or production. Staging follows production's rules."`
	HTTPAddr      Addr          `envconfig:"HTTP_ADDR" default:":8080" desc:"Listen address. On a recognised platform its PORT wins."`
	AdminAddr     Addr          `envconfig:"ADMIN_ADDR" default:"127.0.0.1:9090" empty:"off" note:"Never make it public. Beyond the loopback interface it needs an API key with the scope admin." desc:"Listen address of metrics, profiles and administration. Set and empty turns it off."`
	Profiles      Switch        `envconfig:"ADMIN_PPROF" default:"off" desc:"on: the admin listener also serves /debug/pprof."`
	TLSCertFile   string        `envconfig:"TLS_CERT_FILE" example:"/etc/matterpass/tls.crt" desc:"Certificate chain (PEM) to serve HTTPS with. Needs TLS_KEY_FILE."`
	TLSKeyFile    string        `envconfig:"TLS_KEY_FILE" example:"/etc/matterpass/tls.key" note:"Readable by Matterpass alone." desc:"Private key (PEM) of TLS_CERT_FILE."`
	DrainDelay    time.Duration `envconfig:"DRAIN_DELAY" default:"0s" production:"5s" min:"0s" max:"5m" desc:"How long /readyz answers 503 before the listener closes, so that load balancers notice."`
	ShutdownGrace time.Duration `envconfig:"SHUTDOWN_GRACE" default:"20s" min:"1s" max:"10m" desc:"How long requests under way may take to finish after that."`
}

// Addresses says who is reached where, and from where.
type Addresses struct {
	PublicURL      Origin  `envconfig:"PUBLIC_URL" development:"http://localhost:8080" unset:"the platform's public host, where it names one" example:"https://chat.example.com" local:"http://localhost:8080" note:"Production refuses http, unless COOKIE_SECURE=never is set on purpose." desc:"How browsers reach Matterpass: scheme, host and port, nothing behind it."`
	Gateway        Switch  `envconfig:"GATEWAY" default:"on" desc:"on: Matterpass stands in front of Mattermost. off: a proxy of your own sends Matterpass's paths here and the rest to Mattermost."`
	GatewayAllow   Routes  `envconfig:"GATEWAY_ALLOW" unset:"none" example:"reset" note:"Each makes sessions or accounts past Matterpass's limits." desc:"Mattermost's own ways in that the gateway does not refuse: signup, sso (other sign-ins than by password), oauth (Mattermost as a provider), reset (forgotten passwords), tokens (access tokens)."`
	AllowedOrigins Origins `envconfig:"ALLOWED_ORIGINS" development:"http://localhost:8090" example:"https://erp.example.com,https://portal.example.com" local:"http://localhost:8090" note:"These pages may sign users in and frame the chat. There are no wildcards." desc:"The origins of the pages that embed the chat, exact, comma-separated. Required in production."`
	TrustedProxies CIDRs   `envconfig:"TRUSTED_PROXIES" unset:"none" example:"10.0.0.0/8" note:"Whoever is in these networks may say who the client is." desc:"Networks of the proxies in front of Matterpass whose X-Forwarded headers are believed."`
	AdminCIDRs     CIDRs   `envconfig:"ADMIN_CIDRS" unset:"any" example:"10.20.0.0/16" desc:"Networks from which the ERP back end's calls are accepted."`
}

// Mattermost is the server behind, and how it is treated.
type Mattermost struct {
	BaseURL          Origin        `envconfig:"MM_BASE_URL" unset:"none, it is required" example:"http://mattermost:8065" local:"http://localhost:8065" desc:"How Matterpass reaches Mattermost."`
	ChatURL          Origin        `envconfig:"MM_PUBLIC_URL" unset:"PUBLIC_URL with GATEWAY=on; required with GATEWAY=off" example:"https://chat.example.com" desc:"How browsers reach Mattermost, on PUBLIC_URL's host."`
	AdminToken       Secret        `envconfig:"MM_ADMIN_TOKEN" example:"<26 characters>" note:"A personal access token of a system admin. From a file it is reloaded when the file changes." desc:"Lets Matterpass create accounts and sessions."`
	TeamSlug         TeamSlug      `envconfig:"MM_TEAM_SLUG" alias:"NEXT_PUBLIC_MM_TEAM_SLUG" example:"company" local:"erp" desc:"Team to open and to join: the first part of its addresses."`
	DefaultChannels  Channels      `envconfig:"MM_DEFAULT_CHANNELS" example:"town-square,orders" local:"town-square" desc:"Channels of that team to join on provisioning; the first one is opened."`
	DemoPassword     Secret        `envconfig:"MM_DEMO_PASSWORD" alias:"NEXT_PUBLIC_MM_DEMO_PASSWORD" local:"local-only-password" note:"Development only: production refuses to start with it." desc:"Password of the demo account."`
	Timeout          time.Duration `envconfig:"MM_TIMEOUT" default:"10s" min:"100ms" max:"2m" desc:"Deadline of one call to Mattermost."`
	LoginConcurrency int           `envconfig:"MM_LOGIN_CONCURRENCY" default:"4" min:"1" max:"256" desc:"Sign-ins sent to Mattermost at the same time. It checks passwords one by one: more does not help."`
	LoginQueue       int           `envconfig:"MM_LOGIN_QUEUE" default:"64" min:"1" max:"10000" desc:"Typed passwords that may wait for their turn; the rest is answered 503 busy. Whoever proves who they are without one stands in a line of their own."`
}

// Cookies overrides what the environment and the scheme would decide.
type Cookies struct {
	Domain      Domain   `envconfig:"COOKIE_DOMAIN" unset:"none: the cookies belong to the chat host alone" example:"example.com" note:"Every host below it sees the session." desc:"Domain attribute, for unusual set-ups."`
	SameSite    SameSite `envconfig:"COOKIE_SAMESITE" default:"auto" desc:"SameSite attribute: auto, lax, strict or none."`
	Secure      Override `envconfig:"COOKIE_SECURE" default:"auto" note:"never lets sessions travel unencrypted." desc:"Secure attribute: auto, always or never."`
	Partitioned Override `envconfig:"COOKIE_PARTITIONED" default:"auto" desc:"Partitioned attribute: auto, always or never."`
}

// Keys are the secrets of Matterpass itself.
type Keys struct {
	Secrets     KeyRing   `envconfig:"SECRET_KEYS" unset:"required in production; else made at start and forgotten" example:"k1:<openssl rand -hex 32>" local:"dev:local-only-not-for-production-0123456789" note:"To rotate, put the new key first and keep the old one until what it signed has expired. Several instances: add it behind the old one first, on all of them." desc:"kid:secret,… of which the first one signs. Source of device cookies, key hashes and sealed tokens."`
	APIKeys     APIKeys   `envconfig:"API_KEYS" example:"erp:<openssl rand -hex 32>:launch+provision" local:"erp:local-only-not-for-production-0123456789" note:"Give each caller a key of its own and only the scopes it needs. The same id twice is rotation." desc:"id:secret[:scope+scope],… of the ERP back end. Scopes: launch, provision, deactivate, scim, admin; without any: launch and provision."`
	SigningKeys APIKeys   `envconfig:"SIGNING_KEYS" example:"erp-signing:<openssl rand -hex 32>:launch+provision" note:"Never accepted as a bearer. A signed call cannot be repeated or changed on its way." desc:"id:secret[:scope+scope],… with which the ERP back end signs its calls (RFC 9421, HMAC-SHA256) in place of sending a key."`
	KeyIssuer   KeyIssuer `envconfig:"API_KEYS_ISSUER" default:"own" note:"With jwt every key can speak for every subject of the ERP." desc:"Whose subjects an API or signing key's tickets and links name: own (the key's id is the issuer) or jwt (JWT_ISSUER: the same person as in assertions)."`
}

// Assertions are the JWTs in which the ERP says who somebody is.
type Assertions struct {
	Secret   Secret        `envconfig:"JWT_SECRET" example:"<openssl rand -hex 32>" note:"Whoever has it can sign in as anybody, and it is changed at once or not at all. Use JWT_JWKS_URL where the ERP can keep a private key: its keys overlap." desc:"Key of assertions that are signed with HS256; at least 32 bytes."`
	KeySet   Endpoint      `envconfig:"JWT_JWKS_URL" example:"https://erp.example.com/.well-known/jwks.json" desc:"Address of the public keys (JWK Set, RFC 7517) of assertions that are signed with RS256, PS256, ES256, EdDSA and their larger sisters."`
	Issuer   IssuerName    `envconfig:"JWT_ISSUER" example:"https://erp.example.com" desc:"What assertions say in iss. Required with JWT_SECRET or JWT_JWKS_URL."`
	Audience IssuerName    `envconfig:"JWT_AUDIENCE" default:"matterpass" desc:"What assertions say in aud."`
	Leeway   time.Duration `envconfig:"JWT_LEEWAY" default:"30s" min:"0s" max:"2m" desc:"How far the ERP's clock may be off."`
	MaxAge   time.Duration `envconfig:"JWT_MAX_AGE" default:"5m" min:"10s" max:"1h" desc:"Longest time between iat and exp of an assertion."`
	Cookie   CookieName    `envconfig:"ASSERTION_COOKIE" example:"erp_chat" note:"Such an assertion has the type matterpass-nav+jwt. Set the cookie HttpOnly and Secure." desc:"Name of a cookie of the ERP's that carries an assertion: pages of the chat are then signed in on the way, without a script."`
}

// OIDC are the identity providers at which people can sign in.
type OIDC struct {
	Issuers       Endpoints `envconfig:"OIDC_ISSUER" example:"https://id.example.com/realms/company" desc:"Issuers of the OpenID Connect providers, comma-separated; the first is the default."`
	ClientIDs     Names     `envconfig:"OIDC_CLIENT_ID" example:"matterpass" desc:"Client ids, one for each issuer, in the same order."`
	ClientSecrets Secrets   `envconfig:"OIDC_CLIENT_SECRET" example:"<from the provider>" desc:"Client secrets, one for each issuer, in the same order."`
}

// Minting is how sessions are made for people who proved who they are.
type Minting struct {
	Way           Mint     `envconfig:"SESSION_MINT" default:"auto" note:"managed on purpose also takes over the passwords of accounts that Matterpass did not make." desc:"plugin (the companion plugin makes the session), managed (Matterpass keeps the account's password) or auto (the plugin if it answers, else managed for accounts that Matterpass made; decided once)."`
	Secrets       Rotation `envconfig:"MINT_SECRET" example:"<openssl rand -hex 32>" note:"To rotate, put the new one first and keep the old one until everybody has signed in once." desc:"Secret from which the kept passwords are derived; a list while it is rotated, each perhaps as kid:secret."`
	PluginSecrets Rotation `envconfig:"PLUGIN_SECRET" example:"<openssl rand -hex 32>" note:"The same text as in the plugin's settings. To rotate, add the new one in the plugin, then here, then remove the old one." desc:"Secret that the companion plugin shares; a list while it is rotated, of which the first one signs."`
	MFA           MintMFA  `envconfig:"MINT_MFA" default:"ask" desc:"Accounts with a second factor at Mattermost: ask for the code, trust-idp where the issuer says that it asked for one (plugin only), or refuse."`
	Readopt       Switch   `envconfig:"MINT_READOPT" default:"on" desc:"on: a kept password that somebody changed is set anew. off: such an account is refused until this is on again."`
	Newcomers     Switch   `envconfig:"PROVISION_ON_SIGN_IN" default:"on" desc:"on: signing in makes the account of somebody whom Mattermost does not know."`
}

// Sessions bounds how long people stay signed in.
type Sessions struct {
	MaxAge Lifetime `envconfig:"SESSION_MAX_AGE" unset:"Mattermost's own" example:"12h" desc:"Longest life of a session. Shorter than Mattermost's, never longer."`
	Idle   Lifetime `envconfig:"SESSION_IDLE" unset:"Mattermost's own" example:"1h" desc:"How long a session may go unused."`
}

// State is where what must be remembered is kept.
type State struct {
	Database DatabaseURL `envconfig:"DATABASE_URL" unset:"a file data/matterpass.db below the working directory" example:"postgres://matterpass:<password>@db/matterpass" local:"memory:" note:"Sessions, links and what was used once are in it, tokens only as MACs or sealed. Back it up." desc:"sqlite:///absolute/file, postgres://… for several instances, or memory: outside production: forgotten at the end."`
	Redis    RedisURL    `envconfig:"REDIS_URL" unset:"none" example:"redis://redis:6379/0" desc:"A Redis that several instances share: limits count for all of them, and what was used once is known sooner."`
}

// Limits bounds what one caller may do.
type Limits struct {
	Login             Rate `envconfig:"RATE_LIMIT_LOGIN" default:"5/1m" desc:"Password sign-ins per e-mail address."`
	Client            Rate `envconfig:"RATE_LIMIT_CLIENT" default:"1200/1m" desc:"Requests per client address to Matterpass's own endpoints."`
	Identity          Rate `envconfig:"RATE_LIMIT_IDENTITY" default:"30/1m" desc:"Sign-ins by assertion, ticket or identity provider per person."`
	Provision         Rate `envconfig:"RATE_LIMIT_PROVISION" default:"600/1m" desc:"Provisioning calls per API key."`
	PasswordMinLength int  `envconfig:"PASSWORD_MIN_LENGTH" default:"8" min:"8" max:"72" desc:"Shortest password that provisioning sets. Mattermost's own floor is 8."`
}

// Log shapes the log.
type Log struct {
	Level  LogLevel  `envconfig:"LOG_LEVEL" default:"info" desc:"Least important level to write: debug, info, warn or error."`
	Format LogFormat `envconfig:"LOG_FORMAT" unset:"json; console on a terminal" example:"json" local:"console" desc:"json or console."`
}

// Source is where Load reads from. The zero value is this process: its
// environment, and .env in its working directory.
type Source struct {
	Environ []string // "NAME=value"; the last of a name wins; nil means os.Environ()
	DotEnv  string   // path of the .env file; "" means ".env", os.DevNull none
}

func (s Source) orDefault() Source {
	if s.Environ == nil {
		s.Environ = os.Environ()
	}
	if s.DotEnv == "" {
		s.DotEnv = ".env"
	}
	return s
}

// Load reads, decodes and checks the configuration. Its error is a Problems
// with everything that is wrong; the Config is then of no use but its Warnings.
func Load(from Source) (Config, error) {
	l := resolve(from.orDefault())
	cfg := l.decode()
	cfg.Platform, cfg.sources = l.platform.name, l.sources()
	cfg.AdminTokens = newTokenSource(cfg.Mattermost.AdminToken, l.files["MM_ADMIN_TOKEN"])
	l.check(&cfg)
	if cfg.Mattermost.ChatURL == "" && bool(cfg.Addresses.Gateway) {
		cfg.Mattermost.ChatURL = cfg.Addresses.PublicURL
		cfg.sources["MM_PUBLIC_URL"] = fromDefault
	}
	cfg.Warnings = l.warnings
	return cfg, l.err()
}

// Production reports whether production's rules hold: in production and staging.
func (c Config) Production() bool { return c.Server.Environment.strict() }

// Listening says where Load's Config would listen, and whether with TLS. It
// checks nothing: a health check must not fail because of something else.
func Listening(from Source) (addr string, https bool) {
	l := resolve(from.orDefault())
	return l.settings["HTTP_ADDR"].text, l.settings["TLS_CERT_FILE"].text != ""
}
