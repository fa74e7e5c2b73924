package middleware

import (
	"net/http"
	"slices"
	"strings"
)

// HostOptions of [Host].
type HostOptions struct {
	Host   string       // of PUBLIC_URL, with its port unless that is the default one
	HTTPS  bool         // scheme of PUBLIC_URL, which says what the default port is
	Except []string     // exact paths that any Host may ask for
	Refuse http.Handler // answers 421, RFC 9110 section 15.5.20
}

// Host refuses requests for another host: links, cookies and cached answers
// made for a name of the client's choosing would be its to use.
func Host(o HostOptions) func(http.Handler) http.Handler {
	want := o.normal(o.Host)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if o.normal(r.Host) != want && !slices.Contains(o.Except, r.URL.Path) {
				o.Refuse.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func (o HostOptions) normal(host string) string {
	if o.HTTPS {
		return strings.ToLower(strings.TrimSuffix(host, ":443"))
	}
	return strings.ToLower(strings.TrimSuffix(host, ":80"))
}
