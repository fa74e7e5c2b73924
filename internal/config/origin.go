package config

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// Origin is scheme, host and, where it is not the scheme's own, port, spelt as
// a browser spells it in an Origin header (RFC 6454 section 6.2): lower case,
// Punycode, no slash at the end. So equal origins are equal strings.
type Origin string

// Decode accepts the one spelling and says how to write any other.
func (o *Origin) Decode(text string) error {
	if text == "" {
		return nil
	}
	origin, err := parseOrigin(text)
	*o = origin
	return err
}

// URL is the origin as a URL of its own; nil when it is not set.
func (o Origin) URL() *url.URL {
	if o == "" {
		return nil
	}
	scheme, host, _ := strings.Cut(string(o), "://")
	return &url.URL{Scheme: scheme, Host: host}
}

// String is the origin.
func (o Origin) String() string { return string(o) }

// HTTPS reports whether the scheme is https.
func (o Origin) HTTPS() bool { return strings.HasPrefix(string(o), "https://") }

// Hostname is the host without port and brackets.
func (o Origin) Hostname() string {
	if o == "" {
		return ""
	}
	return o.URL().Hostname()
}

func (o Origin) port() string {
	switch port := o.URL().Port(); {
	case port != "":
		return port
	case o.HTTPS():
		return "443"
	}
	return "80"
}

// Origins is a list of origins without repetition.
type Origins []Origin

// Decode reads a comma-separated list and reports every bad entry.
func (o *Origins) Decode(text string) (err error) {
	*o, err = eachOnce(text, parseOrigin)
	return err
}

// eachOnce reads a comma-separated list without repetition, and reports every bad
// entry by its place.
func eachOnce[T any](text string, parse func(string) (T, error)) ([]T, error) {
	var list []T
	var errs []error
	seen := make(map[string]bool)
	for i, entry := range entries(text) {
		if seen[entry] {
			errs = append(errs, fault{nth(i) + " is there twice", "keep one"})
			continue
		}
		seen[entry] = true
		value, err := parse(entry)
		for _, f := range faultsIf(err) {
			errs = append(errs, fault{nth(i) + " " + f.problem, f.fix})
		}
		list = append(list, value)
	}
	return list, errors.Join(errs...)
}

// Strings returns the list as plain strings.
func (o Origins) Strings() []string { return stringsOf(o) }

// String is what Decode reads.
func (o Origins) String() string { return strings.Join(o.Strings(), ",") }

func faultsIf(err error) []fault {
	if err == nil {
		return nil
	}
	return faultsOf(err)
}

// parseOrigin never shows text that may hold a password or a token: what follows
// the host is not repeated, and nothing at all when there is an @.
func parseOrigin(text string) (Origin, error) {
	switch {
	case strings.ContainsRune(text, '@'):
		return "", fault{"has a user name or password in it", "leave them out: scheme, host and port only"}
	case strings.ContainsRune(text, '*'):
		return "", fault{"has a wildcard", "list every origin exactly"}
	case text == "null":
		return "", fault{"is null", "list the page's own origin: null is what any sandboxed page sends"}
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fault{"is not an http or https address", "write scheme and host, for example https://chat.example.com"}
	}
	host, ok := canonicalHost(u)
	if !ok {
		return "", fault{"has no valid host", "write a DNS name (Punycode for letters beyond a to z) or an IP address, and a port from 1 to 65535"}
	}
	origin := u.Scheme + "://" + host
	if origin != text {
		return "", fault{difference(u, text), "write " + cut(origin)}
	}
	return Origin(origin), nil
}

// canonicalHost is host and port as a browser serialises them (WHATWG URL,
// host parsing), or false.
func canonicalHost(u *url.URL) (string, bool) {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if address, err := netip.ParseAddr(host); err == nil {
		if address.Zone() != "" {
			return "", false
		}
		host = address.String()
		if address.Is6() {
			host = "[" + host + "]"
		}
	} else if !isHostname(host) {
		return "", false
	}
	if port == "" {
		return host, true
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", false
	}
	if u.Scheme == "http" && number == 80 || u.Scheme == "https" && number == 443 {
		return host, true
	}
	return host + ":" + strconv.FormatUint(number, 10), true
}

// hostLabel allows the underscore, which container networks put into names.
var hostLabel = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

// isHostname reports whether host is a lower-case DNS name. One that ends in a
// number is none: a browser takes it for an IPv4 address (127.1, 0x7f000001).
func isHostname(host string) bool {
	if len(host) > 253 {
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !hostLabel.MatchString(label) {
			return false
		}
	}
	last := labels[len(labels)-1]
	_, err := strconv.ParseUint(last, 0, 64)
	return err != nil && strings.Trim(last, "0123456789") != ""
}

func difference(u *url.URL, text string) string {
	switch {
	case u.Path == "/" && strings.HasSuffix(text, "/"):
		return "ends in a slash"
	case u.Path != "":
		return "has a path"
	case u.RawQuery != "" || u.ForceQuery:
		return "has a query"
	case strings.ContainsRune(text, '#'):
		return "has a fragment"
	case strings.ContainsFunc(text, unicode.IsUpper):
		return "has upper-case letters"
	case u.Port() != "":
		return "spells out the scheme's own port, or a port in an unusual way"
	}
	return "is not spelt as browsers spell it"
}

// cut shortens text that is made of harmless characters, unquoted.
func cut(text string) string {
	const most = 80
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
