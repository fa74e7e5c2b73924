package signature

import (
	"net/http"
	"net/url"
	"strings"
)

// message is what of a request can be covered.
type message struct {
	method string
	header http.Header
	target target
}

// target holds the derived components of RFC 9421 section 2.2 that come from the
// address.
type target struct{ uri, scheme, authority, path, query string }

func targetOf(u *url.URL) target {
	t := target{
		scheme: strings.ToLower(u.Scheme), authority: authorityOf(u), path: u.EscapedPath(), query: "?" + u.RawQuery,
	}
	if t.path == "" {
		t.path = "/" // RFC 9110 section 4.2.3
	}
	t.uri = t.scheme + "://" + t.authority + t.path
	if u.RawQuery != "" || u.ForceQuery {
		t.uri += t.query
	}
	return t
}

// authorityOf leaves out the scheme's own port (RFC 9421 section 2.2.3).
func authorityOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if strings.EqualFold(u.Scheme, "https") {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// base is the signature base of RFC 9421 section 2.5.
func (in input) base(m message) (string, error) {
	var b strings.Builder
	for _, name := range in.components {
		value, found := m.component(name)
		if !found {
			return "", refuse("it covers a component that the request does not have, or that is not known here")
		}
		b.WriteString(`"` + name + `": ` + value + "\n")
	}
	b.WriteString(`"@signature-params": ` + in.params)
	return b.String(), nil
}

func (m message) component(name string) (value string, found bool) {
	switch name {
	case "@method":
		return m.method, true
	case "@target-uri":
		return m.target.uri, true
	case "@scheme":
		return m.target.scheme, true
	case "@authority":
		return m.target.authority, true
	case "@path":
		return m.target.path, true
	case "@query":
		return m.target.query, true
	default:
		return m.field(name)
	}
}

// field is the combined value of a header field (RFC 9421 section 2.1). Names
// are covered in lower case only.
func (m message) field(name string) (value string, found bool) {
	if strings.HasPrefix(name, "@") || name != strings.ToLower(name) {
		return "", false
	}
	lines := m.header.Values(name)
	trimmed := make([]string, len(lines))
	for i, line := range lines {
		trimmed[i] = strings.Trim(line, " \t")
	}
	return strings.Join(trimmed, ", "), len(lines) > 0
}
