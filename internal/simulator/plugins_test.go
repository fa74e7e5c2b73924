package simulator_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/companion"
	"matterpass/internal/simulator"
)

func TestPluginsSeeWhoAsksAndNothingToActAsThem(t *testing.T) {
	const path = "/plugins/spy/a%20b?q=1"
	for name, tt := range map[string]struct {
		method  string
		headers []string
		want    bool // the caller is known
	}{
		"a session in a cookie":       {"GET", []string{"Cookie", "MMAUTHTOKEN={{token:alice}}; erp=1"}, true},
		"with a CSRF value":           {"POST", []string{"Cookie", "MMAUTHTOKEN={{token:alice}}; erp=1", "X-CSRF-Token", "{{csrf:alice}}"}, true},
		"without":                     {"POST", []string{"Cookie", "MMAUTHTOKEN={{token:alice}}; erp=1"}, false},
		"a session in a header":       {"POST", []string{"Authorization", "Bearer {{token:alice}}", "Cookie", "erp=1"}, true},
		"nobody's session":            {"GET", []string{"Cookie", "MMAUTHTOKEN=x; erp=1"}, false},
		"nobody who says to be alice": {"GET", []string{"Mattermost-User-Id", "{{user:alice}}", "Cookie", "erp=1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "api")
			var seen *http.Request
			w.Install("spy", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r }))
			headers := []string{"Referer", "http://erp.test/secret"}
			for _, text := range tt.headers {
				headers = append(headers, w.resolve(text))
			}
			w.do(tt.method, path, "", headers...)
			if seen == nil || seen.URL.Path != "/a b" || seen.URL.RawQuery != "q=1" {
				t.Fatalf("the plugin saw %+v", seen)
			}
			want := map[string][]string{"Cookie": {"erp=1"}}
			if tt.want {
				want["Mattermost-User-Id"] = []string{w.person("alice")}
			}
			got := map[string][]string{}
			for name, values := range seen.Header {
				if slices.Contains([]string{"Cookie", "Referer", "Authorization", "Mattermost-User-Id"}, name) {
					got[name] = values
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompanionPluginIsThereWhenItIsInstalled(t *testing.T) {
	s := start(t, simulator.Options{Demo: true})
	for _, step := range []struct {
		secrets string
		want    int
	}{{"", 404}, {"0123456789abcdef0123456789abcdef", 401}, {"short", 404}} {
		s.SetPlugin(step.secrets)
		if got := s.do("POST", companion.Base+companion.RouteMint, "{}"); got.StatusCode != step.want {
			t.Errorf("%q: %d, want %d", step.secrets, got.StatusCode, step.want)
		}
	}
	if got := s.do("GET", "/plugins/another", ""); got.StatusCode != http.StatusNotFound {
		t.Error(got.StatusCode)
	}
}

func TestMintingHasAPriceOfItsOwn(t *testing.T) {
	const price = 20 * time.Millisecond
	w := newWorld(t, "api")
	s := start(t, simulator.Options{Demo: true, MintTime: price, HashTime: time.Hour})
	w.Server = s.Server
	w.URL = s.URL
	w.Install("test.erpsso", w.recordedPlugin())
	begun := time.Now()
	w.do("GET", "/plugins/test.erpsso/session?user_id="+w.UserID(simulator.DemoEmail), "")
	if took := time.Since(begun); took < price || w.Sessions(simulator.DemoEmail) != 1 {
		t.Errorf("%s for %d sessions", took, w.Sessions(simulator.DemoEmail))
	}
}
