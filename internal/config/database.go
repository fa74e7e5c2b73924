package config

import (
	"net/url"
	"path/filepath"
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
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Hostname() == "" {
		return fault{"is neither sqlite:///file nor postgres://host/database", "write one of the two"}
	}
	return nil
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
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" || u.RawQuery != "" {
		return fault{"is not the address of a Redis", "write redis://host:6379/0, or rediss:// with TLS"}
	}
	return nil
}
