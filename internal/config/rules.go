package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// check applies the rules that no single value can apply to itself.
func (l *loader) check(cfg *Config) {
	l.checkPublicURL(cfg)
	l.checkUpstream(cfg)
	l.checkChat(cfg)
	l.checkOrigins(cfg)
	l.checkCookies(cfg)
	l.checkListeners(cfg)
	l.checkTLS(cfg)
	l.checkMattermost(cfg)
	l.checkKeys(cfg)
	l.checkProxies(cfg)
	l.checkAssertions(cfg)
	l.checkOIDC(cfg)
	l.checkMinting(cfg)
	l.checkState(cfg)
}

// readable reports whether every one of the variables has a value of its own to
// judge by.
func (l *loader) readable(variables ...string) bool {
	for _, name := range variables {
		if l.broken[name] {
			return false
		}
	}
	return true
}

func (l *loader) checkBounds(cfg Config, variables []Variable) {
	for _, v := range variables {
		switch value := v.value(cfg).(type) {
		case int:
			least, _ := strconv.Atoi(v.Min)
			most, _ := strconv.Atoi(v.Max)
			l.checkBetween(v, value < least || value > most)
		case time.Duration:
			least, _ := time.ParseDuration(v.Min)
			most, _ := time.ParseDuration(v.Max)
			l.checkBetween(v, value < least || value > most)
		}
	}
}

func (l *loader) checkBetween(v Variable, outside bool) {
	if outside {
		l.add(v.Name, shown(l.settings[v.Name].text)+" is out of bounds", "use "+v.Min+" to "+v.Max)
	}
}

func (l *loader) checkPublicURL(cfg *Config) {
	switch {
	case cfg.Addresses.PublicURL == "":
		l.add("PUBLIC_URL", "not set", "set it to the address at which browsers reach Matterpass, for example https://chat.example.com")
	case l.strict && !cfg.Addresses.PublicURL.HTTPS() && l.readable("COOKIE_SECURE") && cfg.Cookies.Secure != Never:
		l.add("PUBLIC_URL", "is http, and production needs https", "use https, or set COOKIE_SECURE=never if sessions may travel unencrypted")
	}
	if l.strict && cfg.Cookies.Secure == Never {
		l.warn("COOKIE_SECURE: never: sessions travel unencrypted, and browsers keep no cookie inside a frame of another site")
	}
}

func (l *loader) checkUpstream(cfg *Config) {
	switch {
	case cfg.Mattermost.BaseURL == "":
		l.add("MM_BASE_URL", "not set", "set it to the address at which Matterpass reaches Mattermost, for example http://mattermost:8065")
	case bool(cfg.Addresses.Gateway) && l.readable("PUBLIC_URL") && cfg.Mattermost.BaseURL == cfg.Addresses.PublicURL:
		l.add("MM_BASE_URL", "is the same as PUBLIC_URL: the gateway would call itself", "set it to Mattermost's own address, for example http://mattermost:8065")
	case l.readable("HTTP_ADDR") && cfg.Mattermost.BaseURL.isAt(cfg.Server.HTTPAddr):
		l.add("MM_BASE_URL", "is Matterpass's own listen address", "set it to Mattermost's own address, for example http://localhost:8065")
	}
}

// isAt reports whether the origin leads to a listener of this machine at addr.
func (o Origin) isAt(addr Addr) bool {
	at := Addr(net.JoinHostPort(o.Hostname(), o.port()))
	return at.Loopback() && at.clashes(addr)
}

// checkChat keeps Mattermost on the host for which Matterpass sets cookies.
func (l *loader) checkChat(cfg *Config) {
	chat, public := cfg.Mattermost.ChatURL, cfg.Addresses.PublicURL
	if public == "" || !l.readable("PUBLIC_URL", "GATEWAY") {
		return
	}
	switch {
	case chat == "" && !bool(cfg.Addresses.Gateway):
		l.add("MM_PUBLIC_URL", "not set, and GATEWAY=off needs it", "set it to the address at which browsers reach Mattermost, for example "+cut(public.String()))
	case chat == "":
	case bool(cfg.Addresses.Gateway) && chat != public:
		l.add("MM_PUBLIC_URL", "differs from PUBLIC_URL: browsers would go past the gateway", "unset it, or set GATEWAY=off")
	case chat.Hostname() != public.Hostname():
		l.add("MM_PUBLIC_URL", "has another host than PUBLIC_URL: the cookies would not reach it", "serve both on one host")
	}
}

func (l *loader) checkOrigins(cfg *Config) {
	if len(cfg.Addresses.AllowedOrigins) == 0 && l.strict {
		l.add("ALLOWED_ORIGINS", "not set", "set it to the origins of the pages that embed the chat, for example https://erp.example.com")
	}
	if !l.strict || cfg.Cookies.Secure == Never || !l.readable("COOKIE_SECURE", "ALLOWED_ORIGINS") {
		return
	}
	for i, origin := range cfg.Addresses.AllowedOrigins {
		if !origin.HTTPS() {
			l.add("ALLOWED_ORIGINS", nth(i)+" is http, and production needs https", "use https, or set COOKIE_SECURE=never if sessions may travel unencrypted")
		}
	}
}

func (l *loader) checkCookies(cfg *Config) {
	if cfg.Cookies.Secure == Never && cfg.Cookies.SameSite == SameSiteNone {
		l.add("COOKIE_SAMESITE", "is none while COOKIE_SECURE is never: browsers drop such cookies", "set COOKIE_SECURE=auto, or another COOKIE_SAMESITE")
	}
	if cfg.Cookies.Secure == Never && cfg.Cookies.Partitioned == Always {
		l.add("COOKIE_PARTITIONED", "is always while COOKIE_SECURE is never: browsers drop such cookies", "set COOKIE_SECURE=auto, or COOKIE_PARTITIONED=auto")
	}
	if cfg.Cookies.Domain == "" {
		return
	}
	if cfg.Cookies.Partitioned == Always {
		l.add("COOKIE_DOMAIN", "set together with COOKIE_PARTITIONED=always", "keep one: partitioned cookies belong to one host")
	}
	if cfg.Addresses.PublicURL != "" && l.readable("PUBLIC_URL") && !cfg.Cookies.Domain.covers(cfg.Addresses.PublicURL.Hostname()) {
		l.add("COOKIE_DOMAIN", shown(string(cfg.Cookies.Domain))+" does not cover the host of PUBLIC_URL: browsers drop such cookies", "use "+cut(cfg.Addresses.PublicURL.Hostname())+" or a domain above it, or unset it")
	}
}

func (l *loader) checkListeners(cfg *Config) {
	if l.readable("HTTP_ADDR", "ADMIN_ADDR") && cfg.Server.HTTPAddr.clashes(cfg.Server.AdminAddr) {
		l.add("ADMIN_ADDR", "is the address of HTTP_ADDR", "use another port: administration is never public")
	}
	if cfg.Server.AdminAddr != "" && !cfg.Server.AdminAddr.Loopback() && l.readable("API_KEYS") && !cfg.Keys.APIKeys.Any(ScopeAdmin) {
		l.add("ADMIN_ADDR", "is not on the loopback interface, and no key in API_KEYS has the scope admin", "listen on 127.0.0.1, or add such a key")
	}
}

func (l *loader) checkTLS(cfg *Config) {
	certificate, key := cfg.Server.TLSCertFile, cfg.Server.TLSKeyFile
	switch {
	case certificate == "" && key == "":
		return
	case key == "":
		l.add("TLS_KEY_FILE", "not set while TLS_CERT_FILE is", "set both, or none")
		return
	case certificate == "":
		l.add("TLS_CERT_FILE", "not set while TLS_KEY_FILE is", "set both, or none")
		return
	}
	chain := l.pem("TLS_CERT_FILE", certificate)
	private := l.pem("TLS_KEY_FILE", key)
	if chain == nil || private == nil {
		return
	}
	if info, err := os.Stat(key); err == nil && isPublic(info) {
		l.warn("TLS_KEY_FILE: everybody on this machine may read the file; chmod 600 it")
	}
	if _, err := tls.X509KeyPair(chain, private); err != nil {
		l.add("TLS_CERT_FILE", "is no certificate for TLS_KEY_FILE", "use PEM files that belong together: openssl x509 -noout -pubkey and openssl pkey -pubout print the same key")
	}
}

func (l *loader) pem(variable, path string) []byte {
	content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		f := unreadable(path, reason(err))
		l.add(variable, f.problem, f.fix)
	}
	return content
}

func (l *loader) checkMattermost(cfg *Config) {
	if token := cfg.Mattermost.AdminToken.Reveal(); token != "" {
		switch {
		case !adminToken.MatchString(token):
			l.add("MM_ADMIN_TOKEN", fmt.Sprintf("is not an access token of Mattermost (%d characters)", len(token)), "use a personal access token: 26 of a-z and 0-9")
		case l.strict && looksMade(token):
			l.add("MM_ADMIN_TOKEN", "is a placeholder", "use a personal access token of a system admin")
		}
	}
	if len(cfg.Mattermost.DefaultChannels) > 0 && cfg.Mattermost.TeamSlug == "" && l.readable("MM_TEAM_SLUG") {
		l.add("MM_DEFAULT_CHANNELS", "set without MM_TEAM_SLUG", "set the team whose channels these are")
	}
	if l.strict && cfg.Mattermost.DemoPassword.IsSet() {
		l.add("MM_DEMO_PASSWORD", "set in production", "unset it: it is for demonstrations only")
	}
}

func (l *loader) checkKeys(cfg *Config) {
	if !l.strict {
		return
	}
	if len(cfg.Keys.Secrets) == 0 {
		l.add("SECRET_KEYS", "not set", "set it to kid:secret with a secret of at least 32 characters, for example the output of: openssl rand -hex 32")
	}
	for i, key := range cfg.Keys.Secrets {
		l.checkMade("SECRET_KEYS", i, key.Secret)
	}
	for i, key := range cfg.Keys.APIKeys {
		l.checkMade("API_KEYS", i, key.Secret)
	}
	for i, key := range cfg.Keys.SigningKeys {
		l.checkMade("SIGNING_KEYS", i, key.Secret)
	}
}

func (l *loader) checkMade(variable string, i int, secret Secret) {
	if looksMade(secret.Reveal()) {
		l.add(variable, nth(i)+" has a placeholder for a secret", "use for example the output of: openssl rand -hex 32")
	}
}

// checkProxies refuses networks that make everybody a proxy.
func (l *loader) checkProxies(cfg *Config) {
	const widest = 7 // bits; fc00::/7 is the largest private network
	for i, network := range cfg.Addresses.TrustedProxies {
		if l.strict && network.Bits() < widest {
			l.add("TRUSTED_PROXIES", nth(i)+" ("+network.String()+") trusts the whole internet: every client could say who it is", "list the networks of your proxies only")
		}
	}
}
