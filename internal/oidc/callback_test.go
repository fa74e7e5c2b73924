package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"matterpass/internal/login"
	"matterpass/internal/oidc"
)

func TestASignInProvesWhoThePersonIs(t *testing.T) {
	l := newLiar(t)
	got, err := l.signIn(l.party())
	if err != nil {
		t.Fatal(err)
	}
	want := oidc.Finished{
		Proof: login.Proof{
			Identity: login.Identity{
				Issuer: l.URL, Subject: "4711", Email: "dana@erp.test", EmailVerified: true, Name: "Dana Doe", SID: "session-1", MultiFactor: true,
			},
			Way: login.ByOIDC,
		},
		Return: "/erp/channels/town-square", Mode: oidc.Popup, Origin: "https://erp.test", Handle: "h1",
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(login.Proof{}, "ID", "IssuedAt", "ExpiresAt")); diff != "" {
		t.Error(diff)
	}
	if got.Proof.ID == "" || got.Proof.ExpiresAt.Sub(got.Proof.IssuedAt) != oidc.Life {
		t.Errorf("the proof cannot be spent: %q from %s to %s", got.Proof.ID, got.Proof.IssuedAt, got.Proof.ExpiresAt)
	}
	if l.userInfoAsked.Load() != 0 {
		t.Error("userinfo was asked for what the ID token says")
	}
}

func TestTheRequestCarriesWhatTheAnswerIsBoundTo(t *testing.T) {
	l := newLiar(t)
	started := begin(t, l.party())
	u, err := url.Parse(started.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": redirectURL, "scope": "openid profile email", "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q", name, q.Get(name))
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if b, err := base64.RawURLEncoding.DecodeString(q.Get(name)); err != nil || len(b) != 32 {
			t.Errorf("%s is not 256 bits: %q", name, q.Get(name))
		}
	}
	if q.Has("client_secret") || strings.Contains(started.Sealed, q.Get("state")) {
		t.Error("a secret is in the open")
	}
	if started.ID != q.Get("state")[:10] || oidc.FlowID(q) != started.ID {
		t.Errorf("id %q", started.ID)
	}
	other := begin(t, l.party())
	if o, _ := url.Parse(other.URL); o.Query().Get("state") == q.Get("state") || o.Query().Get("nonce") == q.Get("nonce") {
		t.Error("two sign-ins share a secret")
	}
}

func TestIDTokensThatProveNothingAreRefused(t *testing.T) {
	day := 24 * time.Hour
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for name, lie := range map[string]map[string]any{
		"nonce of another sign-in":     {"nonce": "another"},
		"no nonce":                     {"nonce": nil},
		"nonce that is no text":        {"nonce": 7},
		"another issuer":               {"iss": "https://evil.test"},
		"issuer with a slash more":     {"iss": "SLASH"},
		"another audience":             {"aud": "somebody-else"},
		"no audience":                  {"aud": nil},
		"several audiences":            {"aud": []string{clientID, "somebody-else"}},
		"several audiences and azp":    {"aud": []string{clientID, "somebody-else"}, "azp": clientID},
		"azp of another client":        {"azp": "somebody-else"},
		"at_hash of another token":     {"at_hash": base64.RawURLEncoding.EncodeToString(make([]byte, 16))},
		"over":                         {"exp": at(-2 * time.Minute), "iat": at(-3 * time.Minute)},
		"no end":                       {"exp": nil},
		"issued in the future":         {"iat": at(5 * time.Minute)},
		"issued before the sign-in":    {"iat": at(-day)},
		"no time of issue":             {"iat": nil},
		"valid in the future":          {"nbf": at(day)},
		"no subject":                   {"sub": nil},
		"empty subject":                {"sub": ""},
		"subject that is a number":     {"sub": 4711},
		"subject longer than 255":      {"sub": strings.Repeat("x", 256)},
		"subject with a line break":    {"sub": "4711\n"},
		"claims whose source is a lie": {"_claim_names": map[string]string{"email": "src1"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			if lie["iss"] == "SLASH" {
				lie["iss"] = l.URL + "/"
			}
			l.told(func(l *liar) { l.claims = set(lie) })
			got, err := l.signIn(l.party())
			if !errors.Is(err, oidc.ErrInvalid) || got.Proof.Subject != "" {
				t.Errorf("%v, %+v", err, got.Proof)
			}
			if got.Mode != oidc.Popup || got.Handle != "h1" {
				t.Errorf("the window is not known: %+v", got)
			}
		})
	}
}

func TestClocksMayDifferByTheLeeway(t *testing.T) {
	for name, c := range map[string]map[string]any{
		"over for half a minute":    {"exp": time.Now().Add(-30 * time.Second).Unix()},
		"issued in half a minute":   {"iat": time.Now().Add(30 * time.Second).Unix()},
		"issued half a minute ago":  {"iat": time.Now().Add(-30 * time.Second).Unix()},
		"one audience in a list":    {"aud": []string{clientID}, "azp": clientID},
		"without at_hash":           {"at_hash": nil},
		"claims that nobody needs":  {"email_verified_by": 1, "groups": []string{"a"}, "address": map[string]any{"x": 1}},
		"sid and amr of no meaning": {"sid": 7, "amr": "pwd", "acr": 1, "name": nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.told(func(l *liar) { l.claims = set(c) })
			if got, err := l.signIn(l.party()); err != nil || got.Proof.Subject != "4711" {
				t.Errorf("%v, %+v", err, got.Proof)
			}
		})
	}
}

func TestOnlyTheIssuersKeysSign(t *testing.T) {
	strangers, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, sign := range map[string]func(*liar, map[string]any) string{
		"alg none": func(_ *liar, claims map[string]any) string {
			signed := strings.Split(signWith(t, hmacKey(clientSecret, ""), claims, nil), ".")
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + signed[1] + "."
		},
		"HS256 with the client's secret": func(_ *liar, claims map[string]any) string {
			return signWith(t, hmacKey(clientSecret, "hmac"), claims, nil)
		},
		"RS256, which the provider does not announce": func(_ *liar, claims map[string]any) string {
			return signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: strangers}, claims, nil)
		},
		"the issuer's key id and another key": func(l *liar, claims map[string]any) string {
			key, kid := l.key, l.kid
			defer func() { l.key = key }()
			l.key = newECDSA(t)
			l.kid = kid
			return l.signed(claims, nil)
		},
		"a key of its own in the header": func(l *liar, claims map[string]any) string {
			key := l.key
			defer func() { l.key = key }()
			l.key = newECDSA(t)
			return l.signed(claims, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: l.key.Public()}, "jku": "https://evil.test/keys"})
		},
		"a changed payload": func(l *liar, claims map[string]any) string {
			parts := strings.Split(l.signed(claims, nil), ".")
			other := strings.Split(l.signed(with(claims, map[string]any{"sub": "1"}), nil), ".")
			return parts[0] + "." + other[1] + "." + parts[2]
		},
		"a logout token's type": func(l *liar, claims map[string]any) string {
			return l.signed(claims, map[jose.HeaderKey]any{"typ": "logout+jwt"})
		},
		"an access token's type": func(l *liar, claims map[string]any) string {
			return l.signed(claims, map[jose.HeaderKey]any{"typ": "at+jwt"})
		},
		"a claim twice": func(l *liar, _ map[string]any) string { return "e30.e30.e30" },
		"no token":      func(*liar, map[string]any) string { return "<html>" },
		"nothing":       func(*liar, map[string]any) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.told(func(l *liar) { l.sign = func(claims map[string]any) string { return sign(l, claims) } })
			if got, err := l.signIn(l.party()); !errors.Is(err, oidc.ErrInvalid) || got.Proof.Subject != "" {
				t.Errorf("%v, %+v", err, got.Proof)
			}
		})
	}
}

func TestOfTwoAddressesNoneIsBelieved(t *testing.T) {
	l := newLiar(t)
	l.told(func(l *liar) {
		l.sign = func(claims map[string]any) string {
			text := fmt.Sprintf(`{"iss":%q,"sub":"4711","aud":%q,"exp":%d,"iat":%d,"nonce":%q,"email":"dana@erp.test","email":"boss@erp.test","email_verified":true}`,
				claims["iss"], clientID, claims["exp"], claims["iat"], claims["nonce"])
			return l.signedText(text)
		}
	})
	if got, err := l.signIn(l.party()); !errors.Is(err, oidc.ErrInvalid) {
		t.Errorf("%v, %+v", err, got.Proof)
	}
	l.told(func(l *liar) {
		l.sign = nil
		l.claims = set(map[string]any{"email_verified": false, "EMAIL_VERIFIED": true, "Email": "boss@erp.test"})
	})
	if got, err := l.signIn(l.party()); err != nil || got.Proof.EmailVerified || got.Proof.Email != "dana@erp.test" {
		t.Errorf("names are matched in any case: %v, %+v", err, got.Proof)
	}
}

func TestAnAddressCountsAsVerifiedOnlyIfTheIssuerPlainlySaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		claims map[string]any
		email  string
		want   bool
	}{
		"true":          {map[string]any{"email_verified": true}, "dana@erp.test", true},
		"false":         {map[string]any{"email_verified": false}, "dana@erp.test", false},
		"absent":        {map[string]any{"email_verified": nil}, "dana@erp.test", false},
		"the word true": {map[string]any{"email_verified": "true"}, "dana@erp.test", false},
		"one":           {map[string]any{"email_verified": 1}, "dana@erp.test", false},
		"a list":        {map[string]any{"email_verified": []bool{true}}, "dana@erp.test", false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.told(func(l *liar) { l.claims = set(c.claims) })
			got, err := l.signIn(l.party())
			if err != nil || string(got.Proof.Email) != c.email || got.Proof.EmailVerified != c.want {
				t.Errorf("%v, %+v", err, got.Proof.Identity)
			}
		})
	}
}

func TestOneWithoutAUsableAddressIsRefused(t *testing.T) {
	for name, address := range map[string]any{
		"a route": "dana@evil.test@erp.test", "not ASCII": "d\u0430na@erp.test", "a display name": "Dana <dana@erp.test>", "two": "a@erp.test,b@erp.test",
	} {
		l := newLiar(t)
		l.told(func(l *liar) { l.claims = set(map[string]any{"email": address}) })
		if got, err := l.signIn(l.party()); !errors.Is(err, oidc.ErrNoAddress) || got.Proof.Subject != "" {
			t.Errorf("%s: %v, %+v", name, err, got.Proof)
		}
	}
}

func TestANameThatCannotBeShownIsNone(t *testing.T) {
	for name, want := range map[string]string{
		"Dana Doe": "Dana Doe", "Dänä": "Dänä", "Dana\nDoe": "", "Dana\u202e": "", strings.Repeat("x", 129): "", "\x1b]0;": "",
	} {
		l := newLiar(t)
		l.told(func(l *liar) { l.claims = set(map[string]any{"name": name}) })
		if got, err := l.signIn(l.party()); err != nil || got.Proof.Name != want {
			t.Errorf("%q: %v, %q", name, err, got.Proof.Name)
		}
	}
}

func TestUserinfoIsAskedOnceForAnAddressThatTheTokenLeavesOut(t *testing.T) {
	noAddress := func(l *liar) { l.claims = set(map[string]any{"email": nil, "email_verified": true}) }
	tell := func(body string) func(*liar) {
		return func(l *liar) {
			noAddress(l)
			l.userInfo = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
		}
	}
	fail := func(status int) func(*liar) {
		return func(l *liar) {
			noAddress(l)
			l.userInfo = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
		}
	}
	for name, c := range map[string]struct {
		lie      func(*liar)
		err      error
		email    string
		verified bool
	}{
		"address":                             {noAddress, nil, "dana@erp.test", true},
		"address that is not vouched for":     {tell(`{"sub":"4711","email":"dana@erp.test"}`), nil, "dana@erp.test", false},
		"verified as a word":                  {tell(`{"sub":"4711","email":"dana@erp.test","email_verified":"true"}`), nil, "dana@erp.test", false},
		"no address":                          {tell(`{"sub":"4711"}`), oidc.ErrNoAddress, "", false},
		"another person's":                    {tell(`{"sub":"4712","email":"boss@erp.test","email_verified":true}`), oidc.ErrInvalid, "", false},
		"nobody's":                            {tell(`{"email":"boss@erp.test","email_verified":true}`), oidc.ErrInvalid, "", false},
		"a page":                              {tell(`<html>`), oidc.ErrInvalid, "", false},
		"refused":                             {fail(403), oidc.ErrInvalid, "", false},
		"out of order":                        {fail(503), oidc.ErrUnavailable, "", false},
		"larger than a provider's answer may": {tell(`{"sub":"4711","x":"` + strings.Repeat("x", 1<<20) + `"}`), oidc.ErrUnavailable, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.told(c.lie)
			got, err := l.signIn(l.party())
			if !errors.Is(err, c.err) || string(got.Proof.Email) != c.email || got.Proof.EmailVerified != c.verified {
				t.Errorf("%v, %+v", err, got.Proof.Identity)
			}
			if c.err == nil && got.Proof.Name != "Dana Doe" {
				t.Errorf("the token's name is lost: %q", got.Proof.Name)
			}
			if n := l.userInfoAsked.Load(); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
	l := newLiar(t)
	l.told(noAddress)
	l.told(func(l *liar) { l.document = set(map[string]any{"userinfo_endpoint": nil}) })
	if got, err := l.signIn(l.party()); !errors.Is(err, oidc.ErrNoAddress) {
		t.Errorf("without userinfo: %v, %+v", err, got.Proof.Identity)
	}
}

func TestMoreThanOneFactorIsBelievedInPlainWordsOnly(t *testing.T) {
	for name, c := range map[string]struct {
		claims map[string]any
		want   bool
	}{
		"mfa":                  {map[string]any{"amr": []string{"mfa"}}, true},
		"password":             {map[string]any{"amr": []string{"pwd"}}, false},
		"password and code":    {map[string]any{"amr": []string{"pwd", "otp"}}, true},
		"none":                 {map[string]any{"amr": nil}, false},
		"no list of words":     {map[string]any{"amr": []int{1}}, false},
		"REFEDS":               {map[string]any{"amr": nil, "acr": "https://refeds.org/profile/mfa"}, true},
		"PAPE":                 {map[string]any{"amr": nil, "acr": "http://schemas.openid.net/pape/policies/2007/06/multi-factor"}, true},
		"a level of one's own": {map[string]any{"amr": nil, "acr": "2"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.told(func(l *liar) { l.claims = set(c.claims) })
			if got, err := l.signIn(l.party()); err != nil || got.Proof.MultiFactor != c.want {
				t.Errorf("%v, %t", err, got.Proof.MultiFactor)
			}
		})
	}
}
