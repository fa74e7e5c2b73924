package mattermost_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/provision"
	"matterpass/internal/upstream"
)

func TestPingKnowsTheDatabase(t *testing.T) {
	for body, want := range map[string]error{
		`{"status":"OK","database_status":"OK"}`: nil,
		`{"status":"OK"}`:                        nil,
		`{"status":"UNHEALTHY","database_status":"OK","filestore_status":"UNHEALTHY"}`: nil,
		`{"status":"UNHEALTHY","database_status":"UNHEALTHY","filestore_status":"OK"}`: upstream.ErrUnavailable,
		`{}`:                upstream.ErrInvalid, // the client's own GetPing panics here
		`null`:              upstream.ErrInvalid,
		`{"status":["OK"]}`: upstream.ErrInvalid,
		`<html>`:            upstream.ErrInvalid,
	} {
		s, c := start(t)
		s.set(ping, reply(200, body))
		if err := c.Ping(t.Context()); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
}

func TestAdminTokenIsAcceptedOnlyFromWhoManagesUsers(t *testing.T) {
	tests := map[string]struct {
		token  string
		answer http.HandlerFunc
		want   error
	}{
		"system admin": {admin, reply(200, `{"id":"`+demoID+`","roles":"system_user system_admin"}`), nil},
		"user manager": {admin, reply(200, `{"id":"`+demoID+`","roles":"system_user system_user_manager"}`), nil},
		"demoted":      {admin, reply(200, demoUser), upstream.ErrAdminToken},
		"revoked":      {admin, refuse(401, gone), upstream.ErrAdminToken},
		"forbidden":    {admin, refuse(403, "api.context.mfa_required.app_error"), upstream.ErrAdminToken},
		"none":         {"", nil, upstream.ErrAdminToken},
		"no token":     {"with\nnewline", nil, upstream.ErrAdminToken},
		"away":         {admin, reply(503, ""), upstream.ErrUnavailable},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, c := start(t, func(o *mattermost.Options) { o.AdminToken = func() string { return tc.token } })
			s.set(me, tc.answer)
			if err := c.CheckAdmin(t.Context()); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			if tc.answer == nil && s.times(me) > 0 {
				t.Error("asked without a token")
			}
		})
	}
}

func TestARefusedAdminTokenIsNotHammeredAndANewOneWorksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, token := 0, admin
		_, c := startOn(t, func(r *http.Request) (*http.Response, error) {
			switch {
			case r.URL.Path == "/api/v4/system/ping":
				return databaseThere()
			case r.Header.Get("Authorization") == "BEARER "+demoToken:
				return answer(200, `{"id":"`+demoID+`","roles":"system_admin"}`)
			}
			asked++
			return refusal(401, gone)
		}, func(o *mattermost.Options) { o.AdminToken = func() string { return token } })
		for range 100 {
			if err := c.CheckAdmin(t.Context()); !errors.Is(err, upstream.ErrAdminToken) {
				t.Fatal(err)
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
		time.Sleep(6 * time.Second)
		if _ = c.CheckAdmin(t.Context()); asked != 2 {
			t.Errorf("asked %d times after a while", asked)
		}
		token = demoToken
		if err := c.CheckAdmin(t.Context()); err != nil {
			t.Errorf("a new token: %v", err)
		}
	})
}

func TestFindTeam(t *testing.T) {
	team := func(id, name, deleted string) http.HandlerFunc {
		return reply(200, `{"id":"`+id+`","name":"`+name+`","delete_at":`+deleted+`}`)
	}
	tests := map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"there":    {team(danaID, "erp", "0"), nil},
		"archived": {team(danaID, "erp", "1795319681272"), provision.ErrUnknown},
		"missing":  {refuse(404, "app.team.get_by_name.missing.app_error"), provision.ErrUnknown},
		"a proxy":  {reply(404, "<html>"), upstream.ErrInvalid},
		"another":  {team(danaID, "sales", "0"), upstream.ErrInvalid},
		"no id":    {team("", "erp", "0"), upstream.ErrInvalid},
	}
	for name, tc := range tests {
		s, c := start(t)
		s.set("GET teams/name/erp", tc.answer)
		if err := c.FindTeam(t.Context(), "erp"); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestSiteURL(t *testing.T) {
	for body, want := range map[string]struct {
		url string
		err error
	}{
		`{"SiteURL":"https://chat.erp.test/sub","Version":"11.6.0"}`: {"https://chat.erp.test/sub", nil},
		`{"SiteURL":""}`:                    {"", nil},
		`{"SiteURL":"javascript:alert(1)"}`: {"", upstream.ErrInvalid},
		`{"SiteURL":"chat.erp.test"}`:       {"", upstream.ErrInvalid},
		`{}`:                                {"", upstream.ErrInvalid},
		`{"id":["not a config"]}`:           {"", upstream.ErrInvalid},
	} {
		s, c := start(t)
		s.set("GET config/client", reply(200, body))
		if got, err := c.SiteURL(t.Context()); got != want.url || !errors.Is(err, want.err) {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
}

func TestSettingsFallBackToMattermostsDefaults(t *testing.T) {
	tests := map[string]struct {
		answer http.HandlerFunc
		want   int
		err    error
	}{
		"configured": {reply(200, `{"ServiceSettings":{"MaximumLoginAttempts":25,"SiteURL":"x"},"TeamSettings":{}}`), 25, nil},
		"hidden":     {reply(200, `{"ServiceSettings":{}}`), 10, nil},
		"forbidden":  {refuse(403, "api.context.permissions.app_error"), 10, upstream.ErrAdminToken},
		"a page":     {reply(200, `<html>`), 10, upstream.ErrInvalid},
	}
	for name, tc := range tests {
		s, c := start(t)
		s.set("GET config", tc.answer)
		if got, err := c.Settings(t.Context()); got.MaximumLoginAttempts != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestAddressOf(t *testing.T) {
	byName := login.Name{Kind: login.ByUsername, Value: "demo"}
	byID := login.Name{Kind: login.ByID, Value: demoID}
	tests := map[string]struct {
		name   login.Name
		answer http.HandlerFunc
		want   error
	}{
		"username":         {byName, reply(200, demoUser), nil},
		"id":               {byID, reply(200, demoUser), nil},
		"address":          {login.Name{Kind: login.ByEmail, Value: "demo@erp.test"}, nil, nil},
		"unknown username": {byName, refuse(404, "app.user.get_by_username.app_error"), login.ErrUnknown},
		"unknown id":       {byID, refuse(404, "app.user.missing_account.const"), login.ErrUnknown},
		"no such address":  {byName, reply(200, `{"id":"`+demoID+`","username":"demo","email":"dé@erp.test"}`), login.ErrUnknown},
		"demoted":          {byName, refuse(403, "api.context.permissions.app_error"), upstream.ErrAdminToken},
	}
	for name, tc := range tests {
		s, c := start(t)
		s.set("GET users/username/demo", tc.answer)
		s.set("GET users/"+demoID, tc.answer)
		got, err := c.AddressOf(t.Context(), tc.name)
		if !errors.Is(err, tc.want) || err == nil && got != "demo@erp.test" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
