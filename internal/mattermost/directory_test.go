package mattermost_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/provision"
	"matterpass/internal/upstream"
)

func TestByEmailReadsWhatProvisioningLooksAt(t *testing.T) {
	s, c := start(t)
	s.set("GET users/email/demo@erp.test", reply(200, `{"id":"`+demoID+`","username":"demo","email":"Demo@ERP.test","first_name":"D","last_name":"E",
		"nickname":"n","locale":"sv","create_at":1000,"delete_at":5,"is_bot":true,"remote_id":"r","auth_service":"saml","roles":"system_user system_admin"}`))
	got, err := c.ByEmail(t.Context(), "demo@erp.test")
	want := provision.Account{
		ID: demoID, Email: "demo@erp.test",
		Profile:     provision.Profile{Username: "demo", FirstName: "D", LastName: "E", Nickname: "n", Locale: "sv"},
		Deactivated: true, Bot: true, Remote: true, AuthService: "saml", Roles: []string{"system_user", "system_admin"},
		Made: time.UnixMilli(1000),
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for answer, want := range map[*http.HandlerFunc]error{
		new(refuse(404, "app.user.missing_account.const")): provision.ErrUnknown,
		new(refuse(403, "api.context.permissions")):        upstream.ErrAdminToken,
		new(reply(404, "<html>")):                          upstream.ErrInvalid,
	} {
		s.set("GET users/email/demo@erp.test", *answer)
		if _, err := c.ByEmail(t.Context(), "demo@erp.test"); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

func TestAnAddressIsOnePieceOfThePath(t *testing.T) {
	s, c := start(t)
	if _, err := c.ByEmail(t.Context(), "a!$&'*+-=^_{|}~@erp.test"); !errors.Is(err, provision.ErrUnknown) {
		t.Error(err)
	}
	r, _ := s.request(t, s.asked[0])
	if r.URL.Path != "/api/v4/users/email/a!$&'*+-=^_{|}~@erp.test" || r.URL.RawQuery != "" {
		t.Errorf("asked %q?%q", r.URL.Path, r.URL.RawQuery)
	}
}

func TestOnlyWhitelistedFieldsAreSent(t *testing.T) {
	s, c := start(t)
	s.set("POST users", reply(201, demoUser))
	s.set("PUT users/"+demoID+"/patch", reply(200, demoUser))
	if _, err := c.Create(t.Context(), provision.NewAccount{
		Email: "demo@erp.test", Password: "secret", Profile: provision.Profile{Username: "demo", LastName: "O"},
	}); err != nil {
		t.Fatal(err)
	}
	if _, body := s.request(t, "POST users"); body != `{"email":"demo@erp.test","username":"demo","password":"secret","last_name":"O"}` {
		t.Error(body)
	}
	if _, err := c.Update(t.Context(), demoID, []provision.Change{{Field: "nickname", Value: ""}, {Field: "locale", Value: "sv"}}); err != nil {
		t.Fatal(err)
	}
	if _, body := s.request(t, "PUT users/"+demoID+"/patch"); body != `{"locale":"sv","nickname":""}` {
		t.Error(body)
	}
}

func TestRejectedAccounts(t *testing.T) {
	var invalid *provision.Invalid
	for id, want := range map[string]error{
		"app.user.save.email_exists.app_error":         provision.ErrEmailTaken,
		"app.user.save.username_exists.app_error":      provision.ErrUsernameTaken,
		"api.user.create_user.user_limits.exceeded":    provision.ErrSeatLimit,
		"model.user.is_valid.pwd_min_length.app_error": &provision.Invalid{Field: "password"},
		"model.user.is_valid.username.app_error":       &provision.Invalid{Field: "username"},
		"model.user.is_valid.locale.app_error":         &provision.Invalid{Field: "locale"},
		"api.context.invalid_body_param.app_error":     upstream.ErrInvalid,
	} {
		s, c := start(t)
		s.set("POST users", refuse(400, id))
		s.set("PUT users/"+demoID+"/patch", refuse(400, id))
		_, err1 := c.Create(t.Context(), provision.NewAccount{Email: "demo@erp.test"})
		_, err2 := c.Update(t.Context(), demoID, nil)
		for _, err := range []error{err1, err2} {
			if errors.As(want, &invalid) {
				field := invalid.Field
				if !errors.As(err, &invalid) || invalid.Field != field {
					t.Errorf("%s: %v", id, err)
				}
			} else if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", id, err, want)
			}
		}
		if n := s.times("POST users"); n != 1 {
			t.Errorf("%s: sent %d times", id, n)
		}
	}
}

func TestMemberships(t *testing.T) {
	const team, channel = danaID, "dgas7afsfiyr5xqqdtckmb1nky"
	joinTeam, joinChannel := "POST teams/"+team+"/members", "POST channels/"+channel+"/members"
	member := `{"team_id":"` + team + `","channel_id":"` + channel + `","user_id":"` + demoID + `"}`
	tests := map[string]struct {
		answer http.HandlerFunc
		team   error
		room   error
	}{
		"joined":      {reply(201, member), nil, nil},
		"team full":   {refuse(400, "app.team.join_user_to_team.save_member.max_accounts.app_error"), provision.ErrSeatLimit, upstream.ErrInvalid},
		"no user":     {refuse(404, "app.user.missing_account.const"), provision.ErrUnknown, provision.ErrUnknown},
		"not allowed": {refuse(403, "api.context.permissions.app_error"), upstream.ErrAdminToken, upstream.ErrAdminToken},
		"another":     {reply(201, `{"team_id":"x"}`), upstream.ErrInvalid, upstream.ErrInvalid},
	}
	for name, tc := range tests {
		s, c := start(t)
		s.set(joinTeam, tc.answer)
		s.set(joinChannel, tc.answer)
		if err := c.JoinTeam(t.Context(), team, demoID); !errors.Is(err, tc.team) {
			t.Errorf("%s: team %v, want %v", name, err, tc.team)
		}
		if err := c.JoinChannel(t.Context(), channel, demoID); !errors.Is(err, tc.room) {
			t.Errorf("%s: channel %v, want %v", name, err, tc.room)
		}
	}
}

func TestChannelID(t *testing.T) {
	const team, key = danaID, "GET teams/" + danaID + "/channels/name/town-square"
	for body, want := range map[string]error{
		`{"id":"` + demoID + `","team_id":"` + team + `","name":"town-square"}`:               nil,
		`{"id":"` + demoID + `","team_id":"` + team + `","name":"town-square","delete_at":5}`: provision.ErrUnknown,
		`{"id":"` + demoID + `","team_id":"` + demoID + `","name":"town-square"}`:             upstream.ErrInvalid,
		`{"id":"` + demoID + `","team_id":"` + team + `","name":"off-topic"}`:                 upstream.ErrInvalid,
	} {
		s, c := start(t)
		s.set(key, reply(200, body))
		if got, err := c.ChannelID(t.Context(), team, "town-square"); !errors.Is(err, want) || err == nil && got != demoID {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
}
