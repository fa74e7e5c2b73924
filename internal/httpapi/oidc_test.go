package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/cookie"
	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/oidc"
	"matterpass/internal/store"
	"matterpass/internal/ticket"
	"matterpass/web"
)

const (
	idpIssuer = "https://idp.test"
	flowID    = "AAAAAAAAAA"
	flowState = flowID + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// idp is the relying party's side of an identity provider, as tests want it.
type idp struct {
	start    func(oidc.StartOptions) (oidc.Started, error)
	callback func(url.Values, string) (oidc.Finished, error)
	logout   func(string) (oidc.Logout, error)
}

func (p *idp) Providers() []oidc.Provider { return []oidc.Provider{{ID: "p1", Name: "idp.test"}} }

func (p *idp) Start(_ context.Context, o oidc.StartOptions) (oidc.Started, error) { return p.start(o) }

func (p *idp) Callback(_ context.Context, q url.Values, sealed string) (oidc.Finished, error) {
	return p.callback(q, sealed)
}

func (p *idp) BackchannelLogout(_ context.Context, token string) (oidc.Logout, error) {
	return p.logout(token)
}

// minter signs in with the simulator's password.
type minter func(login.Minting) (login.Session, error)

func (m minter) Mint(_ context.Context, what login.Minting) (login.Session, error) { return m(what) }

// signedInBy is a house in which p says who people are; its store knows the demo
// person.
func signedInBy(t *testing.T, p *idp, change ...func(*house, *httpapi.Options, *login.Options)) *house {
	t.Helper()
	memory, err := store.NewMemory(store.Options{Keys: []store.Key{{ID: "k1", Secret: []byte(strings.Repeat("s", 32))}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() })
	tickets, err := ticket.New(ticket.Options{Tickets: memory.Tickets(), Origins: []string{erpOrigin}, AllowTopLevel: true, Reserved: []string{"api", "auth", "embed"}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := httpapi.NewOutcomePage(web.OIDC(), chatOrigin)
	if err != nil {
		t.Fatal(err)
	}
	wire := func(h *house, o *httpapi.Options, lo *login.Options) {
		passwords := lo.Passwords
		demo, err := passwords.SignIn(context.Background(), "demo@erp.test", h.mm.Password(), "", login.Client{})
		if err != nil {
			t.Fatal(err)
		}
		if err := memory.AddLink(context.Background(), login.Link{Issuer: idpIssuer, Subject: "4711", UserID: demo.User.ID, By: login.LinkedByAdmin}); err != nil {
			t.Fatal(err)
		}
		lo.Records = memory.Records()
		lo.Proofs = login.Proofs{
			Once: memory.Once(), Links: memory, Origins: memory, People: passwords.(login.People), AskMFA: true,
			Minter: minter(func(m login.Minting) (login.Session, error) {
				return passwords.SignIn(context.Background(), m.Account.Email, h.mm.Password(), "", m.Client)
			}),
			Identities: allow(buckets().Allow),
		}
		o.Tickets = tickets
		o.OIDC = httpapi.OIDC{
			Providers: p, Outcome: page,
			Handback: func(ctx context.Context, b httpapi.Handback) (string, error) {
				text, _, err := tickets.Issue(ctx, ticket.Ticket{Identity: b.Proof.Identity, Origin: b.Origin, Target: b.Target})
				return text, err
			},
			Logout: func(context.Context, oidc.Logout) error { return nil },
		}
	}
	return newHouse(t, append([]func(*house, *httpapi.Options, *login.Options){wire}, change...)...)
}

func finished(mode string) oidc.Finished {
	now := time.Now()
	return oidc.Finished{
		Proof: login.Proof{
			Identity: login.Identity{Issuer: idpIssuer, Subject: "4711", Email: "demo@erp.test", EmailVerified: true},
			Way:      login.ByOIDC, ID: "flow-1", IssuedAt: now, ExpiresAt: now.Add(time.Minute),
		},
		Mode: mode, Return: "/erp/channels/two", Origin: erpOrigin, Handle: "h1",
	}
}

func (h *house) comesBack(cookies ...*http.Cookie) answer {
	h.t.Helper()
	return h.do(call{method: "GET", path: "/auth/oidc/callback?code=x&state=" + flowState, cookies: cookies})
}

func flowCookie() *http.Cookie { return &http.Cookie{Name: cookie.Flow + flowID, Value: "sealed"} }

func named(cookies []*http.Cookie, name string) *http.Cookie {
	for _, c := range cookies {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func TestStartSendsTheBrowserToTheProvider(t *testing.T) {
	var asked oidc.StartOptions
	h := signedInBy(t, &idp{start: func(o oidc.StartOptions) (oidc.Started, error) {
		asked = o
		return oidc.Started{URL: "https://idp.test/authorize?x=1", ID: flowID, Sealed: "sealed", Drop: []string{"BBBBBBBBBB"}}, nil
	}})
	got := h.do(call{
		method: "GET", path: "/auth/oidc/start?provider=p1&mode=popup&handle=h1&target=%2Ferp%2Fchannels%2Ftwo&origin=" + url.QueryEscape(erpOrigin),
		cookies: []*http.Cookie{{Name: cookie.Flow + "CCCCCCCCCC", Value: "other"}},
	})
	if got.StatusCode != 303 || got.Header.Get("Location") != "https://idp.test/authorize?x=1" || got.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", got.StatusCode, got.Header, got.body)
	}
	want := oidc.StartOptions{
		Provider: "p1", Mode: oidc.Popup, Handle: "h1", Return: "/erp/channels/two", Origin: erpOrigin, Pending: map[string]string{"CCCCCCCCCC": "other"},
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
	flow := named(got.Cookies(), cookie.Flow+flowID)
	if flow == nil || flow.Value != "sealed" || !flow.HttpOnly || flow.SameSite != http.SameSiteLaxMode || flow.MaxAge != 600 || flow.Path != "/" {
		t.Errorf("cookie %v", flow)
	}
	if gone := named(got.Cookies(), cookie.Flow+"BBBBBBBBBB"); gone == nil || gone.MaxAge >= 0 {
		t.Errorf("a surplus cookie stays: %v", gone)
	}
	if h.do(call{method: "GET", path: "/auth/oidc/start"}); asked.Mode != oidc.Top {
		t.Errorf("mode %q where none is said", asked.Mode)
	}
}

func TestStartRefusesWhatIsNotOurs(t *testing.T) {
	h := signedInBy(t, &idp{start: func(oidc.StartOptions) (oidc.Started, error) {
		t.Error("it was begun")
		return oidc.Started{}, nil
	}})
	for _, query := range []string{
		"mode=frame", "target=https://evil.test/", "target=//evil.test", "target=%2F%5Cevil.test", "target=/auth/oidc/start", "target=/embed",
		"target=/erp%252f..%252fapi", "origin=https://evil.test", "origin=null", "handle=<script>", "handle=" + strings.Repeat("x", 65),
		"redirect_uri=https://evil.test", "mode=top&mode=popup", "%zz",
	} {
		got := h.do(call{method: "GET", path: "/auth/oidc/start?" + query})
		if got.StatusCode != 400 || got.Header.Get("Location") != "" || !strings.Contains(string(got.body), "invalid_request") {
			t.Errorf("%s: %d %s", query, got.StatusCode, got.body)
		}
		if strings.Contains(string(got.body), "evil") || strings.Contains(string(got.body), "<script>alert") {
			t.Errorf("%s is shown", query)
		}
	}
}

func TestSignInsAreForWholeWindowsOnly(t *testing.T) {
	h := signedInBy(t, &idp{})
	for name, header := range map[string]map[string]string{
		"frame":       {"Sec-Fetch-Dest": "iframe"},
		"script":      {"Sec-Fetch-Dest": "empty"},
		"image":       {"Sec-Fetch-Dest": "image"},
		"prefetch":    {"Sec-Purpose": "prefetch"},
		"old preview": {"Purpose": "prefetch"},
	} {
		for _, path := range []string{"/auth/oidc/start", "/auth/oidc/callback?code=x&state=" + flowState} {
			got := h.do(call{method: "GET", path: path, header: header, cookies: []*http.Cookie{flowCookie()}})
			if got.StatusCode != 400 || len(got.Cookies()) != 0 {
				t.Errorf("%s %s: %d %v", name, path, got.StatusCode, got.Cookies())
			}
		}
	}
	if got := h.do(call{method: "HEAD", path: "/auth/oidc/callback?code=x&state=" + flowState}); got.StatusCode != 405 {
		t.Errorf("HEAD: %d", got.StatusCode)
	}
	if got := h.do(call{method: "POST", path: "/auth/oidc/callback", body: "{}"}); got.StatusCode != 405 {
		t.Errorf("form_post: %d", got.StatusCode)
	}
}

func TestATabGoesOnToChatSignedIn(t *testing.T) {
	h := signedInBy(t, &idp{callback: func(q url.Values, sealed string) (oidc.Finished, error) {
		if sealed != "sealed" || q.Get("code") != "x" {
			t.Errorf("%v %q", q, sealed)
		}
		return finished(oidc.Top), nil
	}}, withShell)
	got := h.comesBack(flowCookie())
	if got.StatusCode != 303 || got.Header.Get("Location") != chatOrigin+"/embed?target=%2Ferp%2Fchannels%2Ftwo" {
		t.Fatalf("%d %v %s", got.StatusCode, got.Header, got.body)
	}
	token, user := named(got.Cookies(), cookie.Token), named(got.Cookies(), cookie.User)
	if token == nil || len(token.Value) != 26 || !token.HttpOnly || user == nil || named(got.Cookies(), cookie.CSRF) == nil {
		t.Errorf("cookies %v", got.Cookies())
	}
	if gone := named(got.Cookies(), cookie.Flow+flowID); gone == nil || gone.MaxAge >= 0 {
		t.Errorf("the sign-in's cookie stays: %v", gone)
	}
	again := h.comesBack(flowCookie())
	if again.StatusCode != 401 || named(again.Cookies(), cookie.Token) != nil {
		t.Errorf("the same sign-in twice: %d %v", again.StatusCode, again.Cookies())
	}
}

func TestAPopUpGetsATicketAndNoSession(t *testing.T) {
	h := signedInBy(t, &idp{callback: func(url.Values, string) (oidc.Finished, error) { return finished(oidc.Popup), nil }})
	got := h.comesBack(flowCookie())
	page := string(got.body)
	if got.StatusCode != 200 || !strings.Contains(page, `"mode":"popup","handle":"h1","ticket":"mt1_`) {
		t.Fatalf("%d %s", got.StatusCode, page)
	}
	if named(got.Cookies(), cookie.Token) != nil {
		t.Error("a session for the wrong partition")
	}
	policy := got.Header.Get("Content-Security-Policy") + ";"
	for _, part := range []string{"default-src 'none';", "script-src http://chat.test/auth/oidc/;", "frame-ancestors 'none';", "require-trusted-types-for 'script';"} {
		if !strings.Contains(policy, part) {
			t.Errorf("no %s in %s", part, policy)
		}
	}
	if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Referrer-Policy") != "no-referrer" || got.Header.Get("Cross-Origin-Opener-Policy") != "" {
		t.Errorf("%v", got.Header)
	}
	if strings.Count(page, "<script") != 2 || strings.Contains(page, "style=") {
		t.Error("the page has inline script or style")
	}
	for name, media := range map[string]string{"outcome.js": "text/javascript", "outcome.css": "text/css"} {
		if file := h.do(call{method: "GET", path: "/auth/oidc/" + name}); file.StatusCode != 200 || !strings.HasPrefix(file.Header.Get("Content-Type"), media) {
			t.Errorf("%s: %d", name, file.StatusCode)
		}
	}
}

func TestACodeIsAskedForOnTheLaunchPage(t *testing.T) {
	mfa := func(_ *house, o *httpapi.Options, lo *login.Options) {
		people := lo.People
		lo.People = withMFA{people}
	}
	h := signedInBy(t, &idp{callback: func(url.Values, string) (oidc.Finished, error) { return finished(oidc.Top), nil }}, mfa)
	got := h.comesBack(flowCookie())
	if got.StatusCode != 200 || !strings.Contains(string(got.body), `"mode":"top","handle":"h1","ticket":"mt1_`) {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

type withMFA struct{ login.People }

func (p withMFA) AccountByID(ctx context.Context, id string) (login.Account, error) {
	account, err := p.People.AccountByID(ctx, id)
	account.MFA = true
	return account, err
}

func TestWhatGoesWrongIsSaidOnAPageWithoutForeignWords(t *testing.T) {
	for err, want := range map[error]struct {
		status int
		code   string
	}{
		oidc.ErrFlow: {400, "flow_invalid"}, oidc.ErrDenied: {403, "idp_denied"}, oidc.ErrInvalid: {502, "idp_invalid"},
		oidc.ErrUnavailable: {503, "idp_unavailable"}, oidc.ErrNoAddress: {403, "email_missing"}, errors.New("x"): {500, "internal"},
	} {
		h := signedInBy(t, &idp{callback: func(url.Values, string) (oidc.Finished, error) {
			return oidc.Finished{Mode: oidc.Popup, Handle: "h1"}, err
		}})
		got := h.do(call{
			method: "GET", path: "/auth/oidc/callback?state=" + flowState + "&error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E",
			cookies: []*http.Cookie{flowCookie()},
		})
		page := string(got.body)
		if got.StatusCode != want.status || !strings.Contains(page, `"mode":"popup","handle":"h1","code":"`+want.code+`"`) || strings.Contains(page, "alert(1)") {
			t.Errorf("%v: %d %s", err, got.StatusCode, page)
		}
		if record := h.record(0); record.Code != want.code || record.Err == nil {
			t.Errorf("%v: record %+v", err, record)
		}
		if gone := named(got.Cookies(), cookie.Flow+flowID); gone == nil || gone.MaxAge >= 0 {
			t.Errorf("%v: the cookie stays", err)
		}
	}
	away := signedInBy(t, &idp{start: func(oidc.StartOptions) (oidc.Started, error) { return oidc.Started{}, oidc.ErrUnavailable }})
	if got := away.do(call{method: "GET", path: "/auth/oidc/start?mode=popup"}); got.StatusCode != 503 || !strings.Contains(string(got.body), "idp_unavailable") {
		t.Errorf("start: %d %s", got.StatusCode, got.body)
	}
	broken := signedInBy(t, &idp{callback: func(url.Values, string) (oidc.Finished, error) { return finished(oidc.Popup), nil }},
		func(_ *house, o *httpapi.Options, _ *login.Options) {
			o.OIDC.Handback = func(context.Context, httpapi.Handback) (string, error) { return "", login.ErrStoreUnavailable }
		})
	if got := broken.comesBack(flowCookie()); got.StatusCode != 503 || strings.Contains(string(got.body), "mt1_") {
		t.Errorf("no ticket: %d %s", got.StatusCode, got.body)
	}
	if got := broken.do(call{method: "GET", path: "/auth/oidc/callback?%zz"}); got.StatusCode != 400 {
		t.Errorf("no query: %d", got.StatusCode)
	}
}

func TestOtherNamesAreNotTheSignInsCookie(t *testing.T) {
	secure := cookie.Settings{}.Policy(true)
	var sealed []string
	h := signedInBy(t, &idp{callback: func(_ url.Values, s string) (oidc.Finished, error) {
		sealed = append(sealed, s)
		return oidc.Finished{}, oidc.ErrFlow
	}}, func(_ *house, o *httpapi.Options, _ *login.Options) {
		o.Cookies = func(*http.Request) cookie.Policy { return secure }
	})
	h.comesBack(flowCookie())
	h.comesBack(&http.Cookie{Name: "__Host-" + cookie.Flow + flowID, Value: "ours"})
	if !slices.Equal(sealed, []string{"", "ours"}) {
		t.Errorf("taken: %q", sealed)
	}
}

func TestWithoutProvidersThereIsNothing(t *testing.T) {
	h := newHouse(t, withShell)
	for _, c := range []call{
		{method: "GET", path: "/auth/oidc/start"}, {method: "GET", path: "/auth/oidc/callback"}, {method: "GET", path: "/auth/oidc/outcome.js"},
		{method: "POST", path: "/auth/oidc/backchannel-logout", body: "logout_token=x"},
	} {
		if got := h.do(c); got.StatusCode != 404 || got.code(t) != "not_found" {
			t.Errorf("%s: %d", c.path, got.StatusCode)
		}
	}
	if page := string(h.do(call{method: "GET", path: "/embed"}).body); strings.Contains(page, `"oidc"`) {
		t.Error("the shell offers a provider")
	}
	with := signedInBy(t, &idp{}, withShell)
	if page := string(with.do(call{method: "GET", path: "/embed"}).body); !strings.Contains(page, `"oidc":[{"id":"p1","name":"idp.test"}]`) {
		t.Errorf("the shell does not know: %s", page)
	}
	if _, err := httpapi.NewOutcomePage(web.Widget(), chatOrigin); err == nil {
		t.Error("a page that is not there")
	}
}
