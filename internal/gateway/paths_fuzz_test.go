package gateway

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"testing"
)

// FuzzWhatWasDecidedOnIsForwarded: Mattermost decodes the path of a forwarded
// request to the very one that the gateway chose the route by, and finds nothing
// to clean or to decode once more.
func FuzzWhatWasDecidedOnIsForwarded(f *testing.F) {
	for _, seed := range []string{
		"/", "/api/v4/users/login", "/api/v4/users/%6cogin", "/api/v4/users/%256cogin", "//evil.test/x", "/a//b", "/a/./b", "/a/%2e%2e/b", "/a%2fb", "/a\\b", "/a%5cb",
		"/a;x=1/b", "/a%3bx/b", "/%", "/%zz", "/a%00b", "/%ff", "/\u00e5", "/a%20b", "/a?b=%2f", "http://h/a", "/a/../../b", "/api/v4/users/login/", "/.%2e/x", "/a%25/b", "/100%25", "*",
	} {
		f.Add(seed)
	}
	upstream := &url.URL{Scheme: "http", Host: "mattermost.test"}
	f.Fuzz(func(t *testing.T, target string) {
		asked, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		decided, err := canonical(asked)
		if err != nil || decided != asked.Path {
			return
		}
		in := httptest.NewRequest("GET", "http://chat.test/", nil)
		in.URL = asked
		out := &httputil.ProxyRequest{In: in, Out: in.Clone(t.Context())}
		out.SetURL(upstream)
		seen, err := url.ParseRequestURI(out.Out.URL.RequestURI())
		if err != nil {
			t.Fatalf("%q goes out as %q: %v", target, out.Out.URL.RequestURI(), err)
		}
		if seen.Path != decided || seen.RawQuery != asked.RawQuery {
			t.Errorf("%q was decided on as %q and arrives as %q", target, decided, seen.Path)
		}
		if clean := path.Clean(seen.Path); clean != strings.TrimSuffix(seen.Path, "/") && seen.Path != "/" {
			t.Errorf("%q arrives as %q, which means %q", target, seen.Path, clean)
		}
		if again, err := url.PathUnescape(seen.Path); err == nil && again != seen.Path {
			t.Errorf("%q arrives as %q, which can be decoded to %q", target, seen.Path, again)
		}
	})
}
