package store

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
)

// inMemory is the address of a database that ends with its Store.
const inMemory = "memory:"

// newEngine tells the databases apart by their address.
func newEngine(o Options) (engine, error) {
	if o.Address == inMemory {
		return memory{}, nil
	}
	u, err := url.Parse(o.Address)
	if err != nil {
		return nil, ErrAddress // the parser's own error quotes the address
	}
	switch u.Scheme {
	case "sqlite":
		if u.Host != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !isFile(u.Path) {
			return nil, ErrAddress
		}
		return newSQLite(u.Path, o), nil
	case "postgres", "postgresql":
		return newPostgres(o)
	}
	return nil, ErrAddress
}

func isFile(path string) bool {
	return filepath.IsAbs(path) && filepath.Clean(path) == path && path != "/" && !strings.ContainsRune(path, 0)
}

// NewMemory opens a database that ends with its Store: for tests, and for
// development without DATABASE_URL.
func NewMemory(o Options) (*Store, error) {
	o.Address = inMemory
	return Open(context.Background(), o)
}
