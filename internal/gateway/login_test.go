package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"matterpass/internal/gateway"
	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

const (
	loginPath = "/api/v4/users/login"
	someID    = "435uqz4cqp8mjdb33fy5urg1pa"
	good      = `{"login_id":"demo@erp.test","password":"secret"}`
)

// answering is a gateway whose logins end in the given way.
func answering(t *testing.T, session login.Session, err error) *rig {
	t.Helper()
	backend := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a login reached the backend") })
	return start(t, backend, func(o *gateway.Options) {
		o.Login = passwords(func(context.Context, login.Attempt) (login.Session, error) { return session, err })
	})
}

func TestASignInLooksLikeMattermosts(t *testing.T) {
	rig := answering(t, login.Session{
		User: login.User{ID: someID}, Token: "frmcaanrninw9xks9d757kn96c", CSRF: "tz43qix4ibfu8myixs6xmauqre",
		Profile: []byte(`{"id":"` + someID + `","roles":"system_user"}`), Device: "v1.k.d.t.m",
	}, nil)
	for _, path := range spellings(loginPath) {
		a := rig.do("POST", path, good)
		if a.StatusCode != 200 || a.body != `{"id":"`+someID+`","roles":"system_user"}`+"\n" {
			t.Fatalf("%s: %d %s", path, a.StatusCode, a.body)
		}
		want := []string{
			"MMAUTHTOKEN=frmcaanrninw9xks9d757kn96c; Path=/; HttpOnly",
			"MMUSERID=" + someID + "; Path=/",
			"MMCSRF=tz43qix4ibfu8myixs6xmauqre; Path=/",
			"mp_device=v1.k.d.t.m; Path=/; Max-Age=15552000; HttpOnly",
		}
		if diff := cmp.Diff(want, a.Header.Values("Set-Cookie")); diff != "" {
			t.Errorf("Set-Cookie (-want +got):\n%s", diff)
		}
		if a.Header.Get("Token") != "" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("Token %q, Cache-Control %q", a.Header.Get("Token"), a.Header.Get("Cache-Control"))
		}
	}
}

func TestASessionWithoutAProfileStillNamesTheAccount(t *testing.T) {
	rig := answering(t, login.Session{User: login.User{ID: someID, Username: "demo", Email: "demo@erp.test"}}, nil)
	want := `{"email":"demo@erp.test","id":"` + someID + `","username":"demo"}` + "\n"
	if a := rig.do("POST", loginPath, good); a.body != want {
		t.Errorf("got %s, want %s", a.body, want)
	}
}

func TestWhatALoginAsksFor(t *testing.T) {
	tests := map[string]struct {
		body string
		want login.Attempt
	}{
		"by e-mail": {good, login.Attempt{Name: login.Name{Kind: login.ByEmail, Value: "demo@erp.test"}, Password: "secret"}},
		"by username": {`{"login_id":"DEMO","password":"secret"}`,
			login.Attempt{Name: login.Name{Kind: login.ByUsername, Value: "demo"}, Password: "secret"}},
		"by id, which wins": {`{"login_id":"x","id":"` + someID + `","password":"secret"}`,
			login.Attempt{Name: login.Name{Kind: login.ByID, Value: someID}, Password: "secret"}},
		"as the web app sends it": {`{"device_id":"","login_id":"demo@erp.test","password":" \u00e5\u0020","token":"123456","deviceId":"","ldapId":{"a":[1]}}`,
			login.Attempt{Name: login.Name{Kind: login.ByEmail, Value: "demo@erp.test"}, Password: " å ", Visit: login.Visit{Code: "123456"}}},
		"keys in another case are other keys": {`{"Login_ID":"x","login_id":"demo@erp.test","PASSWORD":"y","password":"secret"}`,
			login.Attempt{Name: login.Name{Kind: login.ByEmail, Value: "demo@erp.test"}, Password: "secret"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got login.Attempt
			rig := start(t, http.NotFoundHandler(), func(o *gateway.Options) {
				o.ClientAddr = func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") }
				o.Login = passwords(func(_ context.Context, a login.Attempt) (login.Session, error) {
					got = a
					return login.Session{}, nil
				})
			})
			rig.do("POST", loginPath, tt.body, "User-Agent", "browser", "Content-Type", "text/plain",
				"Cookie", "MMAUTHTOKEN=older; mp_device=known; MMAUTHTOKEN=newer")
			tt.want.Device, tt.want.Previous = "known", "newer"
			tt.want.Client = login.Client{Addr: netip.MustParseAddr("192.0.2.7"), UserAgent: "browser"}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBodiesThatAreNoLogin(t *testing.T) {
	const blank, param = "api.user.login.blank_pwd.app_error", "api.context.invalid_body_param.app_error"
	const credentials = "api.user.login.invalid_credentials_email_username"
	tests := map[string]struct {
		body   string
		status int
		id     string
	}{
		"nothing":              {"", 400, blank},
		"a form":               {"login_id=demo&password=secret", 400, blank},
		"null":                 {"null", 400, blank},
		"a list":               {`["login_id"]`, 400, blank},
		"no password":          {`{"login_id":"demo@erp.test"}`, 400, blank},
		"an empty password":    {`{"login_id":"demo@erp.test","password":""}`, 400, blank},
		"two accounts":         {`{"login_id":"a@erp.test","login_id":"b@erp.test","password":"x"}`, 400, param},
		"two, one escaped":     {`{"login_id":"a@erp.test","login\u005fid":"b@erp.test","password":"x"}`, 400, param},
		"two passwords":        {`{"login_id":"a@erp.test","password":"x","password":"y"}`, 400, param},
		"two ids":              {`{"id":"x","id":"y","password":"x"}`, 400, param},
		"two codes":            {`{"login_id":"a@erp.test","password":"x","token":"1","token":"2"}`, 400, param},
		"a password of null":   {`{"login_id":"a@erp.test","password":null}`, 400, param},
		"a numeric password":   {`{"login_id":"a@erp.test","password":1}`, 400, param},
		"a nested name":        {`{"login_id":{"$ne":1},"password":"x"}`, 400, param},
		"broken off":           {`{"login_id":"a@erp.test","password":"x"`, 400, param},
		"broken off in a list": {`{"login_id":"a@erp.test","password":"x","z":[`, 400, param},
		"a second value":       {good + good, 400, param},
		"something after":      {good + "x", 400, param},
		"a bad key":            {`{1:2}`, 400, param},
		"nobody's name":        {`{"login_id":"no body","password":"x"}`, 401, credentials},
		"no name":              {`{"password":"x"}`, 401, credentials},
		"nobody's id":          {`{"id":"../me","password":"x"}`, 401, credentials},
		"a Kelvin sign":        {`{"login_id":"\u212aevin@erp.test","password":"x"}`, 401, credentials},
		"too much":             {`{"login_id":"` + strings.Repeat("a", 70000) + `"}`, 413, "matterpass.gateway.too_large"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rig := start(t, http.NotFoundHandler(), func(o *gateway.Options) {
				o.Login = passwords(func(context.Context, login.Attempt) (login.Session, error) {
					t.Error("it was tried")
					return login.Session{}, nil
				})
			})
			a := rig.do("POST", loginPath, tt.body)
			if a.StatusCode != tt.status || !strings.Contains(a.body, `"id":"`+tt.id+`"`) {
				t.Errorf("got %d %s, want %d %s", a.StatusCode, a.body, tt.status, tt.id)
			}
		})
	}
}

func TestRefusedSignIns(t *testing.T) {
	const (
		a3 = `{"id":"api.user.login.invalid_credentials_email_username","message":"Enter a valid email or username and/or password.","detailed_error":"","request_id":"","status_code":401}`
		a6 = `{"id":"mfa.validate_token.authenticate.app_error","message":"Invalid MFA token.","detailed_error":"","request_id":"","status_code":401}`
	)
	refusal := func(id string, needsCode bool) error { return &login.Refusal{Reason: id, NeedsCode: needsCode} }
	tests := map[string]struct {
		err    error
		status int
		body   string // or a part of it
		retry  string
	}{
		"wrong":            {login.ErrRefused, 401, a3, ""},
		"denied":           {fmt.Errorf("sign in: %w", refusal("api.user.login.inactive.app_error", false)), 401, a3, ""},
		"a code is needed": {refusal("mfa.validate_token.authenticate.app_error", true), 401, a6, ""},
		"limited":          {&login.Limited{Decision: login.Decision{RetryAfter: 11100 * time.Millisecond}}, 429, "gateway.rate_limited", "12"},
		"busy":             {&login.Busy{RetryAfter: time.Second}, 503, "gateway.busy", "1"},
		"throttled":        {&upstream.Throttled{RetryAfter: 3 * time.Second}, 503, "gateway.busy", "3"},
		"unavailable":      {upstream.ErrUnavailable, 503, "gateway.upstream_unavailable", ""},
		"timeout":          {fmt.Errorf("sign in: %w", upstream.ErrTimeout), 504, "gateway.upstream_timeout", ""},
		"invalid answer":   {upstream.ErrInvalid, 502, "gateway.upstream_invalid", ""},
		"a long password":  {&login.Invalid{Field: "password", Want: "is longer than 72 bytes"}, 401, a3, ""},
		"a code of words":  {&login.Invalid{Field: "mfa_code", Want: "is not a one-time code"}, 400, "Invalid or missing token in request body.", ""},
		"anything else":    {fmt.Errorf("a bug"), 503, "gateway.upstream_unavailable", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := answering(t, login.Session{}, tt.err).do("POST", loginPath, good)
			if a.StatusCode != tt.status || !strings.Contains(a.body, tt.body) || a.Header.Get("Retry-After") != tt.retry {
				t.Errorf("got %d, Retry-After %q, %s", a.StatusCode, a.Header.Get("Retry-After"), a.body)
			}
			if strings.HasPrefix(tt.body, "{") && strings.TrimSpace(a.body) != tt.body {
				t.Errorf("got %s, want exactly %s", a.body, tt.body)
			}
			if a.Header.Get("Set-Cookie") != "" || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers: %v", a.Header)
			}
		})
	}
}

func TestOtherSitesCannotSignAnybodyIn(t *testing.T) {
	rig := answering(t, login.Session{}, nil)
	tests := map[string]struct {
		header []string
		want   int
	}{
		"the chat's own page":       {[]string{"Origin", rig.url, "Sec-Fetch-Site", "same-origin"}, 200},
		"a program":                 {nil, 200},
		"typed by a person":         {[]string{"Sec-Fetch-Site", "none"}, 200},
		"an ERP page":               {[]string{"Origin", erp}, 403},
		"a sandboxed page":          {[]string{"Origin", "null"}, 403},
		"a longer name":             {[]string{"Origin", rig.url + ".evil.test"}, 403},
		"another port":              {[]string{"Origin", "http://127.0.0.1"}, 403},
		"two origins":               {[]string{"Origin", rig.url, "Origin", erp}, 403},
		"cross-site, no Origin":     {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"a neighbour, no Origin":    {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"the Origin is what counts": {[]string{"Origin", rig.url, "Sec-Fetch-Site", "cross-site"}, 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if a := rig.do("POST", loginPath, good, tt.header...); a.StatusCode != tt.want {
				t.Errorf("got %d %s, want %d", a.StatusCode, a.body, tt.want)
			}
		})
	}
}

func TestAClientThatLeavesIsNotedAndNotAnswered(t *testing.T) {
	left, noted := make(chan struct{}), make(chan note, 1)
	rig := start(t, http.NotFoundHandler(), func(o *gateway.Options) {
		o.Note = func(_ *http.Request, route, code string) { noted <- note{route, code} }
		o.Login = passwords(func(ctx context.Context, _ login.Attempt) (login.Session, error) {
			close(left)
			<-ctx.Done()
			return login.Session{}, context.Cause(ctx)
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-left; cancel() }()
	res, err := rig.client.Do(rig.request("POST", loginPath, good).WithContext(ctx))
	if err == nil {
		_ = res.Body.Close()
		t.Error("it was answered")
	}
	if got := <-noted; got != (note{loginPath, "client_gone"}) {
		t.Errorf("note %v", got)
	}
}
