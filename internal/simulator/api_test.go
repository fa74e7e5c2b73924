package simulator_test

import (
	"fmt"
	"net/http"
	"testing"

	"matterpass/internal/simulator"
)

// What the recordings don't show: refusals and a few calls that a client of the API expects.
func TestAPI(t *testing.T) {
	private := `{"team_id":"{{team:erp}}","name":"secret","display_name":"Secret","type":"P"}`
	for name, test := range map[string]struct {
		as, method, path, body string
		status                 int
		id                     string
	}{
		"a team by id":                   {"alice", "GET", "/teams/{{team:erp}}", "", 200, "{{team:erp}}"},
		"a team nobody has":              {"alice", "GET", "/teams/aaaaaaaaaaaaaaaaaaaaaaaaaa", "", 404, "app.team.get.find.app_error"},
		"a team with a bad id":           {"alice", "GET", "/teams/x", "", 400, "api.context.invalid_url_param.app_error"},
		"a team's name twice":            {"admin", "POST", "/teams", `{"name":"erp","display_name":"E"}`, 400, "app.team.save.existing.app_error"},
		"a team without a name":          {"admin", "POST", "/teams", `{}`, 400, "api.context.invalid_body_param.app_error"},
		"a membership":                   {"alice", "GET", "/teams/{{team:erp}}/members/{{user:alice}}", "", 200, ""},
		"no membership":                  {"admin", "GET", "/teams/{{team:erp}}/members/{{user:v19911}}", "", 404, "app.team.get_member.missing.app_error"},
		"a batch with a stranger":        {"admin", "POST", "/teams/{{team:erp}}/members/batch", `[{"team_id":"{{team:erp}}","user_id":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}]`, 404, "app.user.missing_account.const"},
		"a member without an id":         {"admin", "POST", "/teams/{{team:erp}}/members", `{"team_id":"{{team:erp}}"}`, 400, "api.context.invalid_body_param.app_error"},
		"leaving where one is not":       {"admin", "DELETE", "/teams/{{team:erp}}/members/{{user:v19911}}", "", 404, "app.team.get_member.missing.app_error"},
		"a channel by id":                {"alice", "GET", "/channels/{{channel:orders}}", "", 200, "{{channel:orders}}"},
		"a channel by two names":         {"alice", "GET", "/teams/name/erp/channels/name/orders", "", 200, "{{channel:orders}}"},
		"a channel of no team":           {"alice", "GET", "/teams/name/none/channels/name/orders", "", 404, "app.team.get_by_name.missing.app_error"},
		"a channel nobody has":           {"alice", "GET", "/teams/{{team:erp}}/channels/name/none", "", 404, "app.channel.get_by_name.missing.app_error"},
		"a private channel to a member":  {"admin", "POST", "/channels", private, 201, ""},
		"a private channel to strangers": {"alice", "GET", "/channels/{{channel:hidden}}", "", 403, "api.context.permissions.app_error"},
		"a channel in a foreign team":    {"v19911", "POST", "/channels", private, 403, "api.context.permissions.app_error"},
		"a channel in no team":           {"alice", "POST", "/channels", `{"team_id":"x","name":"secret"}`, 404, "app.team.get.find.app_error"},
		"a channel without a name":       {"alice", "POST", "/channels", `{}`, 400, "api.context.invalid_body_param.app_error"},
		"a channel's member":             {"alice", "GET", "/channels/{{channel:off-topic}}/members/me", "", 200, ""},
		"not a channel's member":         {"admin", "GET", "/channels/{{channel:orders}}/members/{{user:v19911}}", "", 404, "app.channel.get_member.missing.app_error"},
		"a direct channel with nobody":   {"alice", "POST", "/channels/direct", `["{{user:alice}}","aaaaaaaaaaaaaaaaaaaaaaaaaa"]`, 404, "app.user.missing_account.const"},
		"a direct channel of others":     {"alice", "POST", "/channels/direct", `["{{user:bob}}","{{user:carol}}"]`, 400, "api.context.invalid_body_param.app_error"},
		"unread of a foreign channel":    {"alice", "GET", "/users/me/channels/{{channel:hidden}}/unread", "", 403, "api.context.permissions.app_error"},
		"a post":                         {"alice", "GET", "/posts/{{post:bob}}", "", 200, "{{post:bob}}"},
		"a post nobody wrote":            {"alice", "GET", "/posts/none", "", 404, "app.post.get.app_error"},
		"editing another's post":         {"alice", "PUT", "/posts/{{post:bob}}/patch", `{"message":"x"}`, 403, "api.context.permissions.app_error"},
		"deleting another's post":        {"alice", "DELETE", "/posts/{{post:bob}}", "", 403, "api.context.permissions.app_error"},
		"editing to nothing":             {"bob", "PUT", "/posts/{{post:bob}}/patch", `{}`, 400, "api.context.invalid_body_param.app_error"},
		"posting where one is not":       {"alice", "POST", "/posts", `{"channel_id":"{{channel:hidden}}","message":"x"}`, 403, "api.context.permissions.app_error"},
		"posting nothing":                {"alice", "POST", "/posts", `{"channel_id":"{{channel:off-topic}}","message":" "}`, 400, "api.context.invalid_body_param.app_error"},
		"a user's page":                  {"alice", "GET", "/users", "", 200, ""},
		"another's preferences":          {"alice", "GET", "/users/{{user:bob}}/preferences", "", 403, "api.context.permissions.app_error"},
		"preferences that are none":      {"alice", "PUT", "/users/me/preferences", `[]`, 400, "api.context.invalid_body_param.app_error"},
		"no preferences":                 {"alice", "GET", "/users/me/preferences", "", 200, ""},
		"a status there is not":          {"alice", "PUT", "/users/me/status", `{"user_id":"{{user:alice}}","status":"busy"}`, 400, "api.context.invalid_body_param.app_error"},
		"a status of nobody":             {"alice", "PUT", "/users/me/status", `{}`, 400, "api.context.invalid_body_param.app_error"},
		"roles that are none":            {"admin", "PUT", "/users/{{user:bob}}/roles", `{"roles":"?"}`, 400, "api.context.invalid_body_param.app_error"},
		"roles by a member":              {"alice", "PUT", "/users/{{user:bob}}/roles", `{"roles":"system_admin"}`, 403, "api.context.permissions.app_error"},
		"a device":                       {"alice", "PUT", "/users/sessions/device", `{"device_id":"android:1"}`, 200, ""},
		"a device without an id":         {"alice", "PUT", "/users/sessions/device", `{}`, 400, "api.context.invalid_body_param.app_error"},
		"a token nobody has":             {"admin", "POST", "/users/tokens/revoke", `{"token_id":"x"}`, 400, "api.context.invalid_body_param.app_error"},
		"another's token":                {"bob", "POST", "/users/tokens/revoke", `{"token_id":"{{token-id:alice}}"}`, 403, "api.context.permissions.app_error"},
		"limits to a member":             {"alice", "GET", "/limits/server", "", 403, "api.context.permissions.app_error"},
		"configuration to a member":      {"alice", "GET", "/config", "", 403, "api.context.permissions.app_error"},
		"configuration that is none":     {"admin", "PUT", "/config/patch", `[]`, 400, "api.context.invalid_body_param.app_error"},
		"forgetting caches":              {"admin", "POST", "/caches/invalidate", "", 200, ""},
		"revoking no session":            {"alice", "POST", "/users/me/sessions/revoke", `{}`, 400, "api.context.invalid_body_param.app_error"},
		"a wrong old password":           {"alice", "PUT", "/users/{{user:alice}}/password", `{"current_password":"x","new_password":"long-enough"}`, 400, "api.user.update_password.incorrect.app_error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "api")
			w.channel("hidden")
			w.resolve("{{token:" + test.as + "}}")
			got := w.as(test.as, test.method, w.resolve(test.path), w.resolve(test.body))
			if got.StatusCode != test.status || (test.id != "" && got.id() != w.resolve(test.id)) {
				t.Errorf("%d %s, want %d %s", got.StatusCode, got.text, test.status, test.id)
			}
		})
	}
}

// The official client turns an empty user id into this path (docs/mattermost.md E10): whoever sends it signs
// everybody out, so tests must be able to see it happen.
func TestRevokingWithoutAUserEndsEverybodysSessions(t *testing.T) {
	w := newWorld(t, "api")
	for _, name := range []string{"alice", "bob"} {
		w.resolve("{{token:" + name + "}}")
	}
	if got := w.ask("POST", "/users/sessions/revoke/all", ""); got.StatusCode != http.StatusOK {
		t.Fatal(got.text)
	}
	if n := w.Sessions("alice@erp.test") + w.Sessions("bob@erp.test"); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestPreferencesAreReplacedByName(t *testing.T) {
	w := newWorld(t, "api")
	for _, value := range []string{"1", "2"} {
		w.as("alice", "PUT", "/users/me/preferences", fmt.Sprintf(w.resolve(`[{"user_id":"{{user:alice}}","category":"c","name":"n","value":%q}]`), value))
	}
	want := w.resolve(`[{"user_id":"{{user:alice}}","category":"c","name":"n","value":"2"}]`) + "\n"
	if got := w.as("alice", "GET", "/users/me/preferences", "").text; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSeedingTwiceChangesNothing(t *testing.T) {
	s := simulator.New(simulator.Options{Demo: true, AdminToken: "abcdefghijklmnopqrstuvwxyz", Password: "another-one"})
	defer s.Close()
	id := s.UserID(simulator.DemoEmail)
	s.Seed()
	if s.UserID(simulator.DemoEmail) != id || s.AdminToken() != "abcdefghijklmnopqrstuvwxyz" || s.Password() != "another-one" {
		t.Error("the second seed made other people")
	}
	if s.Handler() == nil || s.UserID("nobody@erp.test") != "" || s.FailedAttempts("nobody@erp.test") != -1 {
		t.Error("nobody is somebody")
	}
}
