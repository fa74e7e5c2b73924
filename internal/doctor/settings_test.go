package doctor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/doctor"
)

const (
	chat = "https://chat.example.com"
	erp  = "https://erp.example.com"
)

func wanted() doctor.Wanted {
	return doctor.Wanted{Chat: chat, Gateway: true, Origins: []string{erp}, Tries: 5, OwnPaths: []string{"embed", "launch"}}
}

// sound is a Mattermost that is set as it should be.
func sound() doctor.Live {
	var l doctor.Live
	l.ServiceSettings.SiteURL, l.ServiceSettings.FrameAncestors = chat, erp
	l.ServiceSettings.SessionLengthWebInHours, l.ServiceSettings.MaximumLoginAttempts = 720, 10
	l.ServiceSettings.TrustedProxyIPHeader = []string{"X-Forwarded-For"}
	l.EmailSettings.EnableSignInWithEmail, l.ServiceSettings.ExtendSessionLengthWithActivity = true, true
	return l
}

func TestASoundMattermostIsFoundSound(t *testing.T) {
	for _, gateway := range []bool{true, false} {
		w := wanted()
		w.Gateway = gateway
		findings := doctor.Settings(w, sound())
		if got := doctor.Worst(findings); got != doctor.Fine || len(doctor.Fixes(findings)) > 0 {
			t.Errorf("gateway %t: %s: %+v", gateway, got, findings)
		}
	}
}

func TestEveryWrongSettingIsNamedWithTheValueThatHelps(t *testing.T) {
	cases := map[string]struct {
		wrong   func(*doctor.Wanted, *doctor.Live)
		check   string
		verdict doctor.Verdict
		setting string
		value   any
		fixable bool
	}{
		"another address": {func(_ *doctor.Wanted, l *doctor.Live) { l.ServiceSettings.SiteURL = "http://mattermost:8065" },
			"site_url", doctor.Warning, "ServiceSettings.SiteURL", chat, true},
		"no address": {func(_ *doctor.Wanted, l *doctor.Live) { l.ServiceSettings.SiteURL = "" },
			"site_url", doctor.Warning, "ServiceSettings.SiteURL", chat, true},
		"another address, beside": {func(w *doctor.Wanted, l *doctor.Live) {
			w.Gateway, l.ServiceSettings.SiteURL = false, "http://mattermost:8065"
		}, "site_url", doctor.Failed, "ServiceSettings.SiteURL", chat, true},
		"another address that lets ours in, beside": {func(w *doctor.Wanted, l *doctor.Live) {
			w.Gateway, l.ServiceSettings.SiteURL, l.ServiceSettings.AllowCorsFrom = false, "http://mattermost:8065", "https://x.test "+chat
		}, "site_url", doctor.Warning, "ServiceSettings.SiteURL", chat, true},
		"sockets elsewhere": {func(_ *doctor.Wanted, l *doctor.Live) { l.ServiceSettings.WebsocketURL = "wss://mattermost:8065" },
			"websocket_url", doctor.Failed, "ServiceSettings.WebsocketURL", "", true},
		"framed by another, beside": {func(w *doctor.Wanted, l *doctor.Live) {
			w.Gateway, l.ServiceSettings.FrameAncestors = false, "https://portal.example.com"
		}, "frame_ancestors", doctor.Failed, "ServiceSettings.FrameAncestors", "https://portal.example.com " + erp, true},
		"cookies of a domain": {func(_ *doctor.Wanted, l *doctor.Live) { l.ServiceSettings.AllowCookiesForSubdomains = true },
			"cookie_domain", doctor.Warning, "ServiceSettings.AllowCookiesForSubdomains", false, true},
		"no e-mail": {func(_ *doctor.Wanted, l *doctor.Live) { l.EmailSettings.EnableSignInWithEmail = false },
			"sign_in_by_email", doctor.Failed, "EmailSettings.EnableSignInWithEmail", true, true},
		"an early lock": {func(_ *doctor.Wanted, l *doctor.Live) { l.ServiceSettings.MaximumLoginAttempts = 5 },
			"login_attempts", doctor.Warning, "ServiceSettings.MaximumLoginAttempts", 10, true},
		"a lock before many tries": {func(w *doctor.Wanted, _ *doctor.Live) { w.Tries = 20 },
			"login_attempts", doctor.Warning, "ServiceSettings.MaximumLoginAttempts", 21, true},
		"limits of its own": {func(_ *doctor.Wanted, l *doctor.Live) { l.RateLimitSettings.Enable = true },
			"rate_limit", doctor.Warning, "RateLimitSettings.Enable", false, true},
		"everybody is Matterpass": {func(_ *doctor.Wanted, l *doctor.Live) {
			l.ServiceSettings.TrustedProxyIPHeader = []string{"X-Real-IP"}
		}, "client_addresses", doctor.Warning, "ServiceSettings.TrustedProxyIPHeader", []string{"X-Forwarded-For"}, true},
		"sessions shorter than asked": {func(w *doctor.Wanted, _ *doctor.Live) { w.MaxAge = 721 * time.Hour },
			"session_length", doctor.Warning, "SESSION_MAX_AGE", nil, false},
		"sessions that end in use": {func(_ *doctor.Wanted, l *doctor.Live) { l.ServiceSettings.ExtendSessionLengthWithActivity = false },
			"session_end", doctor.Warning, "ServiceSettings.ExtendSessionLengthWithActivity", true, true},
		"open to every page": {func(_ *doctor.Wanted, l *doctor.Live) { l.ServiceSettings.AllowCorsFrom = "*" },
			"cors", doctor.Warning, "ServiceSettings.AllowCorsFrom", "", false},
		"a landing page": {func(_ *doctor.Wanted, l *doctor.Live) { l.ServiceSettings.EnableDesktopLandingPage = true },
			"newcomer_screens", doctor.Warning, "ServiceSettings.EnableDesktopLandingPage", false, true},
		"open sign-up": {func(_ *doctor.Wanted, l *doctor.Live) {
			l.TeamSettings.EnableOpenServer, l.TeamSettings.EnableUserCreation = true, true
		}, "sign_up", doctor.Warning, "TeamSettings.EnableOpenServer", false, false},
		"open sign-up, beside": {func(w *doctor.Wanted, l *doctor.Live) {
			w.Gateway, l.TeamSettings.EnableOpenServer, l.TeamSettings.EnableUserCreation = false, true, true
		}, "sign_up", doctor.Warning, "TeamSettings.EnableOpenServer", false, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w, l := wanted(), sound()
			c.wrong(&w, &l)
			findings := doctor.Settings(w, l)
			at := slices.IndexFunc(findings, func(f doctor.Finding) bool { return f.Verdict != doctor.Fine })
			if at < 0 {
				t.Fatal("nothing was found")
			}
			got := findings[at]
			got.Says, got.Restart = "", false
			want := doctor.Finding{Check: c.check, Verdict: c.verdict, Setting: c.setting, Value: c.value, Fixable: c.fixable}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if doctor.Count(findings, doctor.Fine) != len(findings)-1 {
				t.Errorf("more than one thing was found: %+v", findings)
			}
		})
	}
}

func TestEveryScreenForNewcomersIsNamed(t *testing.T) {
	l := sound()
	l.ServiceSettings.EnableDesktopLandingPage, l.ServiceSettings.EnableOnboardingFlow, l.ServiceSettings.EnableTutorial = true, true, true
	patch := doctor.Patch(doctor.Fixes(doctor.Settings(wanted(), l)))
	want := map[string]map[string]any{"ServiceSettings": {"EnableDesktopLandingPage": false, "EnableOnboardingFlow": false, "EnableTutorial": false}}
	if diff := cmp.Diff(want, patch); diff != "" {
		t.Error(diff)
	}
}

func TestShorterSessionsAreNoFault(t *testing.T) {
	w := wanted()
	w.MaxAge = 90 * time.Minute
	for _, f := range doctor.Settings(w, sound()) {
		if f.Check == "session_length" && (f.Verdict != doctor.Fine || !strings.Contains(f.Says, "1h30m")) {
			t.Errorf("%+v", f)
		}
	}
}

func TestTheLastSeatIsSeenComing(t *testing.T) {
	for name, c := range map[string]struct {
		taken, most int
		want        doctor.Verdict
	}{
		"no limit": {1000, 0, doctor.Fine}, "room": {89, 100, doctor.Fine}, "soon": {90, 100, doctor.Warning},
		"none left": {100, 100, doctor.Failed}, "over": {101, 100, doctor.Failed},
	} {
		if got := doctor.Seats("team_seats", "MaxUsersPerTeam", c.taken, c.most); got.Verdict != c.want || (c.want == doctor.Fine) != (got.Setting == "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTeamsBehindOurPathsAreNamed(t *testing.T) {
	if got := doctor.Hidden(wanted(), []string{"erp", "embedded"}); got.Verdict != doctor.Fine {
		t.Errorf("%+v", got)
	}
	if got := doctor.Hidden(wanted(), []string{"erp", "launch", "embed"}); got.Verdict != doctor.Warning || !strings.Contains(got.Says, "launch, embed") {
		t.Errorf("%+v", got)
	}
}

func TestTheWorstFindingCounts(t *testing.T) {
	list := []doctor.Finding{}
	for _, v := range []doctor.Verdict{doctor.Fine, doctor.Unknown, doctor.Warning, doctor.Failed} {
		list = append(list, doctor.Found("x", v, ""))
		if got := doctor.Worst(list); got != v {
			t.Errorf("%s, want %s", got, v)
		}
	}
	if got := doctor.Holds("x", "it is so", nil); got.Verdict != doctor.Fine || got.Says != "it is so" {
		t.Errorf("%+v", got)
	}
	if got := doctor.Holds("x", "it is so", errAway); got.Verdict != doctor.Failed || got.Says != "away" {
		t.Errorf("%+v", got)
	}
}
