package oidc_test

import (
	"errors"
	"net/url"
	"testing"

	"matterpass/internal/oidc"
)

// FuzzCallback holds every answer against a sign-in that somebody else began: no
// query and no cookie may end it, and none may redeem a code.
func FuzzCallback(f *testing.F) {
	rp, err := oidc.New(oidc.Options{
		Clients: []oidc.Client{{Issuer: "https://idp.invalid", ID: clientID}}, RedirectURL: redirectURL, SealKeys: [][]byte{key(1)},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("code=x&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAA")
	f.Add("code=x&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&state=B&iss=https%3A%2F%2Fidp.invalid", "")
	f.Add("error=access_denied&error_description=%3Cscript%3E", "%%%")
	f.Fuzz(func(t *testing.T, raw, sealed string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		if id := oidc.FlowID(query); id != "" && (len(id) != 10 || id != query.Get("state")[:10]) {
			t.Errorf("id %q", id)
		}
		got, err := rp.Callback(t.Context(), query, sealed)
		if !errors.Is(err, oidc.ErrFlow) || got.Proof.Subject != "" || got.Mode != "" {
			t.Errorf("%v, %+v", err, got)
		}
	})
}

// FuzzBackchannelLogout sends tokens that nobody signed.
func FuzzBackchannelLogout(f *testing.F) {
	rp, err := oidc.New(oidc.Options{
		Clients: []oidc.Client{{Issuer: "https://idp.invalid", ID: clientID}}, RedirectURL: redirectURL, SealKeys: [][]byte{key(1)},
		Transport: nowhere{},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("e30.e30.e30")
	f.Add("eyJ0eXAiOiJsb2dvdXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5pbnZhbGlkIiwiYXVkIjoibWF0dGVycGFzcyJ9.")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := rp.BackchannelLogout(t.Context(), token)
		if err == nil || got != (oidc.Logout{}) {
			t.Errorf("%v, %+v", err, got)
		}
	})
}
