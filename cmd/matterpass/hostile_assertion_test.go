package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matterpass/internal/simulator"
)

// signed makes a compact JWS with any header, as no library would.
func signed(t *testing.T, header map[string]any, claims map[string]any, sign func(input string) []byte) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign(input))
}

// hs256 signs with a secret of choice.
func hs256(secret []byte) func(string) []byte {
	return func(input string) []byte { return hmacSHA256(secret, input) }
}

// TestAssertionsWithTricksInTheirHeaderOpenNothing: RFC 8725, and what the header
// could have somebody read, fetch or believe.
func TestAssertionsWithTricksInTheirHeaderOpenNothing(t *testing.T) {
	var fetched atomic.Int64
	lure := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched.Add(1) }))
	defer lure.Close()
	d := doorOf(t, "RATE_LIMIT_CLIENT", "10000/1s")
	right := hs256([]byte(jwtSecret))
	for name, tc := range map[string]struct {
		header map[string]any
		sign   func(string) []byte
	}{
		"alg none":                      {map[string]any{"alg": "none", "typ": "JWT"}, func(string) []byte { return []byte{0} }},
		"alg nOnE, signed":              {map[string]any{"alg": "nOnE", "typ": "JWT"}, right},
		"no alg":                        {map[string]any{"typ": "JWT"}, right},
		"another hash":                  {map[string]any{"alg": "HS512", "typ": "JWT"}, right},
		"an asymmetric alg":             {map[string]any{"alg": "RS256", "typ": "JWT"}, right},
		"the empty secret":              {map[string]any{"alg": "HS256", "typ": "JWT"}, hs256(nil)},
		"the secret of /dev/null":       {map[string]any{"alg": "HS256", "typ": "JWT", "kid": "../../../../dev/null"}, hs256([]byte{0})},
		"a kid that is a statement":     {map[string]any{"alg": "HS256", "typ": "JWT", "kid": "x' UNION SELECT 'secret"}, hs256([]byte("secret"))},
		"its own key":                   {map[string]any{"alg": "HS256", "typ": "JWT", "jwk": map[string]any{"kty": "oct", "k": "c2VjcmV0"}}, hs256([]byte("secret"))},
		"a place of its own":            {map[string]any{"alg": "HS256", "typ": "JWT", "jku": lure.URL}, right},
		"a certificate of its own":      {map[string]any{"alg": "HS256", "typ": "JWT", "x5u": lure.URL}, right},
		"certificates in it":            {map[string]any{"alg": "HS256", "typ": "JWT", "x5c": []string{"MIIB"}}, right},
		"something critical":            {map[string]any{"alg": "HS256", "typ": "JWT", "crit": []string{"exp"}, "exp": 1}, right},
		"an unencoded payload":          {map[string]any{"alg": "HS256", "typ": "JWT", "b64": false, "crit": []string{"b64"}}, right},
		"compressed":                    {map[string]any{"alg": "HS256", "typ": "JWT", "zip": "DEF"}, right},
		"no typ":                        {map[string]any{"alg": "HS256"}, right},
		"an access token's typ":         {map[string]any{"alg": "HS256", "typ": "at+jwt"}, right},
		"a navigation's typ":            {map[string]any{"alg": "HS256", "typ": "matterpass-nav+jwt"}, right},
		"a logout token's":              {map[string]any{"alg": "HS256", "typ": "logout+jwt"}, right},
		"typ as a list":                 {map[string]any{"alg": "HS256", "typ": []string{"JWT"}}, right},
		"a nested token":                {map[string]any{"alg": "HS256", "typ": "JWT", "cty": "JWT"}, right},
		"a kid of 7 kB":                 {map[string]any{"alg": "HS256", "typ": "JWT", "kid": strings.Repeat("k", 7<<10)}, right},
		"signed with something similar": {map[string]any{"alg": "HS256", "typ": "JWT"}, hs256([]byte(jwtSecret + "\n"))},
	} {
		token := signed(t, tc.header, claims("4711", "nora@erp.test"), tc.sign)
		d.tells(token)
		got := d.withAssertion(t, token)
		wants(t, name, got, http.StatusUnauthorized, "login_refused")
		d.seen(name, got)
	}
	if n := fetched.Load(); n != 0 {
		t.Errorf("a header had %d addresses fetched", n)
	}
	if n := d.mm.Logins(); n != 0 || d.mm.UserID("nora@erp.test") != "" {
		t.Errorf("Mattermost was asked %d times", n)
	}
	if n := d.decisions("assertion", 23); n != 23 {
		t.Errorf("23 refusals are %d decisions in the log", n)
	}
}

// TestAssertionsWithOddClaimsOpenNothing: everything that must be there, once, and
// of the right type.
func TestAssertionsWithOddClaimsOpenNothing(t *testing.T) {
	d := doorOf(t, "RATE_LIMIT_CLIENT", "10000/1s")
	now := time.Now()
	cases := map[string]map[string]any{}
	for _, name := range []string{"iss", "aud", "sub", "email", "iat", "exp", "jti"} {
		cases["without "+name] = as("4711", "nora@erp.test", name, nil)
		cases[name+" is null"] = as("4711", "nora@erp.test", name, json.RawMessage("null"))
		cases[name+" is an object"] = as("4711", "nora@erp.test", name, map[string]any{"a": 1})
		cases[name+" in capitals"] = as("4711", "nora@erp.test", name, nil, strings.ToUpper(name), "x")
	}
	for name, c := range map[string]map[string]any{
		"verified as text":           as("4711", "nora@erp.test", "email_verified", "true"),
		"verified as a number":       as("4711", "nora@erp.test", "email_verified", 1),
		"an audience like ours":      as("4711", "nora@erp.test", "aud", "matterpass.evil.test"),
		"an audience in capitals":    as("4711", "nora@erp.test", "aud", "Matterpass"),
		"an audience list of others": as("4711", "nora@erp.test", "aud", []string{"a", "b"}),
		"no audience at all":         as("4711", "nora@erp.test", "aud", []string{}),
		"an issuer with a slash":     as("4711", "nora@erp.test", "iss", issuer+"/"),
		"an issuer in capitals":      as("4711", "nora@erp.test", "iss", strings.ToUpper(issuer)),
		"over for a minute":          as("4711", "nora@erp.test", "iat", now.Add(-2*time.Minute).Unix(), "exp", now.Add(-time.Minute).Unix()),
		"of the future":              as("4711", "nora@erp.test", "iat", now.Add(time.Minute).Unix(), "exp", now.Add(2*time.Minute).Unix()),
		"not yet":                    as("4711", "nora@erp.test", "nbf", now.Add(time.Minute).Unix()),
		"over before it began":       as("4711", "nora@erp.test", "exp", now.Add(-time.Second).Unix()),
		"long-lived by an old iat":   as("4711", "nora@erp.test", "iat", now.Add(-time.Hour).Unix()),
		"times as text":              as("4711", "nora@erp.test", "exp", fmt.Sprint(now.Add(time.Minute).Unix())),
		"a time beyond all times":    as("4711", "nora@erp.test", "exp", json.RawMessage("1e300")),
		"an empty subject":           as("", "nora@erp.test"),
		"a subject with a space":     as("47 11", "nora@erp.test"),
		"a subject with NUL":         as("4711\x00", "nora@erp.test"),
		"a subject of a kilobyte":    as(strings.Repeat("4", 1024), "nora@erp.test"),
		"a subject beyond ASCII":     as("４７１１", "nora@erp.test"),
		"a name with a line break":   as("4711", "nora@erp.test", "name", "Nora\r\nX: y"),
		"an address in an address":   as("4711", "nora@erp.test@evil.test"),
		"an address with a name":     as("4711", "Nora <nora@erp.test>"),
		"a Kelvin sign":              as("4711", "\u212aevin@erp.test"),
	} {
		cases[name] = c
	}
	for name, c := range cases {
		got := d.enter(c)
		if got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.body, "login_refused") {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	for name, payload := range map[string]string{
		"a claim twice":     `{"sub":"4711","sub":"1"}`,
		"something after":   `{"sub":"4711"} {}`,
		"a list":            `[]`,
		"nothing":           `null`,
		"deep":              strings.Repeat(`{"a":`, 1500) + "1" + strings.Repeat("}", 1500),
		"no text":           "{\"sub\":\"\xff\"}",
		"a lone surrogate":  `{"sub":"\ud800"}`,
		"a byte order mark": "\ufeff{}",
	} {
		input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		token := input + "." + base64.RawURLEncoding.EncodeToString(hmacSHA256([]byte(jwtSecret), input))
		wants(t, name, d.withAssertion(t, token), http.StatusUnauthorized, "login_refused")
	}
	if d.mm.UserID("nora@erp.test") != "" {
		t.Error("an account was made")
	}
	wants(t, "and a good one", d.enter(claims("4711", "nora@erp.test")), http.StatusOK, "")
}

// TestAnAssertionIsTakenFromOnePlaceAlone: one header, and nothing beside it that
// could be meant instead.
func TestAnAssertionIsTakenFromOnePlaceAlone(t *testing.T) {
	d := doorOf(t, "RATE_LIMIT_CLIENT", "10000/1s")
	good := func() string { return d.assertion("JWT", claims("4711", "nora@erp.test")) }
	const path = "/api/mattermost/login"
	for name, c := range map[string]struct {
		got    answer
		status int
	}{
		"beside a password":         {d.post(path, rightPassword, "Authorization", "Bearer "+good()), 400},
		"beside an address":         {d.post(path, `{"email":"dana@erp.test"}`, "Authorization", "Bearer "+good()), 400},
		"beside another assertion":  {d.post(path, quoted(`{"assertion":%s}`, good())), 400},
		"in the query":              {d.post(path+"?access_token="+good(), ""), 400},
		"in the query and header":   {d.post(path+"?x=1", "", "Authorization", "Bearer "+good()), 400},
		"in the body":               {d.post(path, good()), 400},
		"as Basic":                  {d.post(path, "", "Authorization", "Basic "+good()), 400},
		"as itself":                 {d.post(path, "", "Authorization", good()), 400},
		"two in a list":             {d.post(path, "", "Authorization", "Bearer "+good()+", Bearer "+good()), 401},
		"with something after it":   {d.post(path, "", "Authorization", "Bearer "+good()+" x"), 401},
		"with a space in front":     {d.post(path, "", "Authorization", "Bearer  "+good()), 401},
		"with padding":              {d.post(path, "", "Authorization", "Bearer "+good()+"="), 401},
		"in a JSON serialization":   {d.post(path, "", "Authorization", `Bearer {"payload":"e30","protected":"e30","signature":"e30"}`), 401},
		"encrypted":                 {d.post(path, "", "Authorization", "Bearer a.b.c.d.e"), 401},
		"too long":                  {d.post(path, "", "Authorization", "Bearer "+strings.Repeat("a", 9<<10)), 401},
		"nothing":                   {d.post(path, "", "Authorization", "Bearer "), 400},
		"from another site":         {d.post(path, "", "Authorization", "Bearer "+good(), "Origin", "https://evil.test"), 403},
		"from a sandboxed frame":    {d.post(path, "", "Authorization", "Bearer "+good(), "Origin", "null"), 403},
		"from a sibling":            {d.post(path, "", "Authorization", "Bearer "+good(), "Sec-Fetch-Site", "same-site"), 403},
		"in a cookie":               {d.post(path, "", "Cookie", "erp_chat="+good()), 415},
		"in a header of one's own":  {d.post(path, "", "X-Authorization", "Bearer "+good()), 415},
		"in the proxy's header":     {d.post(path, "", "Proxy-Authorization", "Bearer "+good()), 415},
		"the API key in its place":  {d.post(path, "", "Authorization", "Bearer "+key32), 401},
		"an assertion as API key":   {d.post("/api/mattermost/launch", `{}`, "Authorization", "Bearer "+good()), 401},
		"an assertion as admin key": {ask(t, "POST", "http://"+d.admin+"/admin/links", `{}`, "Authorization", "Bearer "+good()), 401},
	} {
		wants(t, name, c.got, c.status, "")
		d.seen(name, c.got)
	}
	if d.mm.UserID("nora@erp.test") != "" || d.mm.Logins() != 0 {
		t.Error("somebody got in")
	}
}

// TestTwoAuthorizationHeadersAreNotOne: an empty one in front hides the other from
// whoever reads only the first.
func TestTwoAuthorizationHeadersAreNotOne(t *testing.T) {
	d := doorOf(t)
	good := d.assertion("JWT", claims("4711", "nora@erp.test"))
	for name, lines := range map[string]string{
		"twice the same":           "Authorization: Bearer " + good + "\r\nAuthorization: Bearer " + good + "\r\n",
		"an empty one in front":    "Authorization: \r\nAuthorization: Bearer " + good + "\r\n",
		"an empty one behind":      "Authorization: Bearer " + good + "\r\nAuthorization:\r\n",
		"empty, with a password":   "Authorization: \r\n",
		"another spelling":         "Authorization: Bearer " + good + "\r\nAUTHORIZATION: Bearer x\r\n",
		"basic and bearer":         "Authorization: Basic eDp5\r\nAuthorization: Bearer " + good + "\r\n",
		"one that is hop-by-hop":   "Connection: Authorization\r\nAuthorization: Bearer x\r\nAuthorization: Bearer " + good + "\r\n",
		"with a bare line feed":    "Authorization: Bearer x\nAuthorization: Bearer " + good + "\r\n",
		"a space before the colon": "Authorization : Bearer " + good + "\r\n",
	} {
		body := ""
		if strings.Contains(name, "password") || strings.Contains(name, "front") {
			body = rightPassword
		}
		request := "POST /api/mattermost/login HTTP/1.1\r\nHost: chat.example.com\r\nConnection: close\r\n" + lines +
			fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		answer := (&hostile{served: d.served, t: t}).raw(request)
		if got := statuses(answer); len(got) != 1 || got[0] != "400" && got[0] != "401" || strings.Contains(answer, "MMAUTHTOKEN") {
			t.Errorf("%s: %q", name, answer)
		}
	}
	if d.mm.Sessions("nora@erp.test") > 0 || d.mm.Sessions("demo@erp.test") > 0 {
		t.Error("somebody got in")
	}
}

// TestStrangersPayForWhatIsNoProof: whoever sends rubbish in Authorization is
// limited by address, like everybody who sends none.
func TestStrangersPayForWhatIsNoProof(t *testing.T) {
	for name, header := range map[string]string{
		"an assertion that is none": "Bearer a.b.c", "another scheme": "Basic eDp5", "no scheme": "x", "nothing": "Bearer ",
	} {
		t.Run(name, func(t *testing.T) {
			d := doorOf(t, "RATE_LIMIT_CLIENT", "3/1h")
			var last answer
			for range 4 {
				last = d.post("/api/mattermost/login", "", "Authorization", header)
			}
			wants(t, "the fourth", last, http.StatusTooManyRequests, "rate_limited")
			wants(t, "a good one from there", d.enter(claims("4711", "nora@erp.test")), http.StatusOK, "")
		})
	}
}

// TestAnAssertionIsSpentAcrossARestart, also where the clock of the issuer is a
// little off.
func TestAnAssertionIsSpentAcrossARestart(t *testing.T) {
	d := doorOf(t)
	now := time.Now()
	for name, c := range map[string]map[string]any{
		"in time":            claims("1", "one@erp.test"),
		"from the past":      as("2", "two@erp.test", "iat", now.Add(-80*time.Second).Unix(), "exp", now.Add(-20*time.Second).Unix()),
		"from the near past": as("3", "three@erp.test", "iat", now.Add(-20*time.Second).Unix()),
	} {
		// A database is younger than what was issued before it; see the store.
		token := d.assertion("JWT", c)
		first := d.withAssertion(t, token)
		if first.StatusCode == http.StatusOK {
			wants(t, name+", again", d.withAssertion(t, token), http.StatusUnauthorized, "assertion_spent")
			d.again()
		} else if !strings.Contains(first.body, "assertion_spent") {
			t.Errorf("%s: %d %s", name, first.StatusCode, first.body)
		}
		wants(t, name+", after a restart", d.withAssertion(t, token), http.StatusUnauthorized, "assertion_spent")
	}
}

func TestOneAssertionIsOneSessionUnderARace(t *testing.T) {
	d := doorOf(t, "RATE_LIMIT_IDENTITY", "1000/1s")
	token := d.assertion("JWT", claims("4711", "nora@erp.test"))
	var in, spent atomic.Int64
	inParallel(100, 50, func(int) {
		switch got := d.withAssertion(t, token); {
		case got.StatusCode == http.StatusOK:
			in.Add(1)
		case got.StatusCode == http.StatusUnauthorized && strings.Contains(got.body, "assertion_spent"):
			spent.Add(1)
		default:
			t.Errorf("%d %s", got.StatusCode, got.body)
		}
	})
	if in.Load() != 1 || spent.Load() != 99 || d.mm.Sessions("nora@erp.test") != 1 {
		t.Errorf("%d got in and %d were refused; Mattermost has %d sessions", in.Load(), spent.Load(), d.mm.Sessions("nora@erp.test"))
	}
	if n := d.decisions("assertion", 100); n != 100 {
		t.Errorf("100 tries are %d decisions in the log", n)
	}
}

// TestAnAdministratorCannotBeBecome by whatever an assertion says.
func TestAnAdministratorCannotBeBecome(t *testing.T) {
	d := doorOf(t)
	for name, c := range map[string]map[string]any{
		"by address":         claims("1", simulator.AdminEmail),
		"in capitals":        claims("2", "ADMIN@ERP.TEST"),
		"with rights":        as("3", simulator.AdminEmail, "roles", "system_user", "amr", []string{"mfa"}),
		"by the account id":  as(d.mm.UserID(simulator.AdminEmail), simulator.AdminEmail),
		"with all scopes":    as("4", simulator.AdminEmail, "scope", "admin", "groups", []string{"system_admin"}),
		"as a machine would": as("5", simulator.AdminEmail, "act", map[string]string{"sub": "admin"}),
	} {
		wants(t, name, d.enter(c), http.StatusConflict, "conflict")
	}
}

// TestWhoIsNotProvisionedKeepsTheAssertion, where signing in makes no accounts.
func TestWhoIsNotProvisionedKeepsTheAssertion(t *testing.T) {
	d := doorOf(t, "PROVISION_ON_SIGN_IN", "off")
	token := d.assertion("JWT", claims("4711", "nora@corp.com"))
	got := d.withAssertion(t, token)
	wants(t, "before", got, http.StatusForbidden, "not_provisioned")
	if strings.Contains(got.body, `"spent":true`) || d.mm.UserID("nora@corp.com") != "" {
		t.Errorf("%s", got.body)
	}
	wants(t, "provisioned", d.provision(`{"email":"nora@corp.com"}`), http.StatusCreated, "")
	wants(t, "the same assertion", d.withAssertion(t, token), http.StatusOK, "")
}

// TestASessionThatNobodyWaitsForIsEnded: its cookies reach no browser, so nobody
// could sign out of it.
func TestASessionThatNobodyWaitsForIsEnded(t *testing.T) {
	for mint, env := range eachMint() {
		t.Run(mint, func(t *testing.T) {
			d, mattermost := doorBetween(t, env...)
			wants(t, "her account", d.enter(claims("4711", "nora@corp.com")), http.StatusOK, "")
			d.mm.RevokeSessions("nora@corp.com")
			asked, gone := make(chan struct{}), make(chan struct{})
			var once sync.Once
			mattermost.set(func(_ http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/mint") || strings.HasSuffix(r.URL.Path, "/login") {
					once.Do(func() { close(asked) })
					<-gone
				}
				return false
			})
			conn, err := net.Dial("tcp", d.addr)
			if err != nil {
				t.Fatal(err)
			}
			token := d.assertion("JWT", claims("4711", "nora@corp.com"))
			_, _ = io.WriteString(conn, "POST /api/mattermost/login HTTP/1.1\r\nHost: chat.example.com\r\nContent-Length: 0\r\nAuthorization: Bearer "+token+"\r\n\r\n")
			<-asked
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
			time.Sleep(100 * time.Millisecond) // the server notices that its client left
			close(gone)
			if n := d.decisions("assertion", 2); n != 2 {
				t.Errorf("%d decisions", n)
			}
			eventually(t, "it is over", func() bool { return d.mm.Sessions("nora@corp.com") == 0 })
			wants(t, "the assertion", d.withAssertion(t, token), http.StatusUnauthorized, "assertion_spent")
		})
	}
}
