package mattermost_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/upstream"
)

func TestSignInHandsOverTheWholeSession(t *testing.T) {
	_, c := start(t)
	got, err := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser)
	if err != nil {
		t.Fatal(err)
	}
	if in := time.Until(got.ExpiresAt); in < 30*24*time.Hour-time.Minute || in > 30*24*time.Hour {
		t.Errorf("the session ends in %s", in)
	}
	got.ExpiresAt = time.Time{}
	want := login.Session{
		User:  login.User{ID: demoID, Username: "demo", Email: "demo@erp.test"},
		Token: demoToken, CSRF: demoCSRF, Profile: []byte(demoUser),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSignInSendsWhatMattermostWantsAndNothingElse(t *testing.T) {
	s, c := start(t, func(o *mattermost.Options) { o.HTTPS = true })
	if _, err := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser); err != nil {
		t.Fatal(err)
	}
	r, body := s.request(t, signIn)
	if want := `{"login_id":"demo@erp.test","password":"right"}`; body != want {
		t.Errorf("body %s, want %s", body, want)
	}
	want := http.Header{
		"X-Requested-With":  {"XMLHttpRequest"},
		"X-Forwarded-Proto": {"https"},
		"X-Forwarded-For":   {"203.0.113.7"},
		"User-Agent":        {"Firefox/150"},
		"Content-Type":      {"application/json"},
		"Content-Length":    {fmt.Sprint(len(body))},
		"Accept-Encoding":   {"gzip"},
	}
	if diff := cmp.Diff(want, r.Header); diff != "" {
		t.Error(diff)
	}
}

func TestOneTimeCodeIsSentWhenThereIsOne(t *testing.T) {
	s, c := start(t)
	if _, err := c.SignIn(t.Context(), "demo@erp.test", "right", "123456", login.Client{UserAgent: "a\r\nb: c\u202e"}); err != nil {
		t.Fatal(err)
	}
	r, body := s.request(t, signIn)
	if want := `{"login_id":"demo@erp.test","password":"right","token":"123456"}`; body != want {
		t.Errorf("body %s, want %s", body, want)
	}
	if got := r.Header.Get("User-Agent"); got != "ab: c" {
		t.Errorf("User-Agent %q", got)
	}
	if r.Header["X-Forwarded-Proto"] != nil || r.Header["X-Forwarded-For"] != nil {
		t.Errorf("headers nobody asked for: %v", r.Header)
	}
}

func TestRefusalsSayWhetherTheyCount(t *testing.T) {
	refusals := map[string]struct {
		status             int
		id                 string
		counted, needsCode bool
	}{
		"wrong password":           {401, "api.user.login.invalid_credentials_email_username", true, false},
		"wrong, e-mail only":       {401, "api.user.login.invalid_credentials_email", true, false},
		"wrong, single sign-on on": {401, "api.user.login.invalid_credentials_sso", true, false},
		"code needed":              {401, "mfa.validate_token.authenticate.app_error", false, true},
		"code wrong":               {401, "api.user.check_user_mfa.bad_code.app_error", true, true},
		"deactivated":              {401, "api.user.login.inactive.app_error", false, false},
		"bot":                      {401, "api.user.login.bot_login_forbidden.app_error", false, false},
		"remote":                   {401, "api.user.login.remote_users.login.error", false, false},
		"not verified":             {401, "api.user.login.not_verified.app_error", false, false},
		"locked":                   {401, "api.user.check_user_login_attempts.too_many.app_error", false, false},
		"locked by LDAP":           {401, "api.user.check_user_login_attempts.too_many_ldap.app_error", false, false},
		"blank password":           {400, "api.user.login.blank_pwd.app_error", false, false},
		"client certificate":       {400, "api.user.login.client_side_cert.certificate.app_error", false, false},
	}
	for name, tc := range refusals {
		t.Run(name, func(t *testing.T) {
			s, c := start(t)
			s.set(signIn, refuse(tc.status, tc.id))
			_, err := c.SignIn(t.Context(), "demo@erp.test", "wrong", "", browser)
			var got *login.Refusal
			if !errors.As(err, &got) {
				t.Fatalf("%v is no refusal", err)
			}
			if diff := cmp.Diff(&login.Refusal{
				Reason: tc.id, Counted: tc.counted, NeedsCode: tc.needsCode, Locked: strings.HasPrefix(name, "locked"),
			}, got); diff != "" {
				t.Error(diff)
			}
			if s.times(signIn) != 1 {
				t.Errorf("sent %d times", s.times(signIn))
			}
		})
	}
}

func TestHalfASessionIsInvalidAndEnded(t *testing.T) {
	const other = "zzzzaanrninw9xks9d757kn96c"
	cookies := func(token, user, csrf string) []string {
		return []string{"MMAUTHTOKEN=" + token + "; Path=/", "MMUSERID=" + user, "MMCSRF=" + csrf}
	}
	whole := cookies(demoToken, demoID, demoCSRF)
	tests := map[string]struct {
		tokens, cookies []string
		user            string
		kept            bool // there is no token that could be ended
	}{
		"no Token header":         {cookies: whole, kept: true},
		"two Token headers":       {tokens: []string{demoToken, other}, cookies: whole},
		"token of another form":   {tokens: []string{"abc; Domain=evil"}, cookies: whole, kept: true},
		"token of 5 kB":           {tokens: []string{strings.Repeat("a", 5000)}, cookies: whole, kept: true},
		"cookie unlike the token": {tokens: []string{demoToken}, cookies: cookies(other, demoID, demoCSRF)},
		"no cookies":              {tokens: []string{demoToken}},
		"no MMUSERID":             {tokens: []string{demoToken}, cookies: []string{whole[0], whole[2]}},
		"another's MMUSERID":      {tokens: []string{demoToken}, cookies: cookies(demoToken, danaID, demoCSRF)},
		"no MMCSRF":               {tokens: []string{demoToken}, cookies: whole[:2]},
		"empty MMCSRF":            {tokens: []string{demoToken}, cookies: cookies(demoToken, demoID, "")},
		"two MMAUTHTOKEN":         {tokens: []string{demoToken}, cookies: append(cookies(other, demoID, demoCSRF), whole...)},
		"another person's e-mail": {tokens: []string{demoToken}, cookies: whole, user: strings.Replace(demoUser, "demo@", "dana@", 1)},
		"id of another form":      {tokens: []string{demoToken}, cookies: whole, user: strings.Replace(demoUser, demoID, "../users/me", 1)},
		"null for a user":         {tokens: []string{demoToken}, cookies: whole, user: "null"},
		"array for a user":        {tokens: []string{demoToken}, cookies: whole, user: "[]"},
		"an error with 200":       {tokens: []string{demoToken}, cookies: whole, user: `{"id":"api.user.login.invalid_credentials","status_code":401}`},
		"something after it":      {tokens: []string{demoToken}, cookies: whole, user: demoUser + "<html>"},
		"truncated":               {tokens: []string{demoToken}, cookies: whole, user: demoUser[:40]},
		"empty":                   {tokens: []string{demoToken}, cookies: whole, user: " "},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, c := start(t)
			s.set(signOut, reply(200, `{"status":"OK"}`))
			s.set(signIn, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Token"] = tc.tokens
				w.Header()["Set-Cookie"] = tc.cookies
				if tc.user == "" {
					tc.user = demoUser
				}
				reply(200, tc.user)(w, r)
			})
			session, err := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser)
			if !errors.Is(err, upstream.ErrInvalid) || session.Token != "" {
				t.Fatalf("%+v, %v", session, err)
			}
			if tc.kept {
				return
			}
			if r, _ := s.request(t, signOut); r.Header.Get("Authorization") != "BEARER "+demoToken {
				t.Errorf("ended %q", r.Header.Get("Authorization"))
			}
		})
	}
}

// The client writes the token of a sign-in into itself.
func TestConcurrentSignInsNeverShareATokenTrap(t *testing.T) {
	s, c := start(t)
	var ids [16]string
	for i := range ids {
		ids[i] = fmt.Sprintf("%026d", i)
	}
	s.set(signIn, func(w http.ResponseWriter, r *http.Request) {
		var i int
		_, _ = fmt.Sscanf(r.Header.Get("User-Agent"), "agent %d", &i)
		user := fmt.Sprintf(`{"id":%q,"username":"u%d","email":"u%d@erp.test"}`, ids[i], i, i)
		signedIn(user, ids[i], demoCSRF)(w, r)
	})
	s.set(me, func(w http.ResponseWriter, r *http.Request) {
		id := strings.TrimPrefix(r.Header.Get("Authorization"), "BEARER ")
		reply(200, fmt.Sprintf(`{"id":%q,"username":"u","email":"u@erp.test"}`, id))(w, r)
	})
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			account := email.Address(fmt.Sprintf("u%d@erp.test", i))
			session, err := c.SignIn(context.Background(), account, "right", "", login.Client{UserAgent: fmt.Sprintf("agent %d", i)})
			if err != nil || session.Token != ids[i] {
				t.Errorf("%s got %q, %v", account, session.Token, err)
				return
			}
			if found, err := c.Find(context.Background(), session.Token, ""); err != nil || found.User.ID != ids[i] {
				t.Errorf("%s is %q, %v", account, found.User.ID, err)
			}
		})
	}
	wg.Wait()
}
