package mattermost_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

const (
	sessions  = "GET users/" + demoID + "/sessions"
	revokeAll = "POST users/" + demoID + "/sessions/revoke/all"
	gone      = "api.context.session_expired.app_error"
)

func TestFindKnowsTheEndOfTheSessionWithThisCSRF(t *testing.T) {
	user := login.User{ID: demoID, Username: "demo", Email: "demo@erp.test"}
	list := `[null,{"user_id":"` + demoID + `","expires_at":1,"props":{}},
		{"id":"` + danaID + `","user_id":"` + demoID + `","expires_at":1797911787000,"props":{"csrf":"` + demoCSRF + `"}}]`
	tests := map[string]struct {
		csrf string
		list http.HandlerFunc
		want login.Session
	}{
		"its own CSRF value": {demoCSRF, reply(200, list), login.Session{
			User: user, ID: danaID, Token: demoToken, CSRF: demoCSRF, ExpiresAt: time.UnixMilli(1797911787000).UTC()}},
		"no end": {demoCSRF, reply(200, `[{"user_id":"`+demoID+`","props":{"csrf":"`+demoCSRF+`"}}]`), login.Session{
			User: user, Token: demoToken, CSRF: demoCSRF}},
		"none, where another session has none": {"", reply(200, list), login.Session{User: user, Token: demoToken}},
		"another's":                            {demoToken, reply(200, list), login.Session{User: user, Token: demoToken}},
		"no list to be had":                    {demoCSRF, refuse(403, "api.context.permissions.app_error"), login.Session{User: user, Token: demoToken}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, c := start(t)
			s.set(sessions, tc.list)
			got, err := c.Find(t.Context(), demoToken, tc.csrf)
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestUnknownTokenIsSignedOut(t *testing.T) {
	s, c := start(t)
	s.set(me, refuse(401, gone))
	if _, err := c.Find(t.Context(), demoToken, ""); !errors.Is(err, login.ErrSignedOut) {
		t.Error(err)
	}
	if _, err := c.Find(t.Context(), "../"+demoToken, ""); !errors.Is(err, login.ErrSignedOut) {
		t.Error(err)
	}
	if n := s.times(me); n != 1 {
		t.Errorf("asked %d times; a malformed token is asked for nowhere", n)
	}
}

func TestSignOut(t *testing.T) {
	tests := map[string]struct {
		answers map[string]http.HandlerFunc
		all     bool
		last    string
		want    error
	}{
		"one session":           {map[string]http.HandlerFunc{signOut: reply(200, `{"status":"OK"}`)}, false, signOut, nil},
		"a session that ended":  {map[string]http.HandlerFunc{signOut: refuse(401, gone)}, false, signOut, nil},
		"every session":         {map[string]http.HandlerFunc{revokeAll: reply(200, `{"status":"OK"}`)}, true, revokeAll, nil},
		"every session of none": {map[string]http.HandlerFunc{me: refuse(401, gone)}, true, me, nil},
		"every one, no user":    {map[string]http.HandlerFunc{me: reply(200, `{"id":""}`)}, true, me, upstream.ErrInvalid},
		"a portal's page":       {map[string]http.HandlerFunc{signOut: reply(200, `<html>`)}, false, signOut, upstream.ErrInvalid},
		"Mattermost away":       {map[string]http.HandlerFunc{signOut: reply(502, `<html>`)}, false, signOut, upstream.ErrUnavailable},
		"its database away": {map[string]http.HandlerFunc{
			signOut: refuse(401, gone), ping: reply(500, `{"status":"UNHEALTHY"}`)}, false, signOut, upstream.ErrUnavailable},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, c := start(t)
			for key, answer := range tc.answers {
				s.set(key, answer)
			}
			end := c.End
			if tc.all {
				end = c.EndAll
			}
			if err := end(t.Context(), demoToken); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			if r, _ := s.request(t, tc.last); r.Header.Get("Authorization") != "BEARER "+demoToken {
				t.Errorf("asked with %q", r.Header.Get("Authorization"))
			}
		})
	}
	t.Run("a token of another form is asked for nowhere", func(t *testing.T) {
		s, c := start(t)
		if err := errors.Join(c.End(t.Context(), ""), c.EndAll(t.Context(), "")); err != nil || len(s.asked) > 0 {
			t.Errorf("%v, asked %v", err, s.asked)
		}
	})
}
