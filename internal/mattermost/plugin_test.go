package mattermost_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pquerna/otp/totp"

	"matterpass/internal/companion"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/simulator"
	"matterpass/internal/upstream"
)

const (
	pluginSecret = "0123456789abcdef0123456789abcdef"
	mfaSecret    = "JBSWY3DPEHPK3PXP"
	demoServer   = "woqgrb16tpnwpqhmkynuwnuqae"
)

func pluginKeys(t testing.TB, secrets ...string) companion.Keys {
	t.Helper()
	keys, err := companion.NewKeys(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// minter starts the simulator with the plugin in it, and the adapter.
func minter(t testing.TB, change ...func(*mattermost.PluginOptions)) (*simulator.Server, *mattermost.Plugin) {
	t.Helper()
	s := simulator.New(simulator.Options{Demo: true, Plugin: pluginSecret})
	server := httptest.NewServer(s)
	c := mattermost.New(mattermost.Options{BaseURL: server.URL + "/", AdminToken: s.AdminToken})
	t.Cleanup(func() { c.Close(); server.Close(); s.Close() })
	o := mattermost.PluginOptions{Keys: pluginKeys(t, pluginSecret), MFA: companion.PolicyAsk}
	for _, f := range change {
		f(&o)
	}
	return s, mattermost.NewPlugin(c, o)
}

func minting(s *simulator.Server, address string) login.Minting {
	return login.Minting{Account: login.Account{User: login.User{ID: s.UserID(address)}}, Client: browser}
}

func TestPluginMintsASessionLikeAnyOther(t *testing.T) {
	s, p := minter(t)
	c := mattermost.New(mattermost.Options{BaseURL: address(t, s)})
	defer c.Close()
	made, err := p.Mint(t.Context(), minting(s, simulator.DemoEmail))
	if err != nil {
		t.Fatal(err)
	}
	want := login.Session{
		User: login.User{ID: s.UserID(simulator.DemoEmail), Username: "demo", Email: simulator.DemoEmail},
		ID:   made.ID, Token: made.Token, CSRF: made.CSRF, ExpiresAt: time.Now().Add(720 * time.Hour).UTC(),
	}
	if diff := cmp.Diff(want, made, cmpopts.EquateApproxTime(5*time.Second)); diff != "" || made.ID == "" {
		t.Error(diff)
	}
	found, err := c.Find(t.Context(), made.Token, made.CSRF)
	if diff := cmp.Diff(made, found, cmpopts.IgnoreFields(login.Session{}, "ID"), cmpopts.EquateApproxTime(time.Second)); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	again, err := p.Mint(t.Context(), minting(s, simulator.DemoEmail))
	if err != nil || again.Token == made.Token || s.Sessions(simulator.DemoEmail) != 2 {
		t.Errorf("%v, %d sessions", err, s.Sessions(simulator.DemoEmail))
	}
}

func address(t *testing.T, s *simulator.Server) string {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func TestPluginsRefusalsInTheWordsOfLogin(t *testing.T) {
	code, err := totp.GenerateCode(mfaSecret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	withCode := func(code string) func(*login.Minting) { return func(m *login.Minting) { m.Code = code } }
	tests := map[string]struct {
		before  func(*simulator.Server)
		ask     func(*login.Minting)
		options func(*mattermost.PluginOptions)
		want    error // nil: a session
		counted bool
	}{
		"an ordinary person":  {},
		"deactivated":         {before: func(s *simulator.Server) { s.SetActive(simulator.DemoEmail, false) }, want: login.ErrMintRefused},
		"an administrator":    {ask: admins, want: login.ErrMintRefused},
		"unknown":             {ask: func(m *login.Minting) { m.Account.ID = demoID }, want: login.ErrMintRefused},
		"no proper id":        {ask: func(m *login.Minting) { m.Account.ID = "../mint" }, want: login.ErrMintRefused},
		"MFA, no code":        {before: withMFA(mfaSecret), want: login.ErrMFARequired},
		"MFA, a wrong code":   {before: withMFA(mfaSecret), ask: withCode("000000"), want: login.ErrMFARequired, counted: true},
		"MFA, the right code": {before: withMFA(mfaSecret), ask: withCode(code)},
		"MFA, refused":        {before: withMFA(mfaSecret), options: policy(companion.PolicyRefuse), want: login.ErrMintRefused},
		"MFA, trusted": {before: withMFA(mfaSecret), options: policy(companion.PolicyTrust),
			ask: func(m *login.Minting) { m.MultiFactor = true }},
		"MFA, trusted without a reason": {before: withMFA(mfaSecret), options: policy(companion.PolicyTrust), want: login.ErrMFARequired},
		"the database is away":          {before: func(s *simulator.Server) { s.FailDatabase(true) }, want: login.ErrMintUnavailable},
		"the plugin is not there":       {before: func(s *simulator.Server) { s.SetPlugin("") }, want: login.ErrMintUnavailable},
		"another secret":                {options: func(o *mattermost.PluginOptions) { o.Keys = pluginKeys(t, pluginSecret+"x") }, want: login.ErrMintUnavailable},
		"no secret":                     {options: func(o *mattermost.PluginOptions) { o.Keys = companion.Keys{} }, want: login.ErrMintUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			options := tt.options
			if options == nil {
				options = func(*mattermost.PluginOptions) {}
			}
			s, p := minter(t, options)
			m := minting(s, simulator.DemoEmail)
			if tt.before != nil {
				tt.before(s)
			}
			if tt.ask != nil {
				tt.ask(&m)
			}
			if m.Account.ID == "admin" {
				m.Account.ID = s.UserID(simulator.AdminEmail)
			}
			_, err := p.Mint(t.Context(), m)
			if !errors.Is(err, tt.want) {
				t.Fatalf("%v, want %v", err, tt.want)
			}
			var refusal *login.Refusal
			if errors.As(err, &refusal) && refusal.Counted != tt.counted {
				t.Errorf("%+v", refusal)
			}
			if errors.Is(err, login.ErrMintUnavailable) && errors.Is(err, upstream.ErrUnavailable) {
				t.Errorf("%v is two things", err)
			}
		})
	}
}

func admins(m *login.Minting) { m.Account.ID = "admin" }

func policy(word string) func(*mattermost.PluginOptions) {
	return func(o *mattermost.PluginOptions) { o.MFA = word }
}

// fakePlugin answers as the plugin would, and then as a test likes.
type fakePlugin struct {
	keys   companion.Keys
	pong   companion.Pong
	status int
	body   any
	strip  bool // of the MAC
	ended  atomic.Int32
}

func (f *fakePlugin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/users/logout") {
		f.ended.Add(1)
		_, _ = io.WriteString(w, `{"status":"OK"}`)
		return
	}
	body, _ := io.ReadAll(r.Body)
	route := strings.TrimPrefix(r.URL.Path, companion.Base)
	e, err := f.keys.Open(r.Header.Get(companion.Header), r.Method, route, body)
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	status, answer, stripped := http.StatusOK, any(f.pong), false
	if route == companion.RouteMint {
		status, answer, stripped = f.status, f.body, f.strip
	}
	text, isText := answer.(string)
	if !isText {
		encoded, _ := json.Marshal(answer)
		text = string(encoded)
	}
	header, _ := f.keys.SealAnswer(e, status, []byte(text))
	if !stripped {
		w.Header().Set(companion.Header, header)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func fake(t *testing.T, change func(*fakePlugin)) (*fakePlugin, *mattermost.Plugin) {
	f := &fakePlugin{
		keys: pluginKeys(t, pluginSecret), status: http.StatusOK,
		pong: companion.Pong{Version: "1", ServerID: demoServer, Now: time.Now().UnixMilli()},
		body: minted(func(*companion.Minted) {}),
	}
	change(f)
	server := httptest.NewServer(f)
	c := mattermost.New(mattermost.Options{BaseURL: server.URL})
	t.Cleanup(func() { c.Close(); server.Close() })
	return f, mattermost.NewPlugin(c, mattermost.PluginOptions{Keys: f.keys, MFA: companion.PolicyAsk, Timeout: time.Second})
}

func minted(change func(*companion.Minted)) companion.Minted {
	m := companion.Minted{
		SessionID: danaID, Token: demoToken, CSRF: demoCSRF, UserID: demoID,
		Username: "demo", Email: "demo@erp.test", ExpiresAt: time.Now().Add(time.Hour).UnixMilli(), MFA: companion.FactorNone,
	}
	change(&m)
	return m
}

func TestAnswersThatAreNotThePluginsAreNotBelieved(t *testing.T) {
	broken := func(change func(*companion.Minted)) func(*fakePlugin) {
		return func(f *fakePlugin) { f.body = minted(change) }
	}
	refusing := func(status int, code companion.Code) func(*fakePlugin) {
		return func(f *fakePlugin) {
			f.status, f.body = status, companion.Refused{Code: code, Now: time.Now().UnixMilli()}
		}
	}
	bare := func(status int) func(*fakePlugin) {
		return func(f *fakePlugin) { f.status, f.strip = status, true }
	}
	var throttled *upstream.Throttled
	tests := map[string]struct {
		change func(*fakePlugin)
		want   error
		ended  int32
	}{
		"as it should be":         {func(*fakePlugin) {}, nil, 0},
		"another account":         {broken(func(m *companion.Minted) { m.UserID = danaID }), upstream.ErrInvalid, 1},
		"a token of other shape":  {broken(func(m *companion.Minted) { m.Token = "short" }), upstream.ErrInvalid, 0},
		"no CSRF value":           {broken(func(m *companion.Minted) { m.CSRF = "" }), upstream.ErrInvalid, 1},
		"no session id":           {broken(func(m *companion.Minted) { m.SessionID = "" }), upstream.ErrInvalid, 1},
		"no end":                  {broken(func(m *companion.Minted) { m.ExpiresAt = 0 }), upstream.ErrInvalid, 1},
		"no JSON":                 {func(f *fakePlugin) { f.body = "<html>" }, upstream.ErrInvalid, 0},
		"too long":                {func(f *fakePlugin) { f.body = strings.Repeat("x", companion.BodyMost+1) }, upstream.ErrInvalid, 0},
		"a session without a MAC": {bare(200), upstream.ErrInvalid, 1},
		"a redirect":              {bare(302), upstream.ErrInvalid, 1},
		"401":                     {bare(401), login.ErrMintUnavailable, 0},
		"404":                     {bare(404), login.ErrMintUnavailable, 0},
		"500":                     {bare(500), login.ErrMintUnavailable, 0},
		"501":                     {bare(501), login.ErrMintUnavailable, 0},
		"429":                     {bare(429), throttled, 0},
		"stale":                   {refusing(403, companion.CodeStale), login.ErrMintUnavailable, 0},
		"replayed":                {refusing(409, companion.CodeReplayed), login.ErrMintUnavailable, 0},
		"another server":          {refusing(403, companion.CodeWrongServer), login.ErrMintUnavailable, 0},
		"another version":         {refusing(400, companion.CodeMalformed), login.ErrMintUnavailable, 0},
		"too many codes":          {refusing(403, companion.CodeMFAThrottled), login.ErrMFARequired, 0},
		"changed":                 {refusing(409, companion.CodeChanged), login.ErrMintRefused, 0},
		"an unknown code":         {refusing(403, "whatever"), upstream.ErrInvalid, 0},
		"a refusal that is none":  {func(f *fakePlugin) { f.status, f.body = 403, "[]" }, upstream.ErrInvalid, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, p := fake(t, tt.change)
			got, err := p.Mint(t.Context(), login.Minting{Account: login.Account{User: login.User{ID: demoID}}, Client: browser})
			matched := errors.Is(err, tt.want)
			if name == "429" {
				matched = errors.As(err, &throttled)
			}
			if !matched || (err == nil) == (got.Token == "") {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if ended := f.ended.Load(); ended != tt.ended {
				t.Errorf("%d sessions were ended, want %d", ended, tt.ended)
			}
		})
	}
}

func TestEveryCodeOfThePluginHasItsWord(t *testing.T) {
	for _, code := range companion.Codes() {
		_, p := fake(t, func(f *fakePlugin) { f.status, f.body = 403, companion.Refused{Code: code} })
		_, err := p.Mint(t.Context(), login.Minting{Account: login.Account{User: login.User{ID: demoID}}})
		if err == nil || errors.Is(err, upstream.ErrInvalid) || !strings.Contains(err.Error(), string(code)) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestSilentPluginIsUnavailableInTime(t *testing.T) {
	released := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-released:
		case <-r.Context().Done():
		}
	}))
	c := mattermost.New(mattermost.Options{BaseURL: server.URL})
	defer func() { close(released); c.Close(); server.Close() }()
	p := mattermost.NewPlugin(c, mattermost.PluginOptions{Keys: pluginKeys(t, pluginSecret), Timeout: 20 * time.Millisecond})
	if err := p.Ping(t.Context()); !errors.Is(err, login.ErrMintUnavailable) {
		t.Error(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := p.Ping(gone); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestBrokenConnectionIsUnavailable(t *testing.T) {
	c := mattermost.New(mattermost.Options{BaseURL: "http://mattermost.test", Transport: wire(func(*http.Request) (*http.Response, error) {
		return nil, io.ErrUnexpectedEOF
	})})
	p := mattermost.NewPlugin(c, mattermost.PluginOptions{Keys: pluginKeys(t, pluginSecret)})
	if _, err := p.Mint(t.Context(), login.Minting{Account: login.Account{User: login.User{ID: demoID}}}); !errors.Is(err, login.ErrMintUnavailable) {
		t.Error(err)
	}
}

func TestPluginThatIsAwayIsLeftAlone(t *testing.T) {
	f, p := fake(t, func(f *fakePlugin) { f.status, f.strip = http.StatusNotFound, true })
	for range 6 {
		if _, err := p.Mint(t.Context(), login.Minting{Account: login.Account{User: login.User{ID: demoID}}}); !errors.Is(err, login.ErrMintUnavailable) {
			t.Fatal(err)
		}
	}
	f.status, f.strip = http.StatusOK, false
	_, err := p.Mint(t.Context(), login.Minting{Account: login.Account{User: login.User{ID: demoID}}})
	if !errors.Is(err, login.ErrMintUnavailable) || !strings.Contains(err.Error(), "breaker") {
		t.Error(err)
	}
	if err := p.Ping(t.Context()); err != nil {
		t.Error("a ping is a probe:", err)
	}
}

func TestPingFindsOutWhatWouldFail(t *testing.T) {
	for name, change := range map[string]func(*fakePlugin){
		"a clock of its own": func(f *fakePlugin) { f.pong.Now -= 31_000 },
		"a server without":   func(f *fakePlugin) { f.pong.ServerID = "" },
	} {
		_, p := fake(t, change)
		if err := p.Ping(t.Context()); !errors.Is(err, login.ErrMintUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, p := fake(t, func(*fakePlugin) {})
	for range 2 {
		if id, err := p.ServerID(t.Context()); err != nil || id != demoServer {
			t.Error(id, err)
		}
	}
	f.pong.ServerID = danaID
	if err := p.Ping(t.Context()); !errors.Is(err, login.ErrMintUnavailable) {
		t.Error("another server took its place:", err)
	}
	if id, _ := p.ServerID(t.Context()); id != demoServer {
		t.Error("the id was not kept:", id)
	}
}

func TestSecretsRotateWithoutAGap(t *testing.T) {
	next := strings.Repeat("n", 32)
	s, before := minter(t)
	base := address(t, s)
	c := mattermost.New(mattermost.Options{BaseURL: base})
	defer c.Close()
	after := mattermost.NewPlugin(c, mattermost.PluginOptions{Keys: pluginKeys(t, next, pluginSecret), MFA: companion.PolicyAsk})
	for i, step := range []struct {
		plugin string
		p      *mattermost.Plugin
	}{{pluginSecret, before}, {next + "," + pluginSecret, before}, {next + "," + pluginSecret, after}, {next, after}} {
		s.SetPlugin(step.plugin)
		if _, err := step.p.Mint(t.Context(), minting(s, simulator.DemoEmail)); err != nil {
			t.Errorf("step %d: %v", i+1, err)
		}
	}
}

func TestMintedSessionsAreAsShortAsConfigured(t *testing.T) {
	s, p := minter(t, func(o *mattermost.PluginOptions) { o.MaxAge = 2 * time.Hour })
	got, err := p.Mint(t.Context(), minting(s, simulator.DemoEmail))
	if left := time.Until(got.ExpiresAt); err != nil || left > 2*time.Hour || left < 119*time.Minute {
		t.Error(left, err)
	}
}
