package gateway

import (
	"slices"
	"strings"
	"testing"
)

func TestWithAncestors(t *testing.T) {
	tests := map[string]struct{ have, want string }{
		"Mattermost's own":         {"frame-ancestors 'self' ; script-src 'self'", "frame-ancestors 'self' https://erp.test; script-src 'self'"},
		"origins of its own stay":  {"frame-ancestors 'self' https://a.test; script-src 'self'", "frame-ancestors 'self' https://a.test https://erp.test; script-src 'self'"},
		"not twice":                {"frame-ancestors HTTPS://erp.test 'SELF'", "frame-ancestors HTTPS://erp.test 'SELF'"},
		"none stays none":          {"default-src 'self'; frame-ancestors 'none'", "default-src 'self'; frame-ancestors 'none'"},
		"without the directive":    {"script-src 'self'", "script-src 'self'; frame-ancestors 'self' https://erp.test"},
		"with a closing semicolon": {"script-src 'self' ; ", "script-src 'self'; frame-ancestors 'self' https://erp.test"},
		"in another case":          {"Frame-Ancestors 'self'", "frame-ancestors 'self' https://erp.test"},
		"the first one counts":     {"frame-ancestors a.test; frame-ancestors 'none'", "frame-ancestors a.test 'self' https://erp.test; frame-ancestors 'none'"},
		"two policies":             {"script-src 'self', frame-ancestors 'self'", "script-src 'self'; frame-ancestors 'self' https://erp.test, frame-ancestors 'self' https://erp.test"},
		"an empty policy":          {"script-src 'self',", "script-src 'self'; frame-ancestors 'self' https://erp.test,"},
		"not a prefix":             {"frame-ancestors-x y", "frame-ancestors-x y; frame-ancestors 'self' https://erp.test"},
		"an empty list":            {"frame-ancestors", "frame-ancestors 'self' https://erp.test"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := withAncestors(tt.have, []string{"'self'", "https://erp.test"}); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// FuzzWithAncestors: every other directive is as it was, merging twice is merging
// once, and every policy that is not empty says who may frame.
func FuzzWithAncestors(f *testing.F) {
	for _, seed := range []string{"frame-ancestors 'self'; script-src 'self'", ",;, ;frame-ancestors\t'none'", "a b;c"} {
		f.Add(seed)
	}
	sources := []string{"'self'", "https://erp.test"}
	f.Fuzz(func(t *testing.T, have string) {
		got := withAncestors(have, sources)
		if again := withAncestors(got, sources); again != got {
			t.Errorf("%q: once %q, twice %q", have, got, again)
		}
		if !slices.Equal(others(have), others(got)) {
			t.Errorf("%q became %q", have, got)
		}
	})
}

// others are the directives that are not about framing, policy by policy.
func others(value string) []string {
	var all []string
	for policy := range strings.SplitSeq(value, ",") {
		for directive := range strings.SplitSeq(policy, ";") {
			fields := strings.Fields(directive)
			if len(fields) > 0 && !strings.EqualFold(fields[0], frameAncestors) {
				all = append(all, strings.Join(fields, " "))
			}
		}
	}
	return all
}
