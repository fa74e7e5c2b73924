package middleware

import "testing"

func TestOnlyThePublicHostIsServed(t *testing.T) {
	cases := map[string]struct {
		host, public string
		https        bool
		path         string
		want         int
	}{
		"the host":                         {"chat.erp.test", "chat.erp.test", true, "/", 200},
		"in capitals":                      {"CHAT.erp.TEST", "chat.erp.test", true, "/", 200},
		"with the default port":            {"chat.erp.test:443", "chat.erp.test", true, "/", 200},
		"configured with it":               {"chat.erp.test", "chat.erp.test:443", true, "/", 200},
		"with http's on https":             {"chat.erp.test:80", "chat.erp.test", true, "/", 421},
		"with http's on http":              {"chat.erp.test:80", "chat.erp.test", false, "/", 200},
		"a port of its own":                {"localhost:8080", "localhost:8080", false, "/", 200},
		"another port":                     {"localhost:8081", "localhost:8080", false, "/", 421},
		"another host":                     {"evil.test", "chat.erp.test", true, "/", 421},
		"a trailing dot":                   {"chat.erp.test.", "chat.erp.test", true, "/", 421},
		"none":                             {"", "chat.erp.test", true, "/", 421},
		"IPv6":                             {"[::1]:8080", "[::1]:8080", false, "/", 200},
		"health checks go by any name":     {"10.0.0.7:8080", "chat.erp.test", true, "/healthz", 200},
		"what looks like one does not":     {"10.0.0.7:8080", "chat.erp.test", true, "/healthz/x", 421},
		"another host with user's at-sign": {"chat.erp.test@evil.test", "chat.erp.test", true, "/", 421},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := Host(HostOptions{Host: c.public, HTTPS: c.https, Except: []string{"/healthz", "/readyz"}, Refuse: refused(421)})(ok)
			r := get(c.path)
			r.Host = c.host
			if got := serve(h, r).StatusCode; got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}
