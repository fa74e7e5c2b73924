package simulator_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"matterpass/internal/simulator"
)

type settings = simulator.Settings

// prepare brings the world into the state in which an exchange was recorded.
func prepare(w *world) {
	for _, p := range preparations() {
		if matches(w.name, strings.Fields(p.before)...) {
			p.do(w)
		}
	}
}

type preparation struct {
	before string // patterns of transcript names
	do     func(*world)
}

func configure(change func(*settings)) func(*world) {
	return func(w *world) { w.Configure(change) }
}

func preparations() []preparation {
	return append(append(settingsBefore(), accountsBefore()...), sessionsBefore()...)
}

func settingsBefore() []preparation {
	return []preparation{
		{"cookies-siteurl-https* cookies-subdomains-* logout-subdomains-*",
			configure(func(s *settings) { s.ServiceSettings.SiteURL = "https://chat.erp.test" })},
		{"cookies-subdomains-* logout-subdomains-*",
			configure(func(s *settings) { s.ServiceSettings.AllowCookiesForSubdomains = true })},
		{"login-email-not-verified",
			configure(func(s *settings) { s.EmailSettings.RequireEmailVerification = true })},
		{"login-signin-off-both-* login-signin-off-email-*",
			configure(func(s *settings) { s.EmailSettings.EnableSignInWithEmail = false })},
		{"login-signin-off-both-* login-signin-off-username-*",
			configure(func(s *settings) { s.EmailSettings.EnableSignInWithUsername = false })},
		{"login-wrong-password-with-sso-enabled login-password-gitlab-user",
			configure(func(s *settings) { s.GitLabSettings.Enable = true })},
		{"cors-set-*", configure(func(s *settings) {
			s.ServiceSettings.AllowCorsFrom, s.ServiceSettings.CorsAllowCredentials = "https://portal.erp.test", true
		})},
		{"ws-cors-*",
			configure(func(s *settings) { s.ServiceSettings.AllowCorsFrom = "https://portal.erp.test https://other.erp.test" })},
		{"ws-cors-star-*", configure(func(s *settings) { s.ServiceSettings.AllowCorsFrom = "*" })},
		{"headers-root-frameancestors*",
			configure(func(s *settings) { s.ServiceSettings.FrameAncestors = "https://portal.erp.test https://*.erp.test" })},
		{"headers-root-devflags",
			configure(func(s *settings) { s.ServiceSettings.DeveloperFlags = "unsafe-inline=true,unsafe-eval=true" })},
		{"headers-root-hsts", configure(func(s *settings) { s.ServiceSettings.TLSStrictTransport = true })},
		{"strict-*", configure(func(s *settings) { s.ServiceSettings.ExperimentalStrictCSRFEnforcement = true })},
		{"pat-feature-off-*", configure(func(s *settings) { s.ServiceSettings.EnableUserAccessTokens = false })},
		{"team-member-add-team-full", configure(func(s *settings) { s.TeamSettings.MaxUsersPerTeam = 1 })},
		{"adminpw-*-terminate-False",
			configure(func(s *settings) { s.ServiceSettings.TerminateSessionsOnPasswordChange = false })},
	}
}

func accountsBefore() []preparation {
	return []preparation{
		{"login-lock-attempt-*", func(w *world) {
			n, _ := strconv.Atoi(w.name[len(w.name)-2:])
			w.SetFailedAttempts("frank@erp.test", n-1)
		}},
		{"login-locked-*", func(w *world) { w.SetFailedAttempts("frank@erp.test", 10) }},
		{"login-mfa-code-replayed login-mfa-skew-30s login-mfa-skew+30s", func(w *world) {
			w.login2("carol", "Passw0rd-carol", w.code("0"))
		}},
		{"login-after-password-put", func(w *world) { w.SetVerified("bob@erp.test", true) }},
		{"login-signin-off-username-by-email login-text-plain-ct", func(w *world) { w.SetFailedAttempts("alice@erp.test", 1) }},
		{"login-mfa-right-code login-mfa-skew+30s", func(w *world) { w.SetFailedAttempts("carol@erp.test", 1) }},
		{"login-password-gitlab-user", func(w *world) {
			w.ask("PUT", "/users/"+w.person("bob")+"/auth", `{"auth_service":"gitlab","auth_data":"4711"}`)
		}},
		{"d-plugin-mfa-user-me", func(w *world) {
			w.SetVerified("carol@erp.test", true)
			w.ask("PUT", "/users/"+w.person("carol")+"/auth", `{"auth_service":"gitlab","auth_data":"4711"}`)
		}},
		{"login-with-existing-cookie-xrw", setPassword("bob")},
		{"login-garbage-hash already-hashed-*", func(w *world) {
			w.ask("PUT", "/users/"+w.person("ah2045657")+"/password", `{"new_password":"garbage","already_hashed":"true"}`)
		}},
		{"users-email users-email-case users-username* user-create-dup-email* user-create-dup-username user-create-dup-both",
			func(w *world) { w.person("e19911") }},
		{"user-create-dup-of-deactivated users-email-deactivated", func(w *world) {
			w.AddPerson(simulator.Person{Email: "eva19911@erp.test", Inactive: true})
		}},
		{"users-get-deactivated user-delete-again team-member-add-deactivated me-deactivated-* me-reactivated-*",
			func(w *world) { w.SetActive("e19911@erp.test", false) }},
		{"me-reactivated-*", func(w *world) { w.SetActive("e19911@erp.test", true) }},
		{"limits-server-at-hard-limit user-create-over-hard-limit user-activate-over-hard-limit", crowd},
		{"user-activate-over-hard-limit", func(w *world) { w.SetActive("former@erp.test", false) }},
		{"user-activate-over-hard-limit", func(w *world) { w.AddPerson(simulator.Person{Email: "last@erp.test"}) }},
		{"status-set", func(w *world) {
			w.as("alice", "POST", "/channels/members/me/view", w.resolve(`{"channel_id":"{{channel:off-topic}}"}`))
		}},
		{"pat-list", func(w *world) { w.resolve("{{pat:alice}}") }},
		{"pat-session-visible", func(w *world) {
			w.do("GET", "/api/v4/users/me", "", "Authorization", "Bearer "+w.resolve("{{pat:alice}}"))
		}},
		{"sessions-admin-list", func(w *world) { w.resolve("{{token:e19911}}") }},
		{"channel-create-dup", func(w *world) { w.channel("proj-19911") }},
		{"posts-of-channel", func(w *world) { w.resolve("{{post:bob:1}}") }},
		{"preferences-of-me", func(w *world) {
			id := w.person("alice")
			w.ask("PUT", "/users/"+id+"/preferences", fmt.Sprintf(`[{"user_id":%q,"category":"c","name":"n","value":"v"}]`, id))
		}},
	}
}

func sessionsBefore() []preparation {
	return []preparation{
		{"me-after-logout logout-again pat-cookie-me-after-logout", revoke("alice")},
		{"me-revoked* me-pat-after-revoke-all", revoke("e19911")},
		{"sessions-revoke-again", revoke("e19911")},
		{"me-expired", func(w *world) { w.AgeSessions("alice@erp.test", 721*time.Hour) }},
		{"extend-*", func(w *world) { w.AgeSessions("alice@erp.test", 8*time.Hour) }},
		{"adminpw-first-* adminpw-old-*-True", setPassword("pw8763009")},
		{"adminpw-first-* adminpw-old-*-False", setPassword("pw1491415")},
		{"pat-disabled-me pat-enabled-me", token("disable")},
		{"pat-enabled-me", token("enable")},
		{"pat-revoked-me", token("revoke")},
		{"d-plugin-bare-post-nocsrf d-plugin-roles-nocsrf-post-nocsrf", func(w *world) { // renewed before
			w.do("POST", "/api/v4/posts", w.resolve(`{"channel_id":"{{channel:town-square}}","message":"x"}`),
				"Cookie", "MMAUTHTOKEN="+w.resolve("{{minted:"+strings.TrimSuffix(strings.TrimPrefix(w.name, "d-plugin-"), "-post-nocsrf")+"}}"))
		}},
		{"dbdown-me-uncached-session dbdown-admin-*", func(w *world) { w.InvalidateCaches() }},
		{"dbdown-*", func(w *world) { w.FailDatabase(true) }},
		{"dbup-again-me", func(w *world) {
			w.FailDatabase(true)
			w.FailDatabase(false)
		}},
	}
}

func revoke(name string) func(*world) {
	return func(w *world) { w.RevokeSessions(w.email(name)) }
}

func setPassword(name string) func(*world) {
	return func(w *world) {
		w.ask("PUT", "/users/"+w.person(name)+"/password", `{"new_password":"Random-Pass-1"}`)
	}
}

func token(verb string) func(*world) {
	return func(w *world) {
		w.ask("POST", "/users/tokens/"+verb, fmt.Sprintf(`{"token_id":%q}`, w.bound["{{token-id:alice}}"]))
	}
}

func (w *world) login2(name, password, code string) answer {
	return w.do("POST", "/api/v4/users/login", fmt.Sprintf(`{"login_id":%q,"password":%q,"token":%q}`, name, password, code))
}

// crowd fills the server to its limit of 250 active people.
func crowd(w *world) {
	for i := 0; ; i++ {
		a := w.ask("GET", "/limits/server", "")
		if strings.Contains(a.text, `"activeUserCount":250`) {
			return
		}
		w.AddPerson(simulator.Person{Email: fmt.Sprintf("n%d@erp.test", i)})
	}
}
