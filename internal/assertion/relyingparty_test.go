package assertion_test

import (
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"matterpass/internal/assertion"
	"matterpass/internal/login"
)

const (
	idp   = "https://id.example.com"
	nonce = "nonce-of-22-characters"
)

// trusted is a relying party and the provider's key.
func trusted(t *testing.T) (*assertion.RelyingParty, crypto.Signer) {
	t.Helper()
	p, private := &provider{}, ecKey(t)
	p.publishes(t, public(t, private, object{"kid": "a"}))
	rp, err := assertion.NewRelyingParty(assertion.RelyingPartyOptions{Keys: newKeySet(t, p), Issuer: idp, ClientID: "matterpass", Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return rp, private
}

func idClaims() object {
	return plainClaims().with(object{"iss": idp, "jti": nil, "nonce": nonce, "exp": now.Add(time.Hour).Unix()})
}

func TestAnIDTokenBecomesAProof(t *testing.T) {
	rp, private := trusted(t)
	text := signed(t, jose.ES256, private, object{"kid": "a"}, idClaims().with(object{"sid": "s-1", "email_verified": true, "amr": []string{"mfa"}}))
	got, err := rp.VerifyIDToken(t.Context(), text, assertion.Binding{Nonce: nonce})
	if err != nil {
		t.Fatal(err)
	}
	want := login.Proof{
		Identity: login.Identity{Issuer: idp, Subject: "4711", Email: "dana@erp.test", EmailVerified: true, SID: "s-1", MultiFactor: true},
		Way:      login.ByOIDC, ID: nonce, IssuedAt: now, ExpiresAt: now.Add(5*time.Minute + 30*time.Second),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestIDTokensAreBoundToClientBrowserAndExchange(t *testing.T) {
	half := func(token string) string {
		sum := sha256.Sum256([]byte(token))
		return base64.RawURLEncoding.EncodeToString(sum[:16])
	}
	cases := map[string]struct {
		claims   object
		header   object
		binding  assertion.Binding
		accepted bool
	}{
		"plain":                         {nil, nil, assertion.Binding{Nonce: nonce}, true},
		"typ JWT":                       {nil, object{"typ": "JWT"}, assertion.Binding{Nonce: nonce}, true},
		"an access token's typ":         {nil, object{"typ": "at+jwt"}, assertion.Binding{Nonce: nonce}, false},
		"a logout token's typ":          {nil, object{"typ": "logout+jwt"}, assertion.Binding{Nonce: nonce}, false},
		"our assertion's typ":           {nil, object{"typ": "matterpass+jwt"}, assertion.Binding{Nonce: nonce}, false},
		"another nonce":                 {object{"nonce": strings.ToUpper(nonce)}, nil, assertion.Binding{Nonce: nonce}, false},
		"no nonce":                      {object{"nonce": nil}, nil, assertion.Binding{Nonce: nonce}, false},
		"no nonce on either side":       {object{"nonce": nil}, nil, assertion.Binding{}, false},
		"a short nonce":                 {object{"nonce": "short"}, nil, assertion.Binding{Nonce: "short"}, false},
		"another issuer (mix-up)":       {object{"iss": "https://evil.example"}, nil, assertion.Binding{Nonce: nonce}, false},
		"another client":                {object{"aud": "other"}, nil, assertion.Binding{Nonce: nonce}, false},
		"several audiences with azp":    {object{"aud": []string{"matterpass", "api"}, "azp": "matterpass"}, nil, assertion.Binding{Nonce: nonce}, true},
		"several audiences without azp": {object{"aud": []string{"matterpass", "api"}}, nil, assertion.Binding{Nonce: nonce}, false},
		"made for another client (azp)": {object{"azp": "other"}, nil, assertion.Binding{Nonce: nonce}, false},
		"an empty azp":                  {object{"azp": ""}, nil, assertion.Binding{Nonce: nonce}, false},
		"the access token's hash":       {object{"at_hash": half("at")}, nil, assertion.Binding{Nonce: nonce, AccessToken: "at"}, true},
		"another access token's hash":   {object{"at_hash": half("at")}, nil, assertion.Binding{Nonce: nonce, AccessToken: "other"}, false},
		"an empty hash":                 {object{"at_hash": ""}, nil, assertion.Binding{Nonce: nonce, AccessToken: "at"}, false},
		"expired":                       {object{"exp": now.Add(-30 * time.Second).Unix(), "iat": now.Add(-time.Minute).Unix()}, nil, assertion.Binding{Nonce: nonce}, false},
		"issued long ago":               {object{"iat": now.Add(-6 * time.Minute).Unix()}, nil, assertion.Binding{Nonce: nonce}, false},
		"issued in the future":          {object{"iat": now.Add(time.Minute).Unix()}, nil, assertion.Binding{Nonce: nonce}, false},
		"exp beyond the year 9999":      {object{"exp": int64(lastSecond) + 1}, nil, assertion.Binding{Nonce: nonce}, false},
		"no sub":                        {object{"sub": nil}, nil, assertion.Binding{Nonce: nonce}, false},
		"no email":                      {object{"email": nil}, nil, assertion.Binding{Nonce: nonce}, false},
		"email_verified in words":       {object{"email_verified": "true"}, nil, assertion.Binding{Nonce: nonce}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rp, private := trusted(t)
			text := signed(t, jose.ES256, private, object{"kid": "a"}.with(c.header), idClaims().with(c.claims))
			proof, err := rp.VerifyIDToken(t.Context(), text, c.binding)
			if c.accepted != (err == nil) || err != nil && !errors.Is(err, login.ErrRefused) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(login.Proof{}, proof); err != nil && diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAtHashFollowsTheAlgorithm(t *testing.T) {
	left := func(hash []byte) string { return base64.RawURLEncoding.EncodeToString(hash[:len(hash)/2]) }
	sum384, sum512 := sha512.Sum384([]byte("at")), sha512.Sum512([]byte("at"))
	rsa2048 := rsaKey(t, 2048)
	cases := map[jose.SignatureAlgorithm]struct {
		private crypto.Signer
		hash    string
	}{
		jose.RS384: {rsa2048, left(sum384[:])},
		jose.PS512: {rsa2048, left(sum512[:])},
		jose.EdDSA: {edKey(t), left(sum512[:])},
	}
	for algorithm, c := range cases {
		p := &provider{}
		p.publishes(t, public(t, c.private, nil))
		rp, err := assertion.NewRelyingParty(assertion.RelyingPartyOptions{Keys: newKeySet(t, p), Issuer: idp, ClientID: "matterpass", Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		text := signed(t, algorithm, c.private, nil, idClaims().with(object{"at_hash": c.hash}))
		if _, err := rp.VerifyIDToken(t.Context(), text, assertion.Binding{Nonce: nonce, AccessToken: "at"}); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func logoutClaims() object {
	return object{
		"iss": idp, "aud": "matterpass", "sub": "4711", "sid": "s-1", "jti": "j-1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"events": object{"http://schemas.openid.net/event/backchannel-logout": object{}},
	}
}

func TestLogoutTokens(t *testing.T) {
	cases := map[string]struct {
		claims   object
		typ      any
		accepted bool
	}{
		"plain":                   {nil, "logout+jwt", true},
		"an older provider's typ": {nil, "JWT", true},
		"only sub":                {object{"sid": nil}, "logout+jwt", true},
		"only sid":                {object{"sub": nil}, "logout+jwt", true},
		"further events":          {object{"events": object{"x": 1, "http://schemas.openid.net/event/backchannel-logout": object{"a": 1}}}, "logout+jwt", true},
		"no typ":                  {nil, nil, false},
		"an access token's typ":   {nil, "at+jwt", false},
		"neither sub nor sid":     {object{"sub": nil, "sid": nil}, "logout+jwt", false},
		"sub with a space":        {object{"sub": "a b"}, "logout+jwt", false},
		"sid with a space":        {object{"sid": "a b"}, "logout+jwt", false},
		"no events":               {object{"events": nil}, "logout+jwt", false},
		"other events":            {object{"events": object{"x": object{}}}, "logout+jwt", false},
		"the event is no object":  {object{"events": object{"http://schemas.openid.net/event/backchannel-logout": true}}, "logout+jwt", false},
		"events in a list":        {object{"events": []string{"http://schemas.openid.net/event/backchannel-logout"}}, "logout+jwt", false},
		"a nonce":                 {object{"nonce": nonce}, "logout+jwt", false},
		"an empty nonce":          {object{"nonce": ""}, "logout+jwt", false},
		"no jti":                  {object{"jti": nil}, "logout+jwt", false},
		"no iat":                  {object{"iat": nil}, "logout+jwt", false},
		"no exp":                  {object{"exp": nil}, "logout+jwt", false},
		"another client":          {object{"aud": "other"}, "logout+jwt", false},
		"another issuer":          {object{"iss": "https://evil.example"}, "logout+jwt", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rp, private := trusted(t)
			text := signed(t, jose.ES256, private, object{"kid": "a"}.with(object{"typ": c.typ}), logoutClaims().with(c.claims))
			got, err := rp.VerifyLogoutToken(t.Context(), text)
			if c.accepted != (err == nil) || err != nil && !errors.Is(err, login.ErrRefused) {
				t.Fatalf("got %v", err)
			}
			if c.accepted && (got.ID != "j-1" || got.Issuer != idp || !got.ExpiresAt.Equal(now.Add(90*time.Second)) || got.Subject+got.SID == "") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTokensOfAnotherKeyOrNoneTellNothing(t *testing.T) {
	rp, private := trusted(t)
	strangers := map[string]string{
		"no token":         "x",
		"another key":      signed(t, jose.ES256, ecKey(t), object{"kid": "a", "typ": "JWT"}, idClaims()),
		"a shared secret":  hs256(`{"alg":"HS256","typ":"JWT"}`, idClaims().json(t)),
		"alg none":         encode(`{"alg":"none","typ":"JWT"}`) + "." + encode(idClaims().json(t)) + "." + encode("x"),
		"an ID for logout": signed(t, jose.ES256, private, object{"kid": "a", "typ": "JWT"}, idClaims().with(object{"nonce": nil})),
	}
	for name, text := range strangers {
		if _, err := rp.VerifyIDToken(t.Context(), text, assertion.Binding{Nonce: nonce}); !errors.Is(err, login.ErrRefused) {
			t.Errorf("%s: as an ID token: %v", name, err)
		}
		if _, err := rp.VerifyLogoutToken(t.Context(), text); !errors.Is(err, login.ErrRefused) {
			t.Errorf("%s: as a logout token: %v", name, err)
		}
	}
}

func TestARelyingPartyNeedsToKnowWhoItIs(t *testing.T) {
	keys := newKeySet(t, &provider{answer: down})
	for name, o := range map[string]assertion.RelyingPartyOptions{
		"no keys":        {Issuer: idp, ClientID: "c"},
		"no issuer":      {Keys: keys, ClientID: "c"},
		"no client":      {Keys: keys, Issuer: idp},
		"negative age":   {Keys: keys, Issuer: idp, ClientID: "c", MaxAge: -1},
		"negative times": {Keys: keys, Issuer: idp, ClientID: "c", Leeway: -1},
	} {
		if _, err := assertion.NewRelyingParty(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
