package gateway

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPatterns(t *testing.T) {
	tests := map[string]struct {
		pattern, path string
		want          bool
	}{
		"the same":                      {"/a/b", "/a/b", true},
		"another case":                  {"/a/b", "/a/B", false},
		"shorter":                       {"/a/b", "/a", false},
		"longer":                        {"/a/b", "/a/b/c", false},
		"a trailing slash":              {"/a/b", "/a/b/", false},
		"a prefix of a segment":         {"/a/b", "/a/bc", false},
		"one segment":                   {"/a/*/c", "/a/b/c", true},
		"not two":                       {"/a/*/c", "/a/b/b/c", false},
		"not an empty one":              {"/a/*/c", "/a//c", false},
		"the last":                      {"/a/*", "/a/b", true},
		"the rest":                      {"/a/**", "/a/b/c/d", true},
		"the rest is not nothing":       {"/a/**", "/a", false},
		"nor an empty segment":          {"/a/**", "/a/", false},
		"root is not below a directory": {"/a", "/", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := matches(tt.pattern, tt.path); got != tt.want {
				t.Errorf("matches(%q, %q) = %v", tt.pattern, tt.path, got)
			}
		})
	}
}

func TestEveryGroupOfTheTableCanBeAllowed(t *testing.T) {
	var used []string
	for _, r := range authentication {
		if n := len(used); r.group != "" && (n == 0 || used[n-1] != r.group) {
			used = append(used, r.group)
		}
	}
	want := []string{"sso", "oauth", "signup", "reset", "tokens"}
	if diff := cmp.Diff(want, used); diff != "" {
		t.Errorf("groups in use (-want +got):\n%s", diff)
	}
	for _, r := range routesFor("", Groups()) {
		if r.class == refused || r.class == adminOnly {
			t.Errorf("%s %s is still refused", r.method, r.pattern)
		}
	}
}

func TestRoutingAllocatesNothing(t *testing.T) {
	routes := routesFor("p", nil)
	if n := testing.AllocsPerRun(100, func() { find(routes, "POST", "/api/v4/channels/members/me/view") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFind(b *testing.B) {
	routes := routesFor("p", nil)
	for b.Loop() {
		find(routes, "POST", "/api/v4/channels/members/me/view")
	}
}
