package gateway

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCanonicalPaths(t *testing.T) {
	const refused = ""
	tests := map[string]struct{ target, want string }{
		"plain":                         {"/api/v4/users/me", "/api/v4/users/me"},
		"root":                          {"/", "/"},
		"a query changes nothing":       {"/api/v4/users/login?x=%2f..", "/api/v4/users/login"},
		"an escaped letter":             {"/api/v4/users/%6cogin", "/api/v4/users/login"},
		"escaped letters in upper hex":  {"/api/v4/users/%6C%6F%67in", "/api/v4/users/login"},
		"a trailing slash stays":        {"/api/v4/users/login/", "/api/v4/users/login/"},
		"a space":                       {"/erp/search%20me", "/erp/search me"},
		"text":                          {"/erp/channels/%C3%A5ngstr%C3%B6m", "/erp/channels/ångström"},
		"text, not escaped":             {"/erp/å", "/erp/å"},
		"plus":                          {"/api/v4/emoji/name/%2B1", "/api/v4/emoji/name/+1"},
		"an address":                    {"/api/v4/users/email/demo%40erp.test", "/api/v4/users/email/demo@erp.test"},
		"a semicolon is a character":    {"/api/v4/users/login;x=1", "/api/v4/users/login;x=1"},
		"a per cent sign":               {"/erp/100%25", "/erp/100%"},
		"an escaped dot in a name":      {"/files/a%2Etxt", "/files/a.txt"},
		"dots in a name":                {"/files/a..b", "/files/a..b"},
		"two slashes are cleaned":       {"/api/v4/users//login", "/api/v4/users/login"},
		"a leading pair too":            {"//evil.test/x", "/evil.test/x"},
		"dot segments are cleaned":      {"/static/../api/v4/users/login", "/api/v4/users/login"},
		"also above the root":           {"/../../login", "/login"},
		"an escaped slash":              {"/api/v4/users%2flogin", refused},
		"an escaped slash, upper case":  {"/api%2Fv4/users/login", refused},
		"escaped dot segments":          {"/static/%2e%2E/api/v4/users/login", refused},
		"a half escaped dot segment":    {"/static/.%2e/api/v4/users/login", refused},
		"an escaped single dot":         {"/api/%2e/v4/users/login", refused},
		"escaped twice":                 {"/api/v4/users/%256cogin", refused},
		"escaped three times":           {"/api/v4/users/%25256cogin", refused},
		"a slash escaped twice":         {"/api/v4/users%252flogin", refused},
		"escaped twice after text":      {"/å/%256c", refused},
		"a backslash":                   {`/api/v4\users/login`, refused},
		"an escaped backslash":          {"/api/v4/users%5clogin", refused},
		"an escaped backslash in text":  {"/å%5clogin", refused},
		"NUL":                           {"/api/v4/users/login%00", refused},
		"a line break":                  {"/api/v4/users/login%0d%0aX: y", refused},
		"DEL":                           {"/api/v4/users/login%7f", refused},
		"a C1 control character":        {"/erp/%C2%85", refused},
		"bytes that are not text":       {"/erp/%ff", refused},
		"an overlong slash":             {"/api/v4/users%c0%aflogin", refused},
		"no path":                       {"http://chat.erp.test", refused},
		"something without a hierarchy": {"mailto:x", refused},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u, err := url.ParseRequestURI(tt.target)
			if err != nil {
				u = &url.URL{Path: tt.target} // as a request line that net/http refuses
			}
			if got, err := canonical(u); got != tt.want || (err != nil) != (tt.want == refused) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// FuzzCanonical holds the decision against what Mattermost's router does: decode
// once, clean, compare.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{
		"/api/v4/users/login", "/api/v4/users/%6cogin", "/api/v4/users//login", "/a/../api/v4/users/login",
		"/api/v4%2fusers/login", "/%25%36c", "/å%5c", "/oauth/x/complete/", "/plugins/p/", "*", "http:x",
	} {
		f.Add(seed)
	}
	routes := routesFor("p", nil)
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		decided, err := canonical(u)
		if err != nil || decided != u.Path {
			return // answered here: nothing is forwarded
		}
		// What stands in the request line that Mattermost gets.
		forwarded, err := url.ParseRequestURI((&url.URL{Path: u.Path, RawPath: u.RawPath}).RequestURI())
		if err != nil {
			t.Fatalf("%q cannot be read again: %v", target, err)
		}
		routed := forwarded.Path
		if routed != decided || strings.TrimSuffix(routed, "/") != strings.TrimSuffix(path.Clean(routed), "/") {
			t.Errorf("%q: decided on %q, Mattermost routes %q", target, decided, routed)
		}
		if !utf8.ValidString(routed) || strings.Contains(routed, `\`) {
			t.Errorf("%q: %q can be read in two ways", target, routed)
		}
		if twice, err := url.PathUnescape(routed); err == nil && find(routes, http.MethodPost, twice) != find(routes, http.MethodPost, routed) {
			t.Errorf("%q: another decoding is another route", target)
		}
	})
}
