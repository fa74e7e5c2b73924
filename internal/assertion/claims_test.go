package assertion_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"matterpass/internal/assertion"
	"matterpass/internal/login"
)

func TestClaimsThatDoNotHoldAreRefused(t *testing.T) {
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	cases := map[string]object{
		"no iss":                      {"iss": nil},
		"another issuer":              {"iss": "https://evil.example"},
		"issuer with a slash more":    {"iss": issuer + "/"},
		"issuer in another case":      {"iss": strings.ToUpper(issuer)},
		"issuers in a list":           {"iss": []string{issuer}},
		"no aud":                      {"aud": nil},
		"another audience":            {"aud": "other"},
		"audience in another case":    {"aud": "Matterpass"},
		"audience as a part":          {"aud": "matterpass.evil"},
		"audiences without ours":      {"aud": []string{"a", "b"}},
		"empty audiences":             {"aud": []string{}},
		"audience an object":          {"aud": object{"matterpass": true}},
		"audiences not all strings":   {"aud": []any{"matterpass", 1}},
		"no sub":                      {"sub": nil},
		"empty sub":                   {"sub": ""},
		"sub a number":                {"sub": 4711},
		"sub of 256 characters":       {"sub": strings.Repeat("a", 256)},
		"sub with a space":            {"sub": "a b"},
		"sub with a zero byte":        {"sub": "a\x00b"},
		"sub of another script":       {"sub": "аdmin"},
		"no jti":                      {"jti": nil},
		"empty jti":                   {"jti": ""},
		"jti of 256 characters":       {"jti": strings.Repeat("a", 256)},
		"jti a number":                {"jti": 1},
		"jti with a line break":       {"jti": "a\nb"},
		"no email":                    {"email": nil},
		"email not an address":        {"email": "dana"},
		"email with two dots":         {"email": "da..na@erp.test"},
		"email of another script":     {"email": "dаna@erp.test"},
		"email with a space":          {"email": " dana@erp.test"},
		"emails in a list":            {"email": []string{"dana@erp.test", "admin@erp.test"}},
		"email_verified in words":     {"email_verified": "true"},
		"email_verified as a number":  {"email_verified": 1},
		"name of 129 characters":      {"name": strings.Repeat("ü", 129)},
		"name with a line break":      {"name": "Dana\nAdmin"},
		"name written right to left":  {"name": "Dana\u202enimdA"},
		"name an object":              {"name": object{"first": "Dana"}},
		"sid with a space":            {"sid": "a b"},
		"amr a string":                {"amr": "mfa"},
		"amr with a number":           {"amr": []any{"mfa", 1}},
		"no iat":                      {"iat": nil},
		"no exp":                      {"exp": nil},
		"expired":                     {"iat": at(-2 * time.Minute), "exp": at(-30 * time.Second)},
		"issued in the future":        {"iat": at(31 * time.Second), "exp": at(time.Minute)},
		"not yet valid":               {"nbf": at(31 * time.Second)},
		"lives too long":              {"exp": at(5*time.Minute + time.Second)},
		"lives for ever":              {"exp": int64(lastSecond)},
		"ends before it begins":       {"exp": at(-time.Second)},
		"ends as it begins":           {"exp": at(0)},
		"iat in words":                {"iat": strconv.FormatInt(at(0), 10)},
		"exp in words":                {"exp": "2026-11-24T09:01:00Z"},
		"exp a boolean":               {"exp": true},
		"iat negative":                {"iat": -1},
		"iat zero":                    {"iat": 0},
		"exp in milliseconds":         {"exp": now.Add(time.Minute).UnixMilli()},
		"exp beyond the year 9999":    {"exp": int64(lastSecond) + 1},
		"nbf in words":                {"nbf": "0"},
		"claims in another case only": {"sub": nil, "SUB": "4711"},
	}
	v := newVerifier(t)
	for name, changes := range cases {
		t.Run(name, func(t *testing.T) {
			mustRefuse(t, v, hs256(plainHeader().json(t), plainClaims().with(changes).json(t)))
		})
	}
}

const lastSecond = 253402300799

func TestPayloadsThatTwoParsersReadDifferentlyAreRefused(t *testing.T) {
	rest := strings.TrimPrefix(plainClaims().json(t), "{")
	cases := map[string]string{
		"sub twice":                  `{"sub":"admin",` + rest,
		"email twice, escaped":       `{"\u0065mail":"admin@erp.test",` + rest,
		"a claim twice further down": `{"x":[{"a":1,"a":2}],` + rest,
		"1e400 as exp":               strings.Replace(plainClaims().with(object{"exp": "EXP"}).json(t), `"EXP"`, "1e400", 1),
		"-1e400 as iat":              strings.Replace(plainClaims().with(object{"iat": "IAT"}).json(t), `"IAT"`, "-1e400", 1),
		"NaN as exp":                 strings.Replace(plainClaims().with(object{"exp": "EXP"}).json(t), `"EXP"`, "NaN", 1),
		"hexadecimal exp":            strings.Replace(plainClaims().with(object{"exp": "EXP"}).json(t), `"EXP"`, "0x7fffffff", 1),
		"null as exp":                strings.Replace(plainClaims().with(object{"exp": "EXP"}).json(t), `"EXP"`, "null", 1),
		"null as aud":                strings.Replace(plainClaims().with(object{"aud": "AUD"}).json(t), `"AUD"`, "null", 1),
		"null as sub":                strings.Replace(plainClaims().with(object{"sub": "SUB"}).json(t), `"SUB"`, "null", 1),
		"an array":                   "[" + plainClaims().json(t) + "]",
		"a string":                   `"claims"`,
		"two objects":                plainClaims().json(t) + plainClaims().json(t),
		"cut":                        strings.TrimSuffix(plainClaims().json(t), "}"),
		"a comment":                  `{/* */` + rest,
		"not UTF-8":                  "{\"x\":\"\xff\"," + rest,
		"a lone surrogate":           `{"x":"\ud800",` + rest,
	}
	v := newVerifier(t)
	for name, payload := range cases {
		t.Run(name, func(t *testing.T) { mustRefuse(t, v, hs256(plainHeader().json(t), payload)) })
	}
}

func TestClaimsAtTheEdgeAreAccepted(t *testing.T) {
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	cases := map[string]object{
		"audience among several":                {"aud": []string{"other", "matterpass"}, "azp": "whoever"},
		"clock behind by the leeway":            {"iat": at(30 * time.Second), "exp": at(time.Minute)},
		"just within the leeway":                {"iat": at(-time.Minute), "exp": at(-29 * time.Second)},
		"nbf at the leeway":                     {"nbf": at(30 * time.Second)},
		"nbf long ago":                          {"nbf": 1},
		"longest life":                          {"exp": at(5 * time.Minute)},
		"fractions of seconds":                  {"iat": float64(at(0)) + 0.25, "exp": float64(at(0)) + 60.5},
		"sub of 255 characters":                 {"sub": strings.Repeat("a", 255)},
		"name of 128 characters":                {"name": strings.Repeat("ü", 128)},
		"an address not vouched for":            {"email_verified": false},
		"claims of others":                      {"roles": []string{"system_admin"}, "Email": "x@y.test", "EXP": "never"},
		"an explicit null for what is optional": {"x": []any{nil}},
	}
	v := newVerifier(t)
	for name, changes := range cases {
		t.Run(name, func(t *testing.T) {
			proof, err := v.Verify(t.Context(), hs256(plainHeader().json(t), plainClaims().with(changes).json(t)), login.ForSignIn)
			if err != nil {
				t.Fatal(err)
			}
			if proof.EmailVerified || proof.MultiFactor || proof.Email != "dana@erp.test" {
				t.Errorf("got %+v", proof)
			}
		})
	}
}

func TestScientificNotationIsANumber(t *testing.T) {
	payload := strings.Replace(plainClaims().with(object{"iat": "IAT"}).json(t), `"IAT"`, "1.7955108E9", 1)
	v := newVerifier(t, func(o *assertion.Options) {
		o.Now = func() time.Time { return time.Unix(1795510800, 0) }
	})
	payload = strings.Replace(payload, strconv.FormatInt(now.Add(time.Minute).Unix(), 10), "1795510860", 1)
	if _, err := v.Verify(t.Context(), hs256(plainHeader().json(t), payload), login.ForSignIn); err != nil {
		t.Error(err)
	}
}

func TestTwoKindsOfEvidenceAreMultiFactor(t *testing.T) {
	cases := map[string]struct {
		amr  []string
		want bool
	}{
		"said so":              {[]string{"mfa"}, true},
		"password and code":    {[]string{"pwd", "otp"}, true},
		"device and finger":    {[]string{"hwk", "fpt"}, true},
		"PIN and smart card":   {[]string{"pin", "sc"}, true},
		"none":                 {nil, false},
		"password":             {[]string{"pwd"}, false},
		"two passwords":        {[]string{"pwd", "pin", "kba"}, false},
		"two devices":          {[]string{"otp", "sms"}, false},
		"place and password":   {[]string{"geo", "pwd", "rba", "user", "wia", "mca"}, false},
		"unknown ones":         {[]string{"magic", "trust"}, false},
		"in another case":      {[]string{"MFA"}, false},
		"password and unknown": {[]string{"pwd", "otp2"}, false},
	}
	v := newVerifier(t)
	for name, c := range cases {
		text := hs256(plainHeader().json(t), plainClaims().with(object{"amr": append([]string{}, c.amr...)}).json(t))
		proof, err := v.Verify(t.Context(), text, login.ForSignIn)
		if err != nil || proof.MultiFactor != c.want {
			t.Errorf("%s: %t, %v", name, proof.MultiFactor, err)
		}
	}
}
