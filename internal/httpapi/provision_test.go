package httpapi_test

import (
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/middleware"
	"matterpass/internal/simulator"
)

func (h *house) provision(body string, secret ...string) answer {
	h.t.Helper()
	key := append(secret, apiSecret)[0]
	return h.do(call{method: "POST", path: "/api/mattermost/provision", body: body, header: map[string]string{"Authorization": "Bearer " + key}})
}

func TestProvisioningIsIdempotent(t *testing.T) {
	h := newHouse(t)
	first := h.provision(`{"email":"New.Person@erp.test","first_name":"New","password":"quiet-harbour-42"}`)
	if first.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", first.StatusCode, first.body)
	}
	want := map[string]any{
		"user_id": h.mm.UserID("new.person@erp.test"), "username": first.json(t)["username"],
		"created": true, "changed": []any{}, "teams": []any{"erp"},
	}
	if diff := cmp.Diff(want, first.json(t)); diff != "" {
		t.Error(diff)
	}
	second := h.provision(`{"email":"new.person@erp.test","first_name":"Newer"}`)
	want["created"], want["changed"] = false, []any{"first_name"}
	if diff := cmp.Diff(want, second.json(t)); second.StatusCode != 200 || diff != "" {
		t.Errorf("%d %s", second.StatusCode, diff)
	}
	want["changed"] = []any{}
	if diff := cmp.Diff(want, h.provision(`{"email":"new.person@erp.test","first_name":"Newer"}`).json(t)); diff != "" {
		t.Error(diff)
	}
	if in := h.signIn("new.person@erp.test", "quiet-harbour-42"); in.StatusCode != 200 {
		t.Errorf("the new account cannot sign in: %d %s", in.StatusCode, in.body)
	}
}

func TestOnlyKeysWithTheScopeProvision(t *testing.T) {
	h := newHouse(t)
	const body = `{"email":"new@erp.test"}`
	for name, c := range map[string]struct {
		authorization string
		status        int
		code          string
	}{
		"none":          {"", 401, "key_refused"},
		"wrong":         {"Bearer " + strings.Repeat("0", 32), 401, "key_refused"},
		"prefix":        {"Bearer " + apiSecret[:31], 401, "key_refused"},
		"longer":        {"Bearer " + apiSecret + "0", 401, "key_refused"},
		"empty":         {"Bearer ", 401, "key_refused"},
		"another way":   {"Basic " + apiSecret, 401, "key_refused"},
		"without scope": {"Bearer " + otherKey, 403, "scope_missing"},
		"lower case":    {"bearer " + apiSecret, 201, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.do(call{method: "POST", path: "/api/mattermost/provision", body: body, header: map[string]string{"Authorization": c.authorization}})
			if got.StatusCode != c.status || c.code != "" && got.code(t) != c.code {
				t.Errorf("%d %s", got.StatusCode, got.body)
			}
			if c.status == 401 && got.Header.Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
			if got.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Error("a back-end call is open to browsers")
			}
		})
	}
}

func TestBackEndCallsComeFromAdminNetworksOnly(t *testing.T) {
	h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.AdminNetworks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	if got := h.provision(`{"email":"new@erp.test"}`); got.StatusCode != 403 || got.code(t) != "network_refused" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestEveryKeyHasALimitOfItsOwn(t *testing.T) {
	asked := ""
	h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.ProvisionLimit = func(key string) middleware.Decision {
			asked = key
			return middleware.Decision{Limit: 1, Per: time.Minute, RetryAfter: time.Second}
		}
	})
	if got := h.provision(`{"email":"new@erp.test"}`); got.StatusCode != 429 || asked != "erp" || got.Header.Get("Retry-After") != "1" {
		t.Errorf("%d, asked for %q", got.StatusCode, asked)
	}
}

func TestProvisioningRefusesWhatIsNotTheERPsToChange(t *testing.T) {
	h := newHouse(t)
	h.mm.AddPerson(simulator.Person{Email: "off@erp.test", Inactive: true})
	h.mm.AddPerson(simulator.Person{Email: "bot@erp.test", Bot: true})
	h.mm.AddPerson(simulator.Person{Email: "sso@erp.test", AuthService: "ldap"})
	for body, want := range map[string]string{
		`{"email":"admin@erp.test","first_name":"X"}`:             "409 conflict",
		`{"email":"off@erp.test"}`:                                "409 conflict",
		`{"email":"bot@erp.test"}`:                                "409 conflict",
		`{"email":"sso@erp.test"}`:                                "409 conflict",
		`{"email":"new@erp.test","username":"demo"}`:              "409 conflict",
		`{"email":"demo@erp.test","password":"quiet-harbour-42"}`: "400 invalid_request",
		`{"email":"new@erp.test","password":""}`:                  "400 invalid_request",
		`{"email":"new@erp.test","roles":"system_admin"}`:         "400 invalid_request",
		`{"email":"new@erp.test","Roles":"system_admin"}`:         "400 invalid_request",
		`{"email":"new@erp.test","auth_service":"ldap"}`:          "400 invalid_request",
		`{"email":"new@erp.test","email_verified":true}`:          "400 invalid_request",
		`{"email":"new@erp.test","username":"../../users/me"}`:    "400 invalid_request",
		`{"email":"new@erp.test","teams":[{"name":"nowhere"}]}`:   "400 invalid_request",
		`{"email":"new@erp.test","teams":[{"name":"erp","x":1}]}`: "400 invalid_request",
		`{"email":"new@erp.test","teams":[{"name":"../users"}]}`:  "400 invalid_request",
		`{"email":"new@erp.test","first_name":"a\u202eb"}`:        "400 invalid_request",
		`{"email":"vic..tim@erp.test"}`:                           "400 invalid_request",
		`{}`:                                                      "400 invalid_request",
	} {
		got := h.provision(body)
		if have := strings.Join([]string{http.StatusText(got.StatusCode), got.code(t)}, " "); !strings.HasPrefix(want, got.Status[:3]) || !strings.HasSuffix(want, got.code(t)) {
			t.Errorf("%s: %s, want %s: %s", body, have, want, got.body)
		}
	}
	if h.mm.UserID("new@erp.test") != "" {
		t.Error("a refused request left an account")
	}
}

func TestProvisioningWithoutAnAdminTokenSaysSo(t *testing.T) {
	h := newHouse(t, func(_ *house, o *httpapi.Options, _ *login.Options) { o.Provision = nil })
	if got := h.provision(`{"email":"new@erp.test"}`); got.StatusCode != 503 || got.code(t) != "admin_token_rejected" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestEveryProblemCodeIsInTheDocumentAndTheGuide(t *testing.T) {
	spec := read(t, "openapi.yaml")
	_, enum, _ := strings.Cut(spec, "          enum:\n            - invalid_request")
	enum, _, _ = strings.Cut("            - invalid_request"+enum, "        request_id:")
	var documented []string
	for _, m := range regexp.MustCompile(`- ([a-z_]+)`).FindAllStringSubmatch(enum, -1) {
		documented = append(documented, m[1])
	}
	used := httpapi.Codes()
	slices.Sort(documented)
	slices.Sort(used)
	if diff := cmp.Diff(slices.Compact(used), documented); diff != "" {
		t.Errorf("problems.go and openapi.yaml differ (-code +document): %s", diff)
	}
	guide := read(t, "../../docs/api.md")
	for _, code := range used {
		if !strings.Contains(guide, "`"+code+"`") {
			t.Errorf("docs/api.md does not explain %s", code)
		}
	}
}

func TestEveryCodeIsLookedUpInTheTroubleshootingGuide(t *testing.T) {
	_, elements, _ := strings.Cut(read(t, "../../web/widget/matterpass.d.ts"), "The server's code, or ")
	elements, _, _ = strings.Cut(elements, "*/")
	codes := httpapi.Codes()
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(elements, -1) {
		codes = append(codes, m[1])
	}
	if !slices.Contains(codes, "unreachable") || !slices.Contains(codes, "session_expired") {
		t.Fatalf("matterpass.d.ts is read wrongly: %q", codes)
	}
	guide := read(t, "../../docs/troubleshooting.md")
	for _, code := range codes {
		row := regexp.MustCompile("(?m)^\\|[^|]*`" + code + "`")
		if code != "subject" && !row.MatchString(guide) {
			t.Errorf("docs/troubleshooting.md has no row for %s", code)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
