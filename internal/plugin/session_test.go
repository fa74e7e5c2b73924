package plugin_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/companion"
)

func TestAccountThatChangesMeanwhileKeepsNoSession(t *testing.T) {
	tests := map[string]struct {
		created func(*rig) func(*model.Session)
		want    companion.Code
	}{
		"deactivated":  {during(func(r *rig) { r.user.DeleteAt = 1 }), companion.CodeChanged},
		"promoted":     {during(func(r *rig) { r.user.Roles = "system_user system_admin" }), companion.CodeChanged},
		"demoted":      {during(func(r *rig) { r.user.Roles = "system_guest" }), companion.CodeChanged},
		"has MFA now":  {during(func(r *rig) { r.user.MfaActive = true }), companion.CodeChanged},
		"gone":         {during(func(r *rig) { r.user.Id = serverID }), companion.CodeUnavailable},
		"not readable": {during(func(r *rig) { r.fail["GetUser"] = broken(500) }), companion.CodeUnavailable},
		"another's session": {func(*rig) func(*model.Session) {
			return func(s *model.Session) { s.UserId = serverID }
		}, companion.CodeUnavailable},
		"a session without a token": {func(*rig) func(*model.Session) {
			return func(s *model.Session) { s.Token = "" }
		}, companion.CodeUnavailable},
		"a session without a CSRF value": {func(*rig) func(*model.Session) {
			return func(s *model.Session) { delete(s.Props, "csrf") }
		}, companion.CodeUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.created = tt.created(r)
			r.refused(t, tt.want)
			if r.live() != 0 || len(r.revoked) != 1 {
				t.Errorf("%d live, %v revoked", r.live(), r.revoked)
			}
		})
	}
}

func during(change func(*rig)) func(*rig) func(*model.Session) {
	return func(r *rig) func(*model.Session) {
		return func(*model.Session) {
			r.mu.Lock()
			defer r.mu.Unlock()
			change(r)
		}
	}
}

func TestSessionThatCannotBeEndedIsInTheLog(t *testing.T) {
	r := newRig(t)
	r.fail["RevokeSession"] = broken(http.StatusInternalServerError)
	r.created = during(func(r *rig) { r.user.DeleteAt = 1 })(r)
	r.refused(t, companion.CodeChanged)
	if !strings.Contains(r.trail(), `"LogError"`) {
		t.Error(r.trail())
	}
}

func TestSessionWhoseAnswerDoesNotGetAwayIsEnded(t *testing.T) {
	r := newRig(t)
	request, _ := r.request(t, r.ask())
	r.ServeHTTP(deaf{httptest.NewRecorder()}, request)
	if r.live() != 0 || len(r.revoked) != 1 {
		t.Errorf("%d live, %v revoked", r.live(), r.revoked)
	}
}

type deaf struct{ *httptest.ResponseRecorder }

func (deaf) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestSessionsEndWithTheShortestOfThreeLimits(t *testing.T) {
	tests := map[string]struct {
		mattermost, plugin int
		asked              int64
		want               time.Duration
	}{
		"Mattermost's own":       {720, 0, 0, 720 * time.Hour},
		"what was asked for":     {720, 100, 3600, time.Hour},
		"the plugin's":           {720, 8, 86400, 8 * time.Hour},
		"never longer than asks": {24, 48, 999999999, 24 * time.Hour},
		"an absurd wish":         {24, 0, 1 << 62, 24 * time.Hour},
		"a negative wish":        {24, 0, -5, 24 * time.Hour},
		"no setting":             {0, 0, 0, 720 * time.Hour},
	}
	for name, tt := range tests {
		r := newRig(t)
		r.config.ServiceSettings.SessionLengthWebInHours = &tt.mattermost
		if tt.mattermost == 0 {
			r.config.ServiceSettings.SessionLengthWebInHours = nil
		}
		r.settings["maxsessionhours"] = tt.plugin
		r.reload(t)
		got := r.mint(t, func(a *ask) { a.mint.MaxAge = tt.asked })
		if length := time.UnixMilli(got.ExpiresAt).Sub(r.now()); length != tt.want {
			t.Errorf("%s: %s, want %s", name, length, tt.want)
		}
	}
}

func TestPingTellsServerAndTimeAlsoToLateQuestions(t *testing.T) {
	r := newRig(t)
	ping := r.ask(func(a *ask) {
		a.envelope.Method, a.envelope.Path = http.MethodGet, companion.RoutePing
		a.envelope.ServerID, a.envelope.UserID = "", ""
		a.envelope.Created = a.envelope.Created.Add(-time.Hour)
	})
	for range 2 {
		got := decode[companion.Pong](t, r.send(t, ping).Body.Bytes())
		want := companion.Pong{Version: "1.2.3", ServerID: serverID, Now: r.now().UnixMilli()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestServersIDIsAskedAgainUntilThereIsOne(t *testing.T) {
	r := newRig(t)
	r.server = ""
	r.reload(t) // Mattermost starts plugins early
	r.server = serverID
	r.mint(t)
}

func TestTrailNamesPeopleAndNoSecret(t *testing.T) {
	r := newRig(t)
	withMFA(r)
	code := r.code(t, 0)
	got := r.mint(t, func(a *ask) { a.mint.Code = code })
	r.refused(t, companion.CodeMFAWrong, func(a *ask) { a.mint.Code = code })
	trail := r.trail()
	for _, want := range []string{`"LogInfo"`, `"LogWarn"`, userID, got.SessionID, "203.0.113.7", "verified", "mfa_wrong"} {
		if !strings.Contains(trail, want) {
			t.Errorf("no %s in %s", want, trail)
		}
	}
	for _, unwanted := range []string{got.Token, got.CSRF, code, secret, mfaSecret} {
		if strings.Contains(trail, unwanted) {
			t.Errorf("%s is in the trail", unwanted)
		}
	}
}

func TestEveryRefusalIsWellFormed(t *testing.T) {
	for _, code := range companion.Codes() {
		if text, err := json.Marshal(companion.Refused{Code: code}); err != nil || !strings.Contains(string(text), string(code)) {
			t.Error(code, err)
		}
	}
}
