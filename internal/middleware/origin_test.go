package middleware

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestStateChangesNeedAnAllowedOrigin(t *testing.T) {
	h := Origin([]string{"https://chat.erp.test", erp}, refused(403))(ok)
	cases := map[string]struct {
		method, site, origin string
		want                 int
	}{
		"the ERP's page":                   {"POST", "cross-site", erp, 200},
		"our own page":                     {"POST", "same-origin", "https://chat.erp.test", 200},
		"no browser":                       {"POST", "", "", 200},
		"a stranger's page":                {"POST", "cross-site", "https://evil.test", 403},
		"a neighbour on the same site":     {"POST", "same-site", "https://other.erp.test", 403},
		"an opaque origin":                 {"POST", "cross-site", "null", 403},
		"no origin, though a browser":      {"POST", "cross-site", "", 403},
		"an old browser of the ERP":        {"POST", "", erp, 200},
		"an old browser of a stranger":     {"POST", "", "https://evil.test", 403},
		"the ERP's host on another port":   {"POST", "cross-site", "https://erp.test:444", 403},
		"reading is the business of CORS":  {"GET", "cross-site", "https://evil.test", 200},
		"other methods change state":       {"DELETE", "cross-site", "https://evil.test", 403},
		"unknown methods change state too": {"BREW", "cross-site", "https://evil.test", 403},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "https://chat.erp.test/api/mattermost/login", nil)
			set(r.Header, "Sec-Fetch-Site", c.site)
			set(r.Header, "Origin", c.origin)
			if got := serve(h, r).StatusCode; got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}

func set(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

func TestAnOriginThatIsNonePanicsAtStart(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("accepted")
		}
	}()
	Origin([]string{"erp.test"}, refused(403))
}
