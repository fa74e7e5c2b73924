package config

import (
	"net/netip"
	"net/url"
	"strings"
)

// Endpoint is an https address with a path, or http on this machine.
type Endpoint string

// Decode accepts an absolute address without user, query or fragment.
func (a *Endpoint) Decode(text string) error {
	if text == "" {
		return nil
	}
	address, err := parseEndpoint(text)
	*a = address
	return err
}

// Endpoints is a list of them without repetition.
type Endpoints []Endpoint

// Decode reads a comma-separated list and reports every bad entry.
func (a *Endpoints) Decode(text string) (err error) {
	*a, err = eachOnce(text, parseEndpoint)
	return err
}

// String is what Decode reads.
func (a Endpoints) String() string { return strings.Join(stringsOf(a), ",") }

// parseEndpoint never shows what may hold a password or a token.
func parseEndpoint(text string) (Endpoint, error) {
	u, err := url.Parse(text)
	switch {
	case strings.ContainsRune(text, '@'):
		return "", fault{"has a user name or password in it", "leave them out: scheme, host, port and path only"}
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "", fault{"is not an http or https address", "write it in full, for example https://id.example.com/realms/company"}
	case u.RawQuery != "" || u.ForceQuery || strings.ContainsRune(text, '#'):
		return "", fault{"has a query or a fragment", "leave it out"}
	case u.Scheme == "http" && !isLocalHost(u.Hostname()):
		return "", fault{"is http", "use https: keys that travel unencrypted can be replaced on the way"}
	}
	return Endpoint(text), nil
}

// isLocalHost: browsers and resolvers keep these on the machine (RFC 6761).
func isLocalHost(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && address.IsLoopback()
}
