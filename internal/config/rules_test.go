package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	useRandom = "for example the output of: openssl rand -hex 32"
	writeHost = "write a DNS name (Punycode for letters beyond a to z) or an IP address, and a port from 1 to 65535"
	scheme    = "is not an http or https address; write scheme and host, for example https://chat.example.com"
	needHTTPS = "and production needs https; use https, or set COOKIE_SECURE=never if sessions may travel unencrypted"
)

// Each row is one rule: what is set on top of a sound set-up, and the whole of
// what is said about it.
func TestRulesOfEveryEnvironment(t *testing.T) {
	cert, key := keyPair(t)
	otherCert, _ := keyPair(t)
	k := "k1:" + strong
	checkRules(t, development, map[string]rule{
		"Mattermost's address is required": {"MM_BASE_URL=", "MM_BASE_URL: not set; set it to the address at which Matterpass reaches Mattermost, for example http://mattermost:8065"},
		"no scheme":                        {"MM_BASE_URL=mattermost:8065", "MM_BASE_URL: " + scheme},
		"another scheme":                   {"MM_BASE_URL=ftp://mattermost", "MM_BASE_URL: " + scheme},
		"no address at all":                {"MM_BASE_URL=http://a b", "MM_BASE_URL: " + scheme},
		"bad port":                         {"MM_BASE_URL=http://mattermost:99999", "MM_BASE_URL: has no valid host; " + writeHost},
		"port zero":                        {"MM_BASE_URL=http://mattermost:0", "MM_BASE_URL: has no valid host; " + writeHost},
		"a number for a host":              {"MM_BASE_URL=http://127.1", "MM_BASE_URL: has no valid host; " + writeHost},
		"a hexadecimal host":               {"MM_BASE_URL=http://0x7f000001", "MM_BASE_URL: has no valid host; " + writeHost},
		"an address with a zone":           {"MM_BASE_URL=http://[fe80::1%25eth0]", "MM_BASE_URL: has no valid host; " + writeHost},
		"letters beyond ASCII":             {"MM_BASE_URL=http://mättermost", "MM_BASE_URL: has no valid host; " + writeHost},
		"a host too long":                  {"MM_BASE_URL=http://" + strings.Repeat("a.", 130) + "test", "MM_BASE_URL: has no valid host; " + writeHost},
		"a port with every digit":          {"MM_BASE_URL=http://[::1]:80", "MM_BASE_URL: spells out the scheme's own port, or a port in an unusual way; write http://[::1]"},
		"an odd host spelling":             {"MM_BASE_URL=http://[0:0::1]", "MM_BASE_URL: is not spelt as browsers spell it; write http://[::1]"},
		"the gateway would call itself":    {"MM_BASE_URL=http://localhost:8080", "MM_BASE_URL: is the same as PUBLIC_URL: the gateway would call itself; set it to Mattermost's own address, for example http://mattermost:8065"},
		"its own listener":                 {"MM_BASE_URL=http://127.0.0.1:8080", "MM_BASE_URL: is Matterpass's own listen address; set it to Mattermost's own address, for example http://localhost:8065"},

		"path":               {"PUBLIC_URL=https://chat.example.com/chat", "PUBLIC_URL: has a path; write https://chat.example.com"},
		"slash":              {"PUBLIC_URL=https://chat.example.com/", "PUBLIC_URL: ends in a slash; write https://chat.example.com"},
		"query":              {"PUBLIC_URL=https://chat.example.com?token=hunter2", "PUBLIC_URL: has a query; write https://chat.example.com"},
		"fragment":           {"PUBLIC_URL=https://chat.example.com#top", "PUBLIC_URL: has a fragment; write https://chat.example.com"},
		"user name":          {"PUBLIC_URL=https://admin:hunter2@chat.example.com", "PUBLIC_URL: has a user name or password in it; leave them out: scheme, host and port only"},
		"scheme's own port":  {"PUBLIC_URL=https://chat.example.com:443", "PUBLIC_URL: spells out the scheme's own port, or a port in an unusual way; write https://chat.example.com"},
		"zeros in the port":  {"PUBLIC_URL=https://chat.example.com:08443", "PUBLIC_URL: spells out the scheme's own port, or a port in an unusual way; write https://chat.example.com:8443"},
		"upper case":         {"PUBLIC_URL=https://Chat.example.com", "PUBLIC_URL: has upper-case letters; write https://chat.example.com"},
		"chat past the gate": {"MM_PUBLIC_URL=http://localhost:8065", "MM_PUBLIC_URL: differs from PUBLIC_URL: browsers would go past the gateway; unset it, or set GATEWAY=off"},
		"beside needs it":    {"GATEWAY=off", "MM_PUBLIC_URL: not set, and GATEWAY=off needs it; set it to the address at which browsers reach Mattermost, for example http://localhost:8080"},
		"beside, other host": {"GATEWAY=off MM_PUBLIC_URL=http://mm.test:8065", "MM_PUBLIC_URL: has another host than PUBLIC_URL: the cookies would not reach it; serve both on one host"},
		"unknown routes":     {"GATEWAY_ALLOW=reset,all", `GATEWAY_ALLOW: "all" is not known; use signup, sso, oauth, reset or tokens`},
		"routes twice":       {"GATEWAY_ALLOW=sso,sso", `GATEWAY_ALLOW: entry 2 ("sso") is there twice; keep one`},
		"neither on nor off": {"GATEWAY=true", `GATEWAY: "true" is not known; use on or off`},

		"wildcard":          {"ALLOWED_ORIGINS=https://*.example.com", "ALLOWED_ORIGINS: entry 1 has a wildcard; list every origin exactly"},
		"any origin":        {"ALLOWED_ORIGINS=*", "ALLOWED_ORIGINS: entry 1 has a wildcard; list every origin exactly"},
		"null origin":       {"ALLOWED_ORIGINS=null", "ALLOWED_ORIGINS: entry 1 is null; list the page's own origin: null is what any sandboxed page sends"},
		"origin with path":  {"ALLOWED_ORIGINS=https://erp.example.com/app", "ALLOWED_ORIGINS: entry 1 has a path; write https://erp.example.com"},
		"origin with user":  {"ALLOWED_ORIGINS=https://hunter2@erp.example.com", "ALLOWED_ORIGINS: entry 1 has a user name or password in it; leave them out: scheme, host and port only"},
		"origin upper case": {"ALLOWED_ORIGINS=https://ERP.example.com", "ALLOWED_ORIGINS: entry 1 has upper-case letters; write https://erp.example.com"},
		"origin's own port": {"ALLOWED_ORIGINS=http://erp.test:80", "ALLOWED_ORIGINS: entry 1 spells out the scheme's own port, or a port in an unusual way; write http://erp.test"},
		"origin twice":      {"ALLOWED_ORIGINS=http://erp.test,http://erp.test", "ALLOWED_ORIGINS: entry 2 is there twice; keep one"},
		"every bad origin is told": {"ALLOWED_ORIGINS=null,http://erp.test/,http://ok.test,", "ALLOWED_ORIGINS: entry 1 is null; list the page's own origin: null is what any sandboxed page sends\n" +
			"ALLOWED_ORIGINS: entry 2 ends in a slash; write http://erp.test\n" +
			"ALLOWED_ORIGINS: entry 4 " + scheme},

		"no network":           {"TRUSTED_PROXIES=proxy.test", `TRUSTED_PROXIES: entry 1 ("proxy.test") is not a network; write address/bits, for example 10.0.0.0/8`},
		"mapped network":       {"TRUSTED_PROXIES=::ffff:10.0.0.0/104", `TRUSTED_PROXIES: entry 1 ("::ffff:10.0.0.0/104") is not a network; write address/bits, for example 10.0.0.0/8`},
		"host bits":            {"ADMIN_CIDRS=10.1.2.3/8", `ADMIN_CIDRS: entry 1 ("10.1.2.3/8") has host bits set; write 10.0.0.0/8`},
		"overlapping networks": {"ADMIN_CIDRS=10.0.0.0/8,192.0.2.0/24,10.1.0.0/16", "ADMIN_CIDRS: entry 3 (10.1.0.0/16) overlaps 10.0.0.0/8; keep the larger one"},
		"the same address":     {"ADMIN_CIDRS=192.0.2.1,192.0.2.1/32", "ADMIN_CIDRS: entry 2 (192.0.2.1/32) overlaps 192.0.2.1/32; keep the larger one"},

		"public suffix":         {"COOKIE_DOMAIN=co.uk", `COOKIE_DOMAIN: "co.uk" is a public suffix; use a domain of your own below it: browsers drop cookies for everybody's domain`},
		"platform's suffix":     {"COOKIE_DOMAIN=up.railway.app", `COOKIE_DOMAIN: "up.railway.app" is a public suffix; use a domain of your own below it: browsers drop cookies for everybody's domain`},
		"leading dot":           {"COOKIE_DOMAIN=.example.com", `COOKIE_DOMAIN: ".example.com" is not a domain; write a lower-case DNS name without scheme, port and leading dot, for example example.com`},
		"domain is an address":  {"COOKIE_DOMAIN=192.0.2.1", `COOKIE_DOMAIN: "192.0.2.1" is not a domain; write a lower-case DNS name without scheme, port and leading dot, for example example.com`},
		"foreign domain":        {"COOKIE_DOMAIN=example.org PUBLIC_URL=https://chat.example.com", `COOKIE_DOMAIN: "example.org" does not cover the host of PUBLIC_URL: browsers drop such cookies; use chat.example.com or a domain above it, or unset it`},
		"similar domain":        {"COOKIE_DOMAIN=ample.com PUBLIC_URL=https://example.com", `COOKIE_DOMAIN: "ample.com" does not cover the host of PUBLIC_URL: browsers drop such cookies; use example.com or a domain above it, or unset it`},
		"domain and partition":  {"COOKIE_DOMAIN=example.com PUBLIC_URL=https://chat.example.com COOKIE_PARTITIONED=always", "COOKIE_DOMAIN: set together with COOKIE_PARTITIONED=always; keep one: partitioned cookies belong to one host"},
		"none, never secure":    {"COOKIE_SAMESITE=none COOKIE_SECURE=never", "COOKIE_SAMESITE: is none while COOKIE_SECURE is never: browsers drop such cookies; set COOKIE_SECURE=auto, or another COOKIE_SAMESITE"},
		"partition, not secure": {"COOKIE_PARTITIONED=always COOKIE_SECURE=never", "COOKIE_PARTITIONED: is always while COOKIE_SECURE is never: browsers drop such cookies; set COOKIE_SECURE=auto, or COOKIE_PARTITIONED=auto"},
		"unknown override":      {"COOKIE_SECURE=yes", `COOKIE_SECURE: "yes" is not known; use auto, always or never`},
		"unknown SameSite":      {"COOKIE_SAMESITE=None", `COOKIE_SAMESITE: "None" is not known; use auto, lax, strict or none`},

		"no team":                    {"MM_TEAM_SLUG=My_Team", `MM_TEAM_SLUG: "My_Team" cannot be a team; use the part of the team's address: 2 to 64 of a-z, 0-9 and -, beginning and ending with a letter or digit`},
		"a team of one letter":       {"MM_TEAM_SLUG=a", `MM_TEAM_SLUG: "a" cannot be a team; use the part of the team's address: 2 to 64 of a-z, 0-9 and -, beginning and ending with a letter or digit`},
		"a team that hides our path": {"MM_TEAM_SLUG=embed", `MM_TEAM_SLUG: "embed" is a path of Matterpass's own; give the team another address in Mattermost: this one could not be reached`},
		"a reserved team":            {"MM_TEAM_SLUG=postoffice", `MM_TEAM_SLUG: "postoffice" begins with a word that Mattermost reserves; use the part of the team's address as Mattermost shows it`},
		"no channel":                 {"MM_TEAM_SLUG=erp MM_DEFAULT_CHANNELS=~orders", `MM_DEFAULT_CHANNELS: entry 1 ("~orders") cannot be a channel; use the part of the channel's address: a-z, 0-9, - and _, without # or ~`},
		"a channel twice":            {"MM_TEAM_SLUG=erp MM_DEFAULT_CHANNELS=orders,orders", `MM_DEFAULT_CHANNELS: entry 2 ("orders") is there twice; keep one`},
		"channels of no team":        {"MM_DEFAULT_CHANNELS=orders", "MM_DEFAULT_CHANNELS: set without MM_TEAM_SLUG; set the team whose channels these are"},
		"no admin token":             {"MM_ADMIN_TOKEN=hunter2", "MM_ADMIN_TOKEN: is not an access token of Mattermost (7 characters); use a personal access token: 26 of a-z and 0-9"},

		"no listen address":  {"HTTP_ADDR=8080", `HTTP_ADDR: "8080" is not a listen address; write host:port, or :port for every interface, for example :8080`},
		"listen to a path":   {"HTTP_ADDR=a/b:8080", `HTTP_ADDR: "a/b:8080" is not a listen address; write host:port, or :port for every interface, for example :8080`},
		"listen to no port":  {"HTTP_ADDR=:http", `HTTP_ADDR: ":http" has no valid port; use a number from 0 to 65535`},
		"both listeners one": {"HTTP_ADDR=:9090", "ADMIN_ADDR: is the address of HTTP_ADDR; use another port: administration is never public"},
		"public admin":       {"ADMIN_ADDR=:9090", "ADMIN_ADDR: is not on the loopback interface, and no key in API_KEYS has the scope admin; listen on 127.0.0.1, or add such a key"},
		"public admin, keys": {"ADMIN_ADDR=10.0.0.1:9090 API_KEYS=erp:" + strong, "ADMIN_ADDR: is not on the loopback interface, and no key in API_KEYS has the scope admin; listen on 127.0.0.1, or add such a key"},
		"certificate alone":  {"TLS_CERT_FILE=" + cert, "TLS_KEY_FILE: not set while TLS_CERT_FILE is; set both, or none"},
		"key alone":          {"TLS_KEY_FILE=" + key, "TLS_CERT_FILE: not set while TLS_KEY_FILE is; set both, or none"},
		"foreign key":        {"TLS_CERT_FILE=" + otherCert + " TLS_KEY_FILE=" + key, "TLS_CERT_FILE: is no certificate for TLS_KEY_FILE; use PEM files that belong together: openssl x509 -noout -pubkey and openssl pkey -pubout print the same key"},
		"no certificate":     {"TLS_CERT_FILE=/missing TLS_KEY_FILE=" + key, `TLS_CERT_FILE: the file "/missing" cannot be read: no such file or directory; name a file that Matterpass may read`},

		"key without id":     {"SECRET_KEYS=" + strong, "SECRET_KEYS: entry 1 does not begin with a key id; write kid:secret with an id of 1 to 32 of a-z, 0-9 and -"},
		"key id in capitals": {"SECRET_KEYS=K1:" + strong, "SECRET_KEYS: entry 1 does not begin with a key id; write kid:secret with an id of 1 to 32 of a-z, 0-9 and -"},
		"short key":          {"SECRET_KEYS=k1:hunter2hunter", "SECRET_KEYS: entry 1 has a secret that is too short (13 characters); use at least 32, " + useRandom},
		"endless key":        {"SECRET_KEYS=k1:" + strings.Repeat(strong, 33), "SECRET_KEYS: entry 1 has a secret that is too long (1056 characters); use 32 to 1024, " + useRandom},
		"key beyond ASCII":   {"SECRET_KEYS=k1:ä" + strong, "SECRET_KEYS: entry 1 has a secret with spaces or special characters; use visible ASCII, " + useRandom},
		"key id twice":       {"SECRET_KEYS=" + k + ",k1:" + strong2, "SECRET_KEYS: entry 2 has the id of an earlier one; give every key an id of its own: what was signed names it"},

		"API key without id":     {"API_KEYS=" + strong, "API_KEYS: entry 1 does not begin with a key id; write id:secret with an id of 1 to 32 of a-z, 0-9 and -"},
		"short API key":          {"API_KEYS=erp:hunter2", "API_KEYS: entry 1 has a secret that is too short (7 characters); use at least 32, " + useRandom},
		"API key's characters":   {"API_KEYS=erp:" + strong + "/+", "API_KEYS: entry 1 has a secret with other characters than A-Z, a-z, 0-9, _ and -; use " + useRandom},
		"unknown scope":          {"API_KEYS=erp:" + strong + ":launch+hunter2", "API_KEYS: entry 1 has an unknown scope; use launch, provision, deactivate, scim and admin, joined by +"},
		"API key twice":          {"API_KEYS=erp:" + strong + ",erp:" + strong, "API_KEYS: entry 2 has the secret of an earlier one; give every key a secret of its own, during rotation too"},
		"one secret for two ids": {"API_KEYS=erp:" + strong + ",crm:" + strong, "API_KEYS: entry 2 has the secret of an earlier one; give every key a secret of its own, during rotation too"},

		"no rate":           {"RATE_LIMIT_LOGIN=5", `RATE_LIMIT_LOGIN: "5" is not a rate; write tokens per time, for example 5/1m`},
		"rate of nothing":   {"RATE_LIMIT_LOGIN=0/1m", `RATE_LIMIT_LOGIN: "0/1m" is out of bounds; allow 1 to 1000000 tokens`},
		"negative rate":     {"RATE_LIMIT_CLIENT=-5/1m", `RATE_LIMIT_CLIENT: "-5/1m" is out of bounds; allow 1 to 1000000 tokens`},
		"absurd rate":       {"RATE_LIMIT_PROVISION=5/1ns", `RATE_LIMIT_PROVISION: "5/1ns" is out of bounds; use a time from 1s to 24h`},
		"no duration":       {"MM_TIMEOUT=10", `MM_TIMEOUT: "10" is not a duration; write a number and a unit, for example 10s`},
		"zero timeout":      {"MM_TIMEOUT=0s", `MM_TIMEOUT: "0s" is out of bounds; use 100ms to 2m`},
		"negative duration": {"DRAIN_DELAY=-1s", `DRAIN_DELAY: "-1s" is out of bounds; use 0s to 5m`},
		"absurd duration":   {"SHUTDOWN_GRACE=48h", `SHUTDOWN_GRACE: "48h" is out of bounds; use 1s to 10m`},
		"no number":         {"MM_LOGIN_QUEUE=many", `MM_LOGIN_QUEUE: "many" is not a whole number; write digits only, for example 64`},
		"zero limit":        {"MM_LOGIN_CONCURRENCY=0", `MM_LOGIN_CONCURRENCY: "0" is out of bounds; use 1 to 256`},
		"negative limit":    {"MM_LOGIN_QUEUE=-1", `MM_LOGIN_QUEUE: "-1" is out of bounds; use 1 to 10000`},
		"weak passwords":    {"PASSWORD_MIN_LENGTH=4", `PASSWORD_MIN_LENGTH: "4" is out of bounds; use 8 to 72`},
		"unknown level":     {"LOG_LEVEL=loud", `LOG_LEVEL: "loud" is not known; use debug, info, warn or error`},
		"unknown format":    {"LOG_FORMAT=xml", `LOG_FORMAT: "xml" is not known; use json or console`},
		"unknown NODE_ENV":  {"NODE_ENV=test", `NODE_ENV: "test" is not known; use development, staging or production`},
		"foreign text":      {"LOG_LEVEL=" + strings.Repeat("ä", 90), `LOG_LEVEL: "` + strings.Repeat(`\u00e4`, 80) + `\u2026" is not known; use debug, info, warn or error`},
		"control character": {"LOG_LEVEL=info\x1b[2J", "LOG_LEVEL: has a line break, another control character or broken UTF-8; write it in one line of plain text"},
		"line in a secret":  {"MM_DEMO_PASSWORD=hunter2\nx", "MM_DEMO_PASSWORD: has a line break, another control character or broken UTF-8; write it in one line of plain text"},
	})
}

func TestRulesOfProduction(t *testing.T) {
	checkRules(t, production, map[string]rule{
		"http":               {"PUBLIC_URL=http://chat.example.com", "PUBLIC_URL: is http, " + needHTTPS},
		"no address":         {"PUBLIC_URL=", "PUBLIC_URL: not set; set it to the address at which browsers reach Matterpass, for example https://chat.example.com"},
		"no origins":         {"ALLOWED_ORIGINS=", "ALLOWED_ORIGINS: not set; set it to the origins of the pages that embed the chat, for example https://erp.example.com"},
		"http origin":        {"ALLOWED_ORIGINS=https://erp.example.com,http://portal.example.com", "ALLOWED_ORIGINS: entry 2 is http, " + needHTTPS},
		"demo password":      {"MM_DEMO_PASSWORD=hunter2", "MM_DEMO_PASSWORD: set in production; unset it: it is for demonstrations only"},
		"its alias too":      {"NEXT_PUBLIC_MM_DEMO_PASSWORD=hunter2", "NEXT_PUBLIC_MM_DEMO_PASSWORD: set in production; unset it: it is for demonstrations only"},
		"no keys":            {"SECRET_KEYS=", "SECRET_KEYS: not set; set it to kid:secret with a secret of at least 32 characters, for example the output of: openssl rand -hex 32"},
		"every IPv4 client":  {"TRUSTED_PROXIES=0.0.0.0/0", "TRUSTED_PROXIES: entry 1 (0.0.0.0/0) trusts the whole internet: every client could say who it is; list the networks of your proxies only"},
		"every IPv6 client":  {"TRUSTED_PROXIES=10.0.0.0/8,::/0", "TRUSTED_PROXIES: entry 2 (::/0) trusts the whole internet: every client could say who it is; list the networks of your proxies only"},
		"token placeholder":  {"MM_ADMIN_TOKEN=aaaaaaaaaaaaaaaaaaaaaaaaaa", "MM_ADMIN_TOKEN: is a placeholder; use a personal access token of a system admin"},
		"API key of example": {"API_KEYS=erp:your-secret-goes-here-0123456789abcdef", "API_KEYS: entry 1 has a placeholder for a secret; use " + useRandom},
		"misspelt":           {"APP_ENV=Production SECRET_KEYS=", "APP_ENV: \"Production\" is not known; use development, staging or production\nSECRET_KEYS: not set; set it to kid:secret with a secret of at least 32 characters, for example the output of: openssl rand -hex 32"},
	})
	for _, placeholder := range []string{
		"changeme-changeme-changeme-123456", "change-me-0123456789abcdefghijklm", "SECRET0123456789abcdefghijklmnop", "an-example-0123456789abcdefghijk",
		"xxxxxxxx0123456789abcdefghijklmn", "<put-32-random-characters-in-here>", "your-key-0123456789abcdefghijklm", "insert-0123456789abcdefghijklmnop",
		strings.Repeat("a", 40), strings.Repeat("ab", 20), strings.Repeat("12345", 8),
	} {
		_, err := load(t, production("SECRET_KEYS=k1:"+placeholder))
		if got := text(err); got != "SECRET_KEYS: entry 1 has a placeholder for a secret; use "+useRandom {
			t.Errorf("%s: %q", placeholder, got)
		}
	}
}

func TestWhatTheRulesLeaveAlone(t *testing.T) {
	cert, key := keyPair(t)
	for name, c := range map[string]struct {
		base func(...string) []string
		more string
	}{
		"a network of everybody in development":    {development, "TRUSTED_PROXIES=0.0.0.0/0"},
		"the largest private networks":             {production, "TRUSTED_PROXIES=10.0.0.0/8,fc00::/7"},
		"beside, another port of the same host":    {development, "GATEWAY=off MM_PUBLIC_URL=http://localhost:8065"},
		"a port of the system's choice, twice":     {development, "HTTP_ADDR=127.0.0.1:0 ADMIN_ADDR=127.0.0.1:0"},
		"one port on two interfaces":               {development, "HTTP_ADDR=10.0.0.1:9090"},
		"Mattermost on our port of another host":   {development, "MM_BASE_URL=http://mattermost:8080"},
		"a public admin listener with such a key":  {development, "ADMIN_ADDR=:9090 API_KEYS=ops:" + strong + ":admin"},
		"no admin listener":                        {development, "ADMIN_ADDR="},
		"HTTPS of its own":                         {production, "TLS_CERT_FILE=" + cert + " TLS_KEY_FILE=" + key},
		"a container's name with an underscore":    {development, "MM_BASE_URL=http://erp_mattermost_1:8065"},
		"Mattermost at an IPv6 address":            {development, "MM_BASE_URL=http://[::1]:8065"},
		"international names in Punycode":          {production, "PUBLIC_URL=https://chat.xn--bcher-kva.example"},
		"an API key in rotation":                   {production, "API_KEYS=erp:" + strong + ",erp:" + strong2},
		"the domain of the public host itself":     {production, "COOKIE_DOMAIN=chat.example.com"},
		"placeholders and no origin in developing": {development, "SECRET_KEYS=dev:local-only-not-for-production-0123456789 ALLOWED_ORIGINS="},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := load(t, c.base(strings.Split(c.more, " ")...)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTenMistakesAreTenLinesInTheOrderOfTheDocuments(t *testing.T) {
	_, err := load(t, []string{
		"APP_ENV=production", "SHUTDOWN_GRACE=soon", "PUBLIC_URL=https://chat.example.com/", "ALLOWED_ORIGINS=*", "TRUSTED_PROXIES=0.0.0.0/0",
		"MM_ADMIN_TOKEN=hunter2", "MM_DEMO_PASSWORD=hunter2", "COOKIE_SECURE=maybe", "SECRET_KEYS=k1:hunter2", "RATE_LIMIT_LOGIN=0/1m",
	})
	var got []string
	for line := range strings.Lines(text(err)) {
		name, _, _ := strings.Cut(line, ":")
		got = append(got, name)
	}
	want := []string{
		"SHUTDOWN_GRACE", "PUBLIC_URL", "ALLOWED_ORIGINS", "TRUSTED_PROXIES", "MM_BASE_URL",
		"MM_ADMIN_TOKEN", "MM_DEMO_PASSWORD", "COOKIE_SECURE", "SECRET_KEYS", "RATE_LIMIT_LOGIN",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s", diff, text(err))
	}
	if strings.Contains(text(err), "hunter2") {
		t.Error("a secret is in the error")
	}
}

type rule struct{ set, want string }

// checkRules sets what a row says, separated by spaces where it is several, and
// compares the whole error.
func checkRules(t *testing.T, base func(...string) []string, rules map[string]rule) {
	t.Helper()
	for name, r := range rules {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, base(assignments(r.set)...))
			if diff := cmp.Diff(r.want, text(err)); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(text(err), "hunter2") {
				t.Error("a secret is in the error")
			}
		})
	}
}

func assignments(set string) []string {
	var list []string
	for word := range strings.SplitSeq(set, " ") {
		if strings.Contains(word, "=") || len(list) == 0 {
			list = append(list, word)
		} else {
			list[len(list)-1] += " " + word
		}
	}
	return list
}
