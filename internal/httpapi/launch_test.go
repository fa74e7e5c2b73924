package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"matterpass/internal/email"
	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/middleware"
	"matterpass/internal/simulator"
	"matterpass/web"
)

// launching is a house whose key speaks of the people that its store knows.
func launching(t *testing.T, change ...func(*house, *httpapi.Options, *login.Options)) *house {
	t.Helper()
	wire := func(_ *house, o *httpapi.Options, lo *login.Options) {
		o.Keys[0].Issuer, o.Launch = idpIssuer, web.Launch()
		lo.Verifier = verifier{}
	}
	return signedInBy(t, &idp{}, append([]func(*house, *httpapi.Options, *login.Options){wire}, change...)...)
}

// verifier takes "good", and says what is wrong with the rest.
type verifier struct{}

func (verifier) Verify(_ context.Context, assertion string, _ login.Use) (login.Proof, error) {
	switch assertion {
	case "good":
		return finished("").Proof, nil
	case "no keys":
		return login.Proof{}, login.ErrKeysUnavailable
	default:
		return login.Proof{}, fmt.Errorf("%w: it is not signed", login.ErrRefused)
	}
}

func (h *house) launch(body string) answer {
	h.t.Helper()
	return h.do(call{method: "POST", path: "/api/mattermost/launch", body: body, header: map[string]string{"Authorization": "Bearer " + apiSecret}})
}

func (h *house) ticket(more string) string {
	h.t.Helper()
	return h.ticketFor(`{"subject":"4711","email":"demo@erp.test","origin":"` + erpOrigin + `"` + more + `}`)
}

func (h *house) ticketFor(body string) string {
	h.t.Helper()
	got := h.launch(body)
	address, _ := got.json(h.t)["url"].(string)
	text, found := strings.CutPrefix(address, chatOrigin+"/launch#")
	if got.StatusCode != http.StatusCreated || !found {
		h.t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	return text
}

func (h *house) redeem(body string, cookies ...*http.Cookie) answer {
	h.t.Helper()
	return h.do(call{method: "POST", path: "/api/mattermost/launch/redeem", body: body, cookies: cookies, header: map[string]string{"Sec-Fetch-Site": "same-origin"}})
}

func framed(text string) string {
	return fmt.Sprintf(`{"ticket":%q,"embedder":%q}`, text, erpOrigin)
}

func TestATicketIsASessionOnceInItsPage(t *testing.T) {
	h := launching(t)
	text := h.ticket(`,"name":"Demo","target":"/erp/channels/orders"`)
	if got := h.redeem(fmt.Sprintf(`{"ticket":%q,"embedder":"https://evil.test"}`, text)); got.StatusCode != http.StatusForbidden || got.code(t) != "embedder_refused" {
		t.Errorf("another page: %d %s", got.StatusCode, got.body)
	}
	if got := h.redeem(fmt.Sprintf(`{"ticket":%q}`, text)); got.code(t) != "confirmation_required" || got.json(t)["name"] != "Demo" {
		t.Errorf("a tab: %d %s", got.StatusCode, got.body)
	}
	got := h.redeem(framed(text))
	if got.StatusCode != http.StatusOK || got.json(t)["url"] != chatOrigin+"/erp/channels/orders" || named(got.Cookies(), "MMAUTHTOKEN") == nil {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if again := h.redeem(framed(text)); again.StatusCode != http.StatusGone || again.code(t) != "ticket_spent" || again.json(t)["spent"] != true {
		t.Errorf("again: %d %s", again.StatusCode, again.body)
	}
	if record := h.record(4); record.Code != "ticket_spent" {
		t.Errorf("recorded as %q", record.Code)
	}
}

func TestSomebodyElsesSessionIsNotReplacedUnasked(t *testing.T) {
	h := launching(t)
	dana := h.signIn(simulator.DanaEmail, h.mm.Password())
	text := h.ticket("")
	if got := h.redeem(framed(text), dana.Cookies()...); got.code(t) != "confirmation_required" || got.json(t)["name"] != "demo@erp.test" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := h.redeem(strings.Replace(framed(text), "}", `,"confirmed":true}`, 1), dana.Cookies()...); got.StatusCode != http.StatusOK {
		t.Errorf("confirmed: %d %s", got.StatusCode, got.body)
	}
}

func TestLaunchesThatAreRefused(t *testing.T) {
	h := launching(t)
	for body, field := range map[string]string{
		`{"subject":"4711","email":"demo@erp.test","origin":"https://evil.test"}`:                         "origin",
		`{"subject":"","email":"demo@erp.test","origin":"` + erpOrigin + `"}`:                             "subject",
		`{"subject":"4711","email":"demo","origin":"` + erpOrigin + `"}`:                                  "email",
		`{"subject":"4711","email":"demo@erp.test","origin":"` + erpOrigin + `","target":"//evil.test"}`:  "target",
		`{"subject":"4711","email":"demo@erp.test","origin":"` + erpOrigin + `","target":"/embed"}`:       "target",
		`{"subject":"4711","email":"demo@erp.test","origin":"` + erpOrigin + `","roles":"system_admin"}`:  "roles",
		`{"subject":"4711","email":"demo@erp.test","origin":"` + erpOrigin + `","email_verified":"true"}`: "email_verified",
	} {
		got := h.launch(body)
		if detail, _ := got.json(t)["detail"].(string); got.StatusCode != http.StatusBadRequest || !strings.HasPrefix(detail, field) {
			t.Errorf("%s: %d %s", body, got.StatusCode, got.body)
		}
	}
	if got := h.do(call{method: "POST", path: "/api/mattermost/launch", body: `{}`, header: map[string]string{"Authorization": "Bearer " + otherKey}}); got.code(t) != "scope_missing" {
		t.Errorf("another scope: %s", got.body)
	}
}

func TestARequiredKeyThatIsNotThereIsNamed(t *testing.T) {
	h := launching(t)
	const whose = `{"subject":"4711","email":"demo@erp.test"`
	for field, got := range map[string]answer{
		"origin":       h.launch(whose + `}`),
		"origin: is":   h.launch(whose + `,"origin":null}`),
		"ticket":       h.redeem(`{}`),
		"ticket: is r": h.redeem(`{"ticket":null,"confirmed":true}`),
	} {
		if detail, _ := got.json(t)["detail"].(string); got.code(t) != "invalid_request" || !strings.HasPrefix(detail, field) || !strings.Contains(detail, ": is required") {
			t.Errorf("%s: %d %s", field, got.StatusCode, got.body)
		}
	}
	if got := h.redeem(`{"ticket":""}`); got.code(t) != "ticket_spent" { // the page without a fragment
		t.Errorf("an empty ticket: %d %s", got.StatusCode, got.body)
	}
}

func TestWithoutAWayToMakeSessionsNothingIsLaunched(t *testing.T) {
	h := newHouse(t)
	if got := h.launch(`{}`); got.StatusCode != http.StatusServiceUnavailable || got.code(t) != "mint_unavailable" {
		t.Errorf("launch: %d %s", got.StatusCode, got.body)
	}
	if got := h.redeem(`{"ticket":"x"}`); got.code(t) != "ticket_spent" {
		t.Errorf("redeem: %s", got.body)
	}
	if got := h.do(call{method: "GET", path: "/launch"}); got.StatusCode != http.StatusNotFound {
		t.Errorf("page: %d", got.StatusCode)
	}
}

func TestOnlyOurOwnPagesRedeem(t *testing.T) {
	h := launching(t)
	for name, tc := range map[string]struct {
		header map[string]string
		want   int
	}{
		"the browser's word":    {map[string]string{"Sec-Fetch-Site": "same-origin"}, http.StatusGone},
		"an older browser's":    {map[string]string{"Origin": chatOrigin}, http.StatusGone},
		"the ERP's page":        {map[string]string{"Origin": erpOrigin}, http.StatusForbidden},
		"a neighbour":           {map[string]string{"Sec-Fetch-Site": "same-site", "Origin": chatOrigin}, http.StatusForbidden},
		"a program":             {nil, http.StatusForbidden},
		"the address bar":       {map[string]string{"Sec-Fetch-Site": "none"}, http.StatusForbidden},
		"a page without a name": {map[string]string{"Origin": "null"}, http.StatusForbidden},
	} {
		header := map[string]string{}
		for k, v := range tc.header {
			header[k] = v
		}
		got := h.do(call{method: "POST", path: "/api/mattermost/launch/redeem", body: `{"ticket":"mt1_x"}`, header: header})
		if got.StatusCode != tc.want {
			t.Errorf("%s: %d, want %d", name, got.StatusCode, tc.want)
		}
	}
}

func TestTheLaunchPageKeepsTheTicketToItself(t *testing.T) {
	h := launching(t)
	got := h.do(call{method: "GET", path: "/launch"})
	if got.StatusCode != http.StatusOK || !strings.Contains(string(got.body), erpOrigin) {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if policy := got.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'self' "+erpOrigin) || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if got.Header.Get("Referrer-Policy") != "no-referrer" || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", got.Header)
	}
	for _, name := range []string{"launch.js", "embedder.js"} {
		if got := h.do(call{method: "GET", path: "/launch/" + name}); got.StatusCode != http.StatusOK || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
	}
}

func (h *house) assert(assertion, body string) answer {
	h.t.Helper()
	return h.do(call{method: "POST", path: "/api/mattermost/login", body: body, header: map[string]string{"Authorization": "Bearer " + assertion, "Origin": erpOrigin}})
}

func TestAnAssertionNeedsNoBody(t *testing.T) {
	h := launching(t)
	if got := h.assert("good", ""); got.StatusCode != http.StatusOK || got.json(t)["user"].(map[string]any)["email"] != "demo@erp.test" {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if got := h.assert("good", ""); got.StatusCode != http.StatusUnauthorized || got.code(t) != "assertion_spent" || got.json(t)["spent"] != true {
		t.Errorf("again: %d %s", got.StatusCode, got.body)
	}
	for name, tc := range map[string]struct{ assertion, body, code string }{
		"a bad one":             {"bad", "", "login_refused"},
		"no keys to check it":   {"no keys", "", "keys_unavailable"},
		"beside a password":     {"good", `{"email":"demo@erp.test","password":"x"}`, "invalid_request"},
		"with a code that's no": {"good", `{"mfa_code":"12ab"}`, "invalid_request"},
		"with two bearers":      {"good good", "", "login_refused"},
	} {
		if got := h.assert(tc.assertion, tc.body); got.code(t) != tc.code {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
}

func TestStrangersArePaidForByTheirAddressAndTheOthersByTheirPerson(t *testing.T) {
	asked := 0
	h := launching(t, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.ClientLimiter = counting(func() middleware.Decision {
			asked++
			return middleware.Decision{OK: asked < 3, Limit: 2, RetryAfter: 1}
		})
	})
	if got := h.assert("good", ""); got.StatusCode != http.StatusOK || asked != 0 {
		t.Errorf("a good proof: %d, asked %d times", got.StatusCode, asked)
	}
	for i, want := range []string{"login_refused", "login_refused", "rate_limited"} {
		if got := h.assert("bad", ""); got.code(t) != want {
			t.Errorf("bad %d: %s", i, got.body)
		}
	}
	if got := h.redeem(`{"ticket":"mt1_x"}`); got.code(t) != "rate_limited" || got.Header.Get("Retry-After") == "" {
		t.Errorf("a made-up ticket: %s", got.body)
	}
}

type counting func() middleware.Decision

func (f counting) Allow(*http.Request) middleware.Decision { return f() }

func TestProblemsOfSessionsWithoutAPasswordAreToldApart(t *testing.T) {
	for code, tc := range map[string]struct {
		err    error
		status int
	}{
		"conflict":          {login.ErrConflict, 409},
		"not_provisioned":   {login.ErrNotProvisioned, 403},
		"mint_refused":      {login.ErrMintRefused, 403},
		"mint_unavailable":  {login.ErrMintUnavailable, 503},
		"store_unavailable": {login.ErrStoreUnavailable, 503},
		"seat_limit":        {login.ErrSeatLimit, 422},
		"mfa_required":      {&login.Refusal{NeedsCode: true, Counted: true}, 401},
	} {
		h := launching(t, func(_ *house, _ *httpapi.Options, lo *login.Options) {
			lo.Minter = minter(func(login.Minting) (login.Session, error) { return login.Session{}, tc.err })
		})
		got := h.assert("good", "")
		if got.StatusCode != tc.status || got.code(t) != code || got.json(t)["spent"] != true {
			t.Errorf("%s: %d %s", code, got.StatusCode, got.body)
		}
		if tc.status == 503 && got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", code)
		}
	}
}

// signed takes what its id says, after it has seen the body.
type signed func(body []byte) (string, error)

func (f signed) Verify(_ context.Context, _ *http.Request, body []byte) (string, error) {
	return f(body)
}

func TestASignatureStandsInForAKey(t *testing.T) {
	var seen []byte
	h := launching(t, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.SigningKeys = []httpapi.Key{{ID: "signer", Secret: strings.Repeat("s", 32), Issuer: idpIssuer, Scopes: []string{"launch"}}}
		o.Signatures = signed(func(body []byte) (string, error) {
			seen = slices.Clone(body)
			if strings.Contains(string(body), "stranger") {
				return "stranger", nil
			}
			return "signer", nil
		})
	})
	sign := func(body string, more ...string) answer {
		header := map[string]string{"Signature-Input": "x", "Signature": "x"}
		for i := 0; i+1 < len(more); i += 2 {
			header[more[i]] = more[i+1]
		}
		return h.do(call{method: "POST", path: "/api/mattermost/launch", body: body, header: header})
	}
	body := `{"subject":"4711","email":"demo@erp.test","origin":"` + erpOrigin + `"}`
	if got := sign(body); got.StatusCode != http.StatusCreated || string(seen) != body {
		t.Errorf("%d %s, signed %q", got.StatusCode, got.body, seen)
	}
	if got := sign(`{"stranger":1}`); got.code(t) != "key_refused" {
		t.Errorf("a key that is gone: %s", got.body)
	}
	if got := sign(body, "Authorization", "Bearer "+apiSecret); got.code(t) != "key_refused" {
		t.Errorf("both at once: %s", got.body)
	}
	if got := h.do(call{method: "POST", path: "/api/mattermost/launch", body: body, header: map[string]string{"Authorization": "Bearer " + strings.Repeat("s", 32)}}); got.code(t) != "key_refused" {
		t.Errorf("a signing key as a bearer: %s", got.body)
	}
	if got := h.do(call{method: "POST", path: "/api/mattermost/provision", body: `{"email":"demo@erp.test"}`, header: map[string]string{"Signature-Input": "x", "Signature": "x"}}); got.code(t) != "scope_missing" {
		t.Errorf("another scope: %s", got.body)
	}
}

func TestPeopleWhoAreFoundByTheirAddressOnly(t *testing.T) {
	h := launching(t, func(_ *house, _ *httpapi.Options, lo *login.Options) { lo.People = nobodyKnown{} })
	got := h.assert("good", "")
	if got.code(t) != "conflict" { // the linked account is gone
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

type nobodyKnown struct{}

func (nobodyKnown) AccountByID(context.Context, string) (login.Account, error) {
	return login.Account{}, login.ErrUnknown
}

func (nobodyKnown) AccountByEmail(context.Context, email.Address) (login.Account, error) {
	return login.Account{}, errors.ErrUnsupported
}
