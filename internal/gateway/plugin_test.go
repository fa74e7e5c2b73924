package gateway_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"matterpass/internal/companion"
	"matterpass/internal/simulator"
)

// TestNobodyReachesTheCompanionPlugin asks a Mattermost in which the plugin runs,
// on a connection of its own and byte for byte: the plugin would answer 401 or 405.
func TestNobodyReachesTheCompanionPlugin(t *testing.T) {
	mm := simulator.New(simulator.Options{Plugin: strings.Repeat("s", 32)})
	t.Cleanup(mm.Close)
	counting := &requests{}
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counting.ServeHTTP(w, r.Clone(r.Context()))
		mm.ServeHTTP(w, r)
	}))
	base, id := companion.Base, companion.PluginID
	const hidden, refused, redirected = "404", "400", "301"
	tests := map[string]struct{ path, want string }{
		"as it is":                      {base + "/mint", hidden},
		"the ping":                      {base + "/ping", hidden},
		"with a query":                  {base + "/mint?a=/../..", hidden},
		"its root":                      {base, hidden},
		"its root with a slash":         {base + "/", hidden},
		"an escaped letter":             {"/%70lugins/" + id + "/mint", hidden},
		"escaped letters of the id":     {"/plugins/%63om.matterpass.%63ompanion/mint", hidden},
		"escaped dots of the id":        {"/plugins/com%2Ematterpass%2ecompanion/mint", hidden},
		"an escaped route":              {base + "/%6d%69nt", hidden},
		"everything escaped":            {"/%70%6c%75%67%69%6e%73/%63%6f%6d%2e%6d%61%74%74%65%72%70%61%73%73%2e%63%6f%6d%70%61%6e%69%6f%6e/%6d%69%6e%74", hidden},
		"an escaped slash":              {"/plugins%2f" + id + "/mint", refused},
		"an escaped slash in upper hex": {"/plugins/" + id + "%2Fmint", refused},
		"escaped twice":                 {"/%2570lugins/" + id + "/mint", refused},
		"a backslash":                   {`/plugins\` + id + "/mint", refused},
		"an escaped backslash":          {"/plugins%5c" + id + "/mint", refused},
		"NUL":                           {base + "/mint%00", refused},
		"two slashes":                   {"//plugins/" + id + "/mint", redirected},
		"two slashes within":            {"/plugins//" + id + "//mint", redirected},
		"a dot segment":                 {"/./plugins/" + id + "/mint", redirected},
		"through another plugin":        {"/plugins/x/../" + id + "/mint", redirected},
		"through the API":               {"/api/v4/../../plugins/" + id + "/mint", redirected},
		"an escaped dot segment":        {"/plugins/x/%2e%2e/" + id + "/mint", refused},
		"an absolute address":           {"http://HOST" + base + "/mint", hidden},
		"another case":                  {"/PLUGINS/" + id + "/mint", ""},
		"another case of the id":        {"/plugins/" + strings.ToUpper(id) + "/mint", hidden},
		"a dot after it":                {base + "./mint", hidden},
		"a parameter after it":          {base + ";x=1/mint", hidden},
		"a parameter of the route":      {base + "/mint;x=1", hidden},
		"a space after it":              {base + "%20/mint", hidden},
	}
	for name, tt := range tests {
		for _, method := range []string{"GET", "POST", "PUT", "OPTIONS", "HEAD"} {
			raw := method + " " + tt.path + " HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n"
			got := rig.say(raw)
			if tt.want != "" && got[0] != tt.want || slices.Contains([]string{"401", "405"}, got[0]) {
				t.Errorf("%s, %s %s: %v, want %s", name, method, tt.path, got, tt.want)
			}
		}
	}
	for _, line := range counting.taken() {
		if strings.Contains(line, base+"/") {
			t.Errorf("Mattermost was asked %s", line)
		}
	}
}
