package oidc_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"matterpass/internal/login"
	"matterpass/internal/oidc"
)

const event = "http://schemas.openid.net/event/backchannel-logout"

// logoutClaims are those of a good logout token.
func (l *liar) logoutClaims() map[string]any {
	return map[string]any{
		"iss": l.URL, "sub": "4711", "aud": clientID, "iat": l.now().Unix(), "exp": l.now().Add(2 * time.Minute).Unix(),
		"jti": "logout-1", "sid": "session-1", "events": map[string]any{event: map[string]any{}},
	}
}

// forged is a logout token of a key that nobody knows.
func (l *liar) forged() string {
	key := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: newECDSA(l.t), KeyID: rand.Text()}}
	return signWith(l.t, key, l.logoutClaims(), nil)
}

func TestALogoutTokenSaysWhoseSessionsAreOver(t *testing.T) {
	l := newLiar(t)
	rp := l.party()
	for name, c := range map[string]struct {
		change map[string]any
		header map[jose.HeaderKey]any
		want   login.Identity
	}{
		"subject and session": {nil, map[jose.HeaderKey]any{"typ": "logout+jwt"}, login.Identity{Issuer: l.URL, Subject: "4711", SID: "session-1"}},
		"subject":             {map[string]any{"sid": nil}, nil, login.Identity{Issuer: l.URL, Subject: "4711"}},
		"session":             {map[string]any{"sub": nil}, map[jose.HeaderKey]any{"typ": "JWT"}, login.Identity{Issuer: l.URL, SID: "session-1"}},
		"audience as a list":  {map[string]any{"aud": []string{clientID}}, nil, login.Identity{Issuer: l.URL, Subject: "4711", SID: "session-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			claims := with(l.logoutClaims(), c.change)
			got, err := rp.BackchannelLogout(t.Context(), l.signed(claims, c.header))
			if err != nil {
				t.Fatal(err)
			}
			want := oidc.Logout{Identity: c.want, ID: "logout-1", IssuedAt: time.Unix(claims["iat"].(int64), 0)}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(oidc.Logout{}, "ExpiresAt")); diff != "" {
				t.Error(diff)
			}
			if left := time.Until(got.ExpiresAt); left < time.Minute || left > 4*time.Minute {
				t.Errorf("remembered for %s", left)
			}
		})
	}
}

func TestALogoutTokenIsNotRememberedForYears(t *testing.T) {
	l := newLiar(t)
	claims := with(l.logoutClaims(), map[string]any{"exp": l.now().Add(9999 * time.Hour).Unix()})
	got, err := l.party().BackchannelLogout(t.Context(), l.signed(claims, nil))
	if err != nil || time.Until(got.ExpiresAt) > 12*time.Minute {
		t.Errorf("%v, until %s", err, got.ExpiresAt)
	}
}

func TestLogoutTokensThatProveNothingAreRefused(t *testing.T) {
	l := newLiar(t)
	rp := l.party()
	at := func(d time.Duration) int64 { return l.now().Add(d).Unix() }
	for name, c := range map[string]struct {
		change map[string]any
		header map[jose.HeaderKey]any
	}{
		"type of an access token":    {nil, map[jose.HeaderKey]any{"typ": "at+jwt"}},
		"type of an assertion":       {nil, map[jose.HeaderKey]any{"typ": "matterpass+jwt"}},
		"another audience":           {map[string]any{"aud": "somebody-else"}, nil},
		"several audiences":          {map[string]any{"aud": []string{clientID, "somebody-else"}}, nil},
		"another issuer":             {map[string]any{"iss": "https://evil.test"}, nil},
		"issued to another client":   {map[string]any{"azp": "somebody-else"}, nil},
		"no events":                  {map[string]any{"events": nil}, nil},
		"another event":              {map[string]any{"events": map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}}, nil},
		"an event that is a word":    {map[string]any{"events": map[string]any{event: "yes"}}, nil},
		"events that are a list":     {map[string]any{"events": []string{event}}, nil},
		"a nonce":                    {map[string]any{"nonce": "n"}, nil},
		"a nonce that is a number":   {map[string]any{"nonce": 1}, nil},
		"no id":                      {map[string]any{"jti": nil}, nil},
		"neither subject nor sid":    {map[string]any{"sub": nil, "sid": nil}, nil},
		"a session that is a number": {map[string]any{"sub": nil, "sid": 7}, nil},
		"over":                       {map[string]any{"exp": at(-2 * time.Minute)}, nil},
		"no end":                     {map[string]any{"exp": nil}, nil},
		"no time of issue":           {map[string]any{"iat": nil}, nil},
		"issued long ago":            {map[string]any{"iat": at(-time.Hour)}, nil},
		"issued in the future":       {map[string]any{"iat": at(time.Hour), "exp": at(2 * time.Hour)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			token := l.signed(with(l.logoutClaims(), c.change), c.header)
			if got, err := rp.BackchannelLogout(t.Context(), token); !errors.Is(err, oidc.ErrInvalid) || got != (oidc.Logout{}) {
				t.Errorf("%v, %+v", err, got)
			}
		})
	}
	for name, token := range map[string]string{
		"nothing": "", "a word": "x", "no base64": "a.%.c", "no JSON": "e30.eA.eA", "not signed": "e30.e30.e30",
		"longer than any": strings.Repeat("x", 20<<10), "HMAC": signWith(t, hmacKey(clientSecret, ""), l.logoutClaims(), nil),
		"a stranger's": l.forged(), "two dots more": l.signed(l.logoutClaims(), nil) + ".x.y",
	} {
		if _, err := rp.BackchannelLogout(t.Context(), token); !errors.Is(err, oidc.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnIDTokenIsNoLogoutToken(t *testing.T) {
	l := newLiar(t)
	var kept string
	l.told(func(l *liar) {
		l.sign = func(claims map[string]any) string {
			kept = l.signed(claims, nil)
			return kept
		}
	})
	rp := l.party()
	if _, err := l.signIn(rp); err != nil {
		t.Fatal(err)
	}
	if _, err := rp.BackchannelLogout(t.Context(), kept); !errors.Is(err, oidc.ErrInvalid) {
		t.Error(err)
	}
}

func TestALogoutOfAProviderThatIsAwayIsNotLost(t *testing.T) {
	l := newLiar(t)
	l.told(func(l *liar) { l.document = set(map[string]any{"issuer": "x"}) })
	if _, err := l.party().BackchannelLogout(t.Context(), l.signed(l.logoutClaims(), nil)); !errors.Is(err, oidc.ErrUnavailable) {
		t.Error(err)
	}
}
