package mattermost_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"matterpass/internal/login"
	"matterpass/internal/simulator"
	"matterpass/internal/upstream"
)

const (
	revokeOne   = "POST users/" + demoID + "/sessions/revoke"
	listTokens  = "GET users/" + demoID + "/tokens"
	revokeToken = "POST users/tokens/revoke"
	setPassword = "PUT users/" + demoID + "/password"
	resetLock   = "POST users/" + demoID + "/reset_failed_attempts"
	ok          = `{"status":"OK"}`
)

func TestCutOffEndsSessionsAndTheTokensThatMakeThemAnew(t *testing.T) {
	s, c := simulate(t)
	s.SignIn(simulator.DemoEmail)
	s.SignIn(simulator.DanaEmail)
	secret := s.AddToken(simulator.DemoEmail)
	s.AddToken(simulator.DemoEmail)
	if _, err := c.Find(t.Context(), secret, ""); err != nil {
		t.Fatal(err)
	}
	if err := c.CutOff(t.Context(), s.UserID(simulator.DemoEmail)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Find(t.Context(), secret, ""); !errors.Is(err, login.ErrSignedOut) {
		t.Errorf("the access token still works: %v", err)
	}
	if demo, dana := s.Sessions(simulator.DemoEmail), s.Sessions(simulator.DanaEmail); demo != 0 || dana != 1 {
		t.Errorf("%d and %d sessions are left", demo, dana)
	}
}

func TestCutOffGivesUpOnTokensThatKeepAppearing(t *testing.T) {
	s, c := start(t)
	s.set(revokeAll, reply(200, ok))
	s.set(listTokens, reply(200, `[{"id":"`+danaID+`","user_id":"`+demoID+`"}]`))
	s.set(revokeToken, refuse(404, "app.user_access_token.get_by_user.app_error"))
	s.set(me, reply(200, `{"id":"`+danaID+`","roles":"system_admin"}`))
	if err := c.CutOff(t.Context(), demoID); !errors.Is(err, upstream.ErrInvalid) {
		t.Error(err)
	}
	if _, body := s.request(t, revokeToken); body != `{"token_id":"`+danaID+`"}` {
		t.Error(body)
	}
}

func TestTheAccountOfTheAdminTokenIsNeverCutOff(t *testing.T) {
	s, c := simulate(t)
	if err := c.CutOff(t.Context(), s.UserID(simulator.AdminEmail)); !errors.Is(err, login.ErrConflict) {
		t.Errorf("%v, want ErrConflict", err)
	}
	if err := c.CheckAdmin(t.Context()); err != nil {
		t.Errorf("the admin token is gone: %v", err)
	}
	strange, client := start(t)
	strange.set(me, reply(503, ""))
	if err := client.CutOff(t.Context(), danaID); !errors.Is(err, upstream.ErrUnavailable) || strange.times(revokeAll) > 0 {
		t.Errorf("not knowing whose it is: %v", err)
	}
}

func TestCutOffTakesNothingButACleanAnswerForDone(t *testing.T) {
	of := func(list string) map[string]http.HandlerFunc {
		return map[string]http.HandlerFunc{revokeAll: reply(200, ok), listTokens: reply(200, list)}
	}
	token := `[{"id":"` + danaID + `","user_id":"` + demoID + `"}]`
	for name, tc := range map[string]struct {
		answers map[string]http.HandlerFunc
		want    error
	}{
		"a page":              {map[string]http.HandlerFunc{revokeAll: reply(200, "<html>")}, upstream.ErrInvalid},
		"nobody":              {map[string]http.HandlerFunc{revokeAll: refuse(404, "app.user.missing_account.const")}, login.ErrUnknown},
		"no list":             {of("null"), upstream.ErrInvalid},
		"another's token":     {of(strings.ReplaceAll(token, demoID, danaID)), upstream.ErrInvalid},
		"a token without id":  {of(`[{"user_id":"` + demoID + `"}]`), upstream.ErrInvalid},
		"nothing for a token": {of(`[null]`), upstream.ErrInvalid},
		"refused": {map[string]http.HandlerFunc{
			revokeAll: reply(200, ok), listTokens: reply(200, token), revokeToken: refuse(403, "api.context.permissions.app_error"),
		}, upstream.ErrAdminToken},
		"not allowed to look": {map[string]http.HandlerFunc{
			revokeAll: reply(200, ok), listTokens: refuse(403, "api.context.permissions.app_error"),
		}, upstream.ErrAdminToken},
	} {
		s, c := start(t)
		s.set(me, reply(200, `{"id":"`+danaID+`","roles":"system_admin"}`))
		for key, answer := range tc.answers {
			s.set(key, answer)
		}
		if err := c.CutOff(t.Context(), demoID); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRevokeSession(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"lives":             {reply(200, ok), nil},
		"is over already":   {refuse(400, "app.session.get.app_error"), nil},
		"is another's":      {refuse(400, "api.context.invalid_url_param.app_error"), upstream.ErrInvalid},
		"of nobody":         {refuse(404, "app.user.missing_account.const"), login.ErrUnknown},
		"Mattermost's away": {reply(502, "<html>"), upstream.ErrUnavailable},
	} {
		s, c := start(t)
		s.set(revokeOne, tc.answer)
		if err := c.RevokeSession(t.Context(), demoID, danaID); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if r, body := s.request(t, revokeOne); body != `{"session_id":"`+danaID+`"}` || r.Header.Get("Authorization") != "BEARER "+admin {
			t.Errorf("%s: asked for %s with %q", name, body, r.Header.Get("Authorization"))
		}
	}
}

func TestASessionIsEndedByTheIDThatWasFoundForIt(t *testing.T) {
	s, c := simulate(t)
	made, err := c.SignIn(t.Context(), simulator.DemoEmail, s.Password(), "", browser)
	if err != nil {
		t.Fatal(err)
	}
	id := c.SessionID(t.Context(), made)
	if found, err := c.Find(t.Context(), made.Token, made.CSRF); err != nil || id == "" || found.ID != id {
		t.Errorf("%q and %q, %v", id, found.ID, err)
	}
	if err := errors.Join(c.RevokeSession(t.Context(), made.User.ID, id), c.RevokeSession(t.Context(), made.User.ID, id)); err != nil {
		t.Error(err)
	}
	if n := s.Sessions(simulator.DemoEmail); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	if id := c.SessionID(t.Context(), made); id != "" {
		t.Errorf("a session that is over has the id %q", id)
	}
}

// An empty id would end everybody's sessions; "me" would end the admin's.
func TestNoIDWidensARevocationTrap(t *testing.T) {
	s, c := start(t)
	for _, id := range []string{"", ".", "..", "me", "../" + demoID, strings.ToUpper(demoID)} {
		_, err1 := c.AccountByID(t.Context(), id)
		_, err2 := c.SetPassword(t.Context(), id, "secret", true)
		for i, err := range []error{err1, err2, c.CutOff(t.Context(), id), c.RevokeSession(t.Context(), id, demoID),
			c.RevokeSession(t.Context(), demoID, id), c.ResetFailedAttempts(t.Context(), id)} {
			if !errors.Is(err, login.ErrUnknown) {
				t.Errorf("%q, %d: %v", id, i, err)
			}
		}
		if got := c.SessionID(t.Context(), login.Session{User: login.User{ID: id}, Token: demoToken, CSRF: demoCSRF}); got != "" {
			t.Error(got)
		}
	}
	if _, err := c.AccountByEmail(t.Context(), "vic..tim@erp.test"); !errors.Is(err, login.ErrUnknown) {
		t.Error(err)
	}
	if len(s.asked) > 0 {
		t.Errorf("asked %v", s.asked)
	}
}
