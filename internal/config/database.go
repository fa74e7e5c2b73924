package config

import (
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// DatabaseURL says where what must be remembered is kept. It may hold a
// password, and is masked like one.
type DatabaseURL struct{ Secret }

// InMemory is the address of a database that ends with the process.
const InMemory = "memory:"

// Decode accepts sqlite:///absolute/file, postgres://… and memory:.
func (d *DatabaseURL) Decode(text string) error {
	d.Secret = NewSecret(text)
	if text == "" || text == InMemory {
		return nil
	}
	if path, ok := strings.CutPrefix(text, "sqlite://"); ok {
		if !filepath.IsAbs(path) || path != filepath.Clean(path) || strings.ContainsAny(path, "?#%") {
			return fault{"is not the absolute path of a file", "write sqlite:///var/lib/matterpass/matterpass.db, with three slashes and nothing behind the file"}
		}
		return nil
	}
	u, err := parseURL(text, writePostgres)
	switch {
	case !hasScheme(text, "postgres", "postgresql"):
		return fault{"is neither sqlite:///file nor postgres://host/database", "write one of the two"}
	case err != nil:
		return err
	case u.Hostname() == "":
		return fault{"has no host", writePostgres}
	}
	return nil
}

// InForce is the address in use: what is set, or the file that stands in for it.
func (d DatabaseURL) InForce() (string, error) {
	if d.IsSet() {
		return d.Reveal(), nil
	}
	file, err := filepath.Abs(filepath.Join("data", "matterpass.db"))
	return "sqlite://" + file, err
}

// IsMemory reports that the database ends with the process.
func (d DatabaseURL) IsMemory() bool { return d.Reveal() == InMemory }

// RedisURL is the address of a Redis. It may hold a password, and is masked like
// one.
type RedisURL struct{ Secret }

// Decode accepts redis://[:password@]host[:port][/number] and rediss:// with TLS.
func (r *RedisURL) Decode(text string) error {
	r.Secret = NewSecret(text)
	if text == "" {
		return nil
	}
	u, err := parseURL(text, writeRedis)
	switch {
	case !hasScheme(text, "redis", "rediss"):
		return fault{"is not the address of a Redis", writeRedis}
	case err != nil:
		return err
	case !isDialable(u):
		return fault{"has no valid host and port", writeRedis}
	case u.RawQuery != "" || u.ForceQuery:
		return fault{"has a query", "leave it out: " + writeRedis}
	case !databaseNumber.MatchString(u.Path):
		return fault{"names a database that is no number", writeRedis}
	}
	return nil
}

const (
	writePostgres = "write postgres://user:password@host/database"
	writeRedis    = "write redis://host:6379/0, or rediss:// with TLS"
)

// databaseNumber is the path of a Redis's address: one of its numbered databases.
var databaseNumber = regexp.MustCompile(`^(/[0-9]{0,9})?$`)

// isDialable reports whether the host is one name or address, with a port or
// none. url.Parse takes "a:1:2" for the host "a:1".
func isDialable(u *url.URL) bool {
	host, port := u.Hostname(), u.Port()
	_, err := netip.ParseAddr(host)
	bracketed := strings.HasPrefix(u.Host, "[")
	if host == "" || strings.Contains(host, ":") != bracketed || bracketed && err != nil {
		return false
	}
	if port == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func hasScheme(text string, schemes ...string) bool {
	scheme, _, found := strings.Cut(text, "://")
	return found && slices.Contains(schemes, strings.ToLower(scheme))
}

// parseURL refuses an address whose password was not percent-encoded: a #, a / or
// a ? in it ends the host, a % begins an escape.
func parseURL(text, form string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err == nil && !strings.Contains(u.Path, "@") && !strings.Contains(text, "#"):
		return u, nil
	case strings.Contains(text, "@"):
		return nil, fault{"cannot be read", "percent-encode special characters of the user name and the password: % as %25, # as %23, / as %2F, ? as %3F, @ as %40"}
	}
	return nil, fault{"cannot be read", form}
}
