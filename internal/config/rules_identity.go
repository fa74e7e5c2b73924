package config

import (
	"fmt"
	"slices"
)

// On reports whether the ERP's assertions are accepted.
func (a Assertions) On() bool { return a.Secret.IsSet() || a.KeySet != "" }

// checkAssertions wants all of what makes an assertion's signature mean something.
func (l *loader) checkAssertions(cfg *Config) {
	l.checkAssertionSecret(cfg.Assertions.Secret)
	l.checkKeyIssuer(cfg)
	a := cfg.Assertions
	if a.On() && a.Issuer == "" && l.readable("JWT_ISSUER") {
		l.add("JWT_ISSUER", "not set, and assertions need it", "set it to what they say in iss, for example https://erp.example.com")
	}
	if a.Cookie != "" && !a.On() && l.readable("JWT_SECRET", "JWT_JWKS_URL") {
		l.add("ASSERTION_COOKIE", "set without JWT_SECRET or JWT_JWKS_URL", "set how its assertions are verified")
	}
	if a.Cookie != "" && !bool(cfg.Addresses.Gateway) {
		l.add("ASSERTION_COOKIE", "set with GATEWAY=off: pages do not pass Matterpass", "unset it, or set GATEWAY=on")
	}
}

func (l *loader) checkAssertionSecret(secret Secret) {
	switch n := len(secret.Reveal()); {
	case n == 0:
	case n < shortestSecret:
		l.add("JWT_SECRET", fmt.Sprintf("is too short (%d characters)", n), "use at least 32, for example the output of: openssl rand -hex 32")
	case l.strict && looksMade(secret.Reveal()):
		l.add("JWT_SECRET", "is a placeholder", "use for example the output of: openssl rand -hex 32")
	}
}

// checkKeyIssuer keeps the subjects of keys and of assertions apart, unless they
// are the same people on purpose.
func (l *loader) checkKeyIssuer(cfg *Config) {
	issuer := cfg.Assertions.Issuer
	if cfg.Keys.KeyIssuer == IssuerJWT {
		if issuer == "" && l.readable("JWT_ISSUER") {
			l.add("API_KEYS_ISSUER", "is jwt, and JWT_ISSUER is not set", "set JWT_ISSUER, or API_KEYS_ISSUER=own")
		}
		return
	}
	for _, key := range slices.Concat(cfg.Keys.APIKeys, cfg.Keys.SigningKeys) {
		if string(issuer) == key.ID {
			l.add("JWT_ISSUER", "is the id of a key: their subjects could not be told apart", "use another id, or set API_KEYS_ISSUER=jwt if they are the same people")
			return
		}
	}
}

func (l *loader) checkOIDC(cfg *Config) {
	o := cfg.OIDC
	n := len(o.Issuers)
	if !l.readable("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET") {
		return
	}
	if len(o.ClientIDs) != n {
		l.add("OIDC_CLIENT_ID", fmt.Sprintf("has %d entries, and OIDC_ISSUER has %d", len(o.ClientIDs), n), "write one for each issuer, in the same order")
	}
	if len(o.ClientSecrets) != n {
		l.add("OIDC_CLIENT_SECRET", fmt.Sprintf("has %d entries, and OIDC_ISSUER has %d", len(o.ClientSecrets), n), "write one for each issuer, in the same order")
	}
}

// ByProof reports whether anybody signs in without a Mattermost password.
func (c Config) ByProof() bool {
	return c.Assertions.On() || len(c.OIDC.Issuers) > 0 || c.Keys.APIKeys.Any(ScopeLaunch) || c.Keys.SigningKeys.Any(ScopeLaunch)
}

// checkMinting wants a way to make sessions where somebody needs one on purpose;
// a key that may launch by default is not purpose enough.
func (l *loader) checkMinting(cfg *Config) {
	if l.readable("MINT_SECRET", "PLUGIN_SECRET") {
		l.checkMintSecrets(cfg)
	}
	if purpose := cfg.purpose(); purpose != "" && !cfg.Mattermost.AdminToken.IsSet() && l.readable("MM_ADMIN_TOKEN") {
		l.add("MM_ADMIN_TOKEN", "not set, and "+purpose+" needs it", "set it to a personal access token of a system admin")
	}
	if l.strict {
		l.checkAllMade("MINT_SECRET", cfg.Minting.Secrets.KeyRing)
		l.checkAllMade("PLUGIN_SECRET", cfg.Minting.PluginSecrets.KeyRing)
	}
}

func (l *loader) checkMintSecrets(cfg *Config) {
	m := cfg.Minting
	managed, plugin := len(m.Secrets.KeyRing) > 0, len(m.PluginSecrets.KeyRing) > 0
	purpose := cfg.purpose()
	switch {
	case m.Way == MintPlugin && !plugin:
		l.add("PLUGIN_SECRET", "not set, and SESSION_MINT=plugin needs it", "set it to what the plugin's settings say")
	case m.Way == MintManaged && !managed:
		l.add("MINT_SECRET", "not set, and SESSION_MINT=managed needs it", "set it, for example to the output of: openssl rand -hex 32")
	case purpose != "" && !managed && !plugin:
		l.add("MINT_SECRET", "not set, nor is PLUGIN_SECRET, and "+purpose+" needs one of them", "set PLUGIN_SECRET with the companion plugin installed, or MINT_SECRET to have passwords kept")
	case m.MFA == MFATrustIDP && (m.Way == MintManaged || !plugin):
		l.add("MINT_MFA", "is trust-idp, which only the plugin can do", "set SESSION_MINT=plugin and PLUGIN_SECRET, or MINT_MFA=ask")
	}
}

// purpose names the variable that asks for sessions without a password.
func (c Config) purpose() string {
	switch {
	case c.Assertions.Secret.IsSet():
		return "JWT_SECRET"
	case c.Assertions.KeySet != "":
		return "JWT_JWKS_URL"
	case len(c.OIDC.Issuers) > 0:
		return "OIDC_ISSUER"
	}
	return ""
}

func (l *loader) checkAllMade(variable string, ring KeyRing) {
	for i, key := range ring {
		l.checkMade(variable, i, key.Secret)
	}
}

// checkState: in production what is used once must stay used, so where it is kept
// is said on purpose.
func (l *loader) checkState(cfg *Config) {
	if !l.strict || !l.readable("DATABASE_URL") {
		return
	}
	switch db := cfg.State.Database; {
	case db.IsMemory():
		l.add("DATABASE_URL", "is memory: in production", "use sqlite:///absolute/file or postgres://…: what is used once must stay used after a restart")
	case !db.IsSet() && cfg.ByProof():
		l.add("DATABASE_URL", "not set, and assertions, tickets and identity providers need it", "use sqlite:///absolute/file on a volume that is kept, or postgres://…")
	}
}
