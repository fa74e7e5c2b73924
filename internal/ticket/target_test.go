package ticket_test

import (
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"matterpass/internal/login"
	"matterpass/internal/ticket"
)

// accepts asks the one way in that a target has.
func accepts(t testing.TB, s *ticket.Service, target string) bool {
	t.Helper()
	request := dana()
	request.Target = target
	_, _, err := s.Issue(t.Context(), request)
	var invalid *login.Invalid
	if err != nil && (!errors.As(err, &invalid) || invalid.Field != "target") {
		t.Fatalf("%q: got %v", target, err)
	}
	return err == nil
}

func TestTargetsStayOnTheChatHost(t *testing.T) {
	cases := map[string]bool{
		"":                             true,
		"/":                            true,
		"/erp":                         true,
		"/erp/":                        true,
		"/erp/channels/orders":         true,
		"/erp/messages/@dana":          true,
		"/erp/pl/abc?x=1&y=%C3%BC":     true,
		"/erp/channels/m%C3%BCller":    true,
		"/erp?next=https://a.b/":       true,
		"/launcher":                    true,
		"/erp/launch":                  true,
		"/..erp/x..y":                  true,
		"/" + strings.Repeat("a", 511): true,

		"/" + strings.Repeat("a", 512): false,
		"erp":                          false,
		"//evil.example":               false,
		"///evil.example":              false,
		"/erp//x":                      false,
		"/\\evil.example":              false,
		"\\\\evil.example":             false,
		"/%5cevil.example":             false,
		"/%5C%5Cevil.example":          false,
		"/%2f%2fevil.example":          false,
		"/%2Fevil.example":             false,
		"/erp%2fchannels":              false,
		"/%252fevil.example":           false,
		"/erp/../launch":               false,
		"/..":                          false,
		"/./erp":                       false,
		"/%2e%2e/x":                    false,
		"/.%2E/x":                      false,
		"/%2e/x":                       false,
		"/erp/x%00":                    false,
		"/erp/x%0d%0aSet-Cookie":       false,
		"/erp/x%7f":                    false,
		"/erp/x%e2%80%ae":              false,
		"/erp/%ff":                     false,
		"/erp/%":                       false,
		"/erp/%zz":                     false,
		"/erp?x=%00":                   false,
		"/erp?x=%zz":                   false,
		"/erp?x=%ff":                   false,
		"/erp/%3fx":                    false,
		"/erp#x":                       false,
		"/erp/%23x":                    false,
		"/erp x":                       false,
		"/erp\t":                       false,
		"/\terp":                       false,
		"/erp\r\nX: y":                 false,
		"/müller":                      false,
		"/erp\u2028":                   false,
		"\u2044erp":                    false,
		"/\"><script>":                 false,
		"https://evil.example/":        false,
		"https:/evil.example":          false,
		"javascript:alert(1)":          false,
		"data:text/html,x":             false,
		" /erp":                        false,
		"/launch":                      false,
		"/launch/":                     false,
		"/launch?x":                    false,
		"/Launch":                      false,
		"/%6caunch":                    false,
		"/embed/shell.js":              false,
		"/auth/oidc/start":             false,
		"?x":                           false,
	}
	s := newService(t)
	for target, want := range cases {
		if got := accepts(t, s, target); got != want {
			t.Errorf("%q: accepted %t", target, got)
		}
	}
}

// mustStay says what is true of every accepted target, in the words of another
// parser.
func mustStay(t interface{ Errorf(string, ...any) }, target string) {
	base, _ := url.Parse("https://chat.example.com/launch")
	u, err := url.Parse(target)
	if err != nil {
		t.Errorf("%q cannot be parsed: %v", target, err)
		return
	}
	there := base.ResolveReference(u)
	if there.Host != "chat.example.com" || there.Scheme != "https" || there.User != nil || there.Fragment != "" {
		t.Errorf("%q leads to %s", target, there)
	}
	if u.Path != "" && strings.TrimSuffix(u.Path, "/") != strings.TrimSuffix(path.Clean(u.Path), "/") {
		t.Errorf("%q is not a clean path", target)
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(there.Path, "/"), "/")
	if u.Path != "" && slices.Contains([]string{"launch", "embed", "auth"}, strings.ToLower(first)) {
		t.Errorf("%q is ours", target)
	}
}

func TestNoAcceptedTargetLeavesTheChat(t *testing.T) {
	s := newService(t)
	piece := rapid.SampledFrom([]string{
		"/", "//", "\\", "%2f", "%5c", "%25", "%2e", ".", "..", "launch", "Embed", "erp", "%00", "%0a", "?", "#", "@", ":", "https:", "ü", "%C3%BC", "\t", ";", "a",
	})
	rapid.Check(t, func(r *rapid.T) {
		target := strings.Join(rapid.SliceOfN(piece, 1, 8).Draw(r, "pieces"), "")
		if rapid.Bool().Draw(r, "rooted") {
			target = "/" + target
		}
		if accepts(t, s, target) {
			mustStay(r, target)
		}
	})
}

func FuzzTargetStaysOnTheChatHost(f *testing.F) {
	s := newService(f)
	for _, seed := range []string{"/erp/channels/orders?x=1", "//evil.example", "/%2f%2fevil.example", "/\\evil.example", "/erp/%252e%252e/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if accepts(t, s, target) {
			mustStay(t, target)
		}
	})
}

func FuzzTextOpensOnlyWhatWasIssued(f *testing.F) {
	s := newService(f)
	genuine := issue(f, s)
	f.Add(genuine)
	f.Add("mt1_" + strings.Repeat("A", 43))
	f.Add("#" + genuine)
	f.Fuzz(func(t *testing.T, text string) {
		_, _, err := s.Open(t.Context(), text)
		if opened := err == nil; opened != (text == genuine) {
			t.Errorf("%q: %v", text, err)
		}
		if text != genuine {
			if err := s.Spend(t.Context(), text); !errors.Is(err, login.ErrSpent) {
				t.Errorf("spent %q: %v", text, err)
			}
		}
	})
}
