package httpapi_test

import (
	"context"
	"strings"
	"testing"

	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/oidc"
)

func TestALogoutTokenEndsSessionsOnce(t *testing.T) {
	var ended []oidc.Logout
	spent := false
	h := signedInBy(t, &idp{logout: func(token string) (oidc.Logout, error) {
		switch token {
		case "good":
			return oidc.Logout{Identity: login.Identity{Issuer: idpIssuer, SID: "s1"}, ID: "j1"}, nil
		case "early":
			return oidc.Logout{}, oidc.ErrUnavailable
		}
		return oidc.Logout{}, oidc.ErrInvalid
	}}, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.OIDC.Logout = func(_ context.Context, l oidc.Logout) error {
			if spent {
				return login.ErrSpent
			}
			spent, ended = true, append(ended, l)
			return nil
		}
	})
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://evil.test"}
	send := func(body string, header map[string]string) answer {
		t.Helper()
		got := h.do(call{method: "POST", path: "/auth/oidc/backchannel-logout", body: body, header: header})
		if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", body, got.Header)
		}
		return got
	}
	if got := send("logout_token=good", form); got.StatusCode != 200 || len(got.body) != 0 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if len(ended) != 1 || ended[0].SID != "s1" {
		t.Errorf("ended %+v", ended)
	}
	for name, c := range map[string]struct {
		body   string
		header map[string]string
		word   string
	}{
		"replayed":            {"logout_token=good", form, "invalid_request"},
		"forged":              {"logout_token=bad", form, "invalid_request"},
		"provider away":       {"logout_token=early", form, "temporarily_unavailable"},
		"no token":            {"x=1", form, "invalid_request"},
		"two tokens":          {"logout_token=good&logout_token=good", form, "invalid_request"},
		"no form":             {"%zz", form, "invalid_request"},
		"JSON":                {`{"logout_token":"good"}`, nil, "invalid_request"},
		"larger than allowed": {"logout_token=" + strings.Repeat("x", 70<<10), form, ""},
	} {
		got := send(c.body, c.header)
		if c.word == "" {
			if got.StatusCode != 413 {
				t.Errorf("%s: %d", name, got.StatusCode)
			}
			continue
		}
		if got.StatusCode != 400 || got.json(t)["error"] != c.word {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	if got := h.do(call{method: "GET", path: "/auth/oidc/backchannel-logout?logout_token=good"}); got.StatusCode != 405 || len(ended) != 1 {
		t.Errorf("GET: %d", got.StatusCode)
	}
}
