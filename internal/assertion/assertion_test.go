package assertion_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/assertion"
	"matterpass/internal/login"
)

func TestAnAssertionBecomesAProof(t *testing.T) {
	text := hs256(plainHeader().json(t), plainClaims().with(object{
		"email": "Dana@ERP.test", "email_verified": true, "name": "Dana Müller", "sid": "s-1", "amr": []string{"pwd", "otp"},
	}).json(t))
	got, err := newVerifier(t).Verify(t.Context(), text, login.ForSignIn)
	if err != nil {
		t.Fatal(err)
	}
	want := login.Proof{
		Identity: login.Identity{
			Issuer: issuer, Subject: "4711", Email: "dana@erp.test", EmailVerified: true,
			Name: "Dana Müller", SID: "s-1", MultiFactor: true,
		},
		Way: login.ByAssertion, ID: "j-1", IssuedAt: now, ExpiresAt: now.Add(90 * time.Second),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryUseHasItsOwnType(t *testing.T) {
	cases := map[string]struct {
		typ      any
		use      login.Use
		accepted bool
	}{
		"sign-in":                        {"matterpass+jwt", login.ForSignIn, true},
		"sign-in, plain":                 {"JWT", login.ForSignIn, true},
		"sign-in, as a media type":       {"application/matterpass+jwt", login.ForSignIn, true},
		"sign-in, in another case":       {"Application/MatterPass+JWT", login.ForSignIn, true},
		"sign-in by a navigation's":      {"matterpass-nav+jwt", login.ForSignIn, false},
		"sign-in by a logout token":      {"logout+jwt", login.ForSignIn, false},
		"sign-in by an access token":     {"at+jwt", login.ForSignIn, false},
		"sign-in without a type":         {nil, login.ForSignIn, false},
		"sign-in with an empty type":     {"", login.ForSignIn, false},
		"sign-in with two types":         {[]string{"JWT"}, login.ForSignIn, false},
		"sign-in with a doubled prefix":  {"application/application/jwt", login.ForSignIn, false},
		"navigation":                     {"matterpass-nav+jwt", login.ForNavigation, true},
		"navigation by a sign-in's":      {"matterpass+jwt", login.ForNavigation, false},
		"navigation by an ordinary JWT":  {"JWT", login.ForNavigation, false},
		"navigation without a type":      {nil, login.ForNavigation, false},
		"navigation with trailing space": {"matterpass-nav+jwt ", login.ForNavigation, false},
	}
	v := newVerifier(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := hs256(plainHeader().with(object{"typ": c.typ}).json(t), plainClaims().json(t))
			proof, err := v.Verify(t.Context(), text, c.use)
			if accepted := err == nil; accepted != c.accepted {
				t.Fatalf("got %v", err)
			}
			if c.accepted && (proof.Way == login.ByNavigation) != (c.use == login.ForNavigation) {
				t.Errorf("the way is %s", proof.Way)
			}
		})
	}
}

func TestAHeaderChoosesNothing(t *testing.T) {
	v := newVerifier(t)
	genuine := hs256(plainHeader().json(t), plainClaims().json(t))
	parts := strings.Split(genuine, ".")
	header := func(changes object) string {
		return hs256(plainHeader().with(changes).json(t), plainClaims().json(t))
	}
	raw := func(text string) string { return hs256(text, plainClaims().json(t)) }
	cases := map[string]string{
		"empty":                          "",
		"one part":                       parts[0],
		"two parts":                      parts[0] + "." + parts[1],
		"four parts":                     genuine + ".x",
		"five parts, as an encrypted":    genuine + "..x",
		"no signature":                   parts[0] + "." + parts[1] + ".",
		"detached payload":               parts[0] + ".." + parts[2],
		"tampered header":                tamper(genuine, 0),
		"tampered payload":               tamper(genuine, 1),
		"tampered signature":             tamper(genuine, 2),
		"cut signature":                  genuine[:len(genuine)-4],
		"signature in another spelling":  respell(t, genuine, 2),
		"header in another spelling":     respell(t, hs256(plainHeader().with(object{"x": "12"}).json(t), plainClaims().json(t)), 0),
		"leading space":                  " " + genuine,
		"trailing line break":            genuine + "\n",
		"line break inside":              genuine[:20] + "\n" + genuine[20:],
		"padded":                         parts[0] + "=." + parts[1] + "." + parts[2],
		"standard alphabet":              parts[0] + "." + parts[1] + ".+/" + parts[2][2:],
		"JSON serialization":             `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"longer than 8 KiB":              hs256(plainHeader().json(t), plainClaims().with(object{"x": strings.Repeat("a", 8<<10)}).json(t)),
		"alg none":                       encode(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		"alg none with a signature":      header(object{"alg": "none"}),
		"alg None":                       header(object{"alg": "None"}),
		"alg in lower case":              header(object{"alg": "hs256"}),
		"alg HS384":                      header(object{"alg": "HS384"}),
		"alg RS256 with the secret":      header(object{"alg": "RS256"}),
		"alg missing":                    header(object{"alg": nil}),
		"alg a number":                   header(object{"alg": 256}),
		"alg null":                       raw(`{"alg":null,"typ":"JWT"}`),
		"alg twice":                      raw(`{"alg":"none","alg":"HS256","typ":"JWT"}`),
		"alg mis-cased":                  raw(`{"Alg":"HS256","typ":"JWT"}`),
		"typ twice":                      raw(`{"alg":"HS256","typ":"at+jwt","typ":"JWT"}`),
		"a key twice further down":       raw(`{"alg":"HS256","typ":"JWT","x":{"a":1,"a":2}}`),
		"header an array":                raw(`["HS256"]`),
		"header not JSON":                raw(`alg=HS256`),
		"header with a second value":     raw(`{"alg":"HS256","typ":"JWT"}{}`),
		"header not UTF-8":               raw("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"x\":\"\xff\"}"),
		"own key (jwk)":                  header(object{"jwk": object{"kty": "oct", "k": encode(secret)}}),
		"place of a key (jku)":           header(object{"jku": "https://evil.example/keys"}),
		"place of a certificate (x5u)":   header(object{"x5u": "https://evil.example/cert"}),
		"own certificate (x5c)":          header(object{"x5c": []string{"MIIB"}}),
		"jwk null":                       raw(`{"alg":"HS256","typ":"JWT","jwk":null}`),
		"unknown extension (crit)":       header(object{"crit": []string{"exp"}, "exp": 1}),
		"empty crit":                     header(object{"crit": []string{}}),
		"unencoded payload (b64, crit)":  header(object{"crit": []string{"b64"}, "b64": false}),
		"nested token (cty)":             header(object{"cty": "JWT"}),
		"encrypted (enc)":                header(object{"enc": "A256GCM"}),
		"compressed (zip)":               header(object{"zip": "DEF"}),
		"key id a path is still no key":  hs256With([]byte{}, `{"alg":"HS256","typ":"JWT","kid":"../../dev/null"}`, plainClaims().json(t)),
		"another secret":                 hs256With([]byte(strings.ToUpper(secret)), plainHeader().json(t), plainClaims().json(t)),
		"empty secret":                   hs256With(nil, plainHeader().json(t), plainClaims().json(t)),
		"secret with a trailing newline": hs256With([]byte(secret+"\n"), plainHeader().json(t), plainClaims().json(t)),
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) { mustRefuse(t, v, text) })
	}
}

func mustRefuse(t *testing.T, v *assertion.Verifier, text string) {
	t.Helper()
	proof, err := v.Verify(t.Context(), text, login.ForSignIn)
	if !errors.Is(err, login.ErrRefused) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if diff := cmp.Diff(login.Proof{}, proof); diff != "" {
		t.Errorf("a refusal comes with a proof: %s", diff)
	}
	if reason := err.Error(); len(reason) > 200 || len(text) > 3 && strings.Contains(reason, text) {
		t.Errorf("the reason repeats the token: %s", reason)
	}
}

func TestOldAndNewSecretAreGoodDuringARotation(t *testing.T) {
	v := newVerifier(t, func(o *assertion.Options) {
		o.Secrets = [][]byte{[]byte(strings.Repeat("n", 32)), []byte(secret)}
	})
	for name, key := range map[string]string{"old": secret, "new": strings.Repeat("n", 32)} {
		if _, err := v.Verify(t.Context(), hs256With([]byte(key), plainHeader().json(t), plainClaims().json(t)), login.ForSignIn); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOptionsThatWouldNotProtectAreRefused(t *testing.T) {
	good := assertion.Options{Secrets: [][]byte{[]byte(secret)}, Issuer: issuer}
	cases := map[string]func(*assertion.Options){
		"no key at all":       func(o *assertion.Options) { o.Secrets = nil },
		"secret of 31 bytes":  func(o *assertion.Options) { o.Secrets = [][]byte{[]byte(secret)[1:]} },
		"second secret empty": func(o *assertion.Options) { o.Secrets = append(o.Secrets, nil) },
		"no issuer":           func(o *assertion.Options) { o.Issuer = "" },
		"negative leeway":     func(o *assertion.Options) { o.Leeway = -1 },
		"negative age":        func(o *assertion.Options) { o.MaxAge = -1 },
	}
	for name, change := range cases {
		o := good
		change(&o)
		if _, err := assertion.New(o); err == nil || strings.Contains(err.Error(), secret[:8]) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := assertion.New(good); err != nil {
		t.Errorf("the unchanged options: %v", err)
	}
}
