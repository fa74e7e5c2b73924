package plugin_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/companion"
)

func TestSessionIsAsMattermostsOwnSignInMakesIt(t *testing.T) {
	r := newRig(t)
	got := r.mint(t)
	made := r.sessions[got.SessionID]
	if made == nil {
		t.Fatalf("no session %q", got.SessionID)
	}
	want := &model.Session{
		Id: made.Id, Token: made.Token, UserId: userID, Roles: "system_user",
		ExpiresAt: r.now().Add(720 * time.Hour).UnixMilli(),
		Props: model.StringMap{
			"csrf": made.Props["csrf"], "isMobile": "false", "isSaml": "false", "isOAuthUser": "false", "is_guest": "false",
			"platform": "Linux", "os": "Linux", "browser": "Firefox/150.0", "matterpass_mfa": "none",
		},
	}
	if diff := cmp.Diff(want, made); diff != "" || !model.IsValidId(made.Props["csrf"]) {
		t.Error(diff)
	}
	answer := companion.Minted{
		SessionID: made.Id, Token: made.Token, CSRF: made.GetCSRF(), UserID: userID,
		Username: "demo", Email: "demo@erp.test", ExpiresAt: made.ExpiresAt, MFA: companion.FactorNone,
	}
	if diff := cmp.Diff(answer, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhoGetsNoSession(t *testing.T) {
	tests := map[string]struct {
		change func(*model.User)
		want   companion.Code
	}{
		"unknown":              {func(u *model.User) { u.Id = "pqrsm7cuktrpdm8fooh5erfskw" }, companion.CodeUnknownUser},
		"deactivated":          {func(u *model.User) { u.DeleteAt = 1 }, companion.CodeDeactivated},
		"a bot":                {func(u *model.User) { u.IsBot = true }, companion.CodeBot},
		"another server's":     {func(u *model.User) { u.RemoteId = model.NewPointer("r") }, companion.CodeRemote},
		"an administrator":     {func(u *model.User) { u.Roles = "system_user system_admin" }, companion.CodePrivileged},
		"a user manager":       {func(u *model.User) { u.Roles = "system_user_manager system_user" }, companion.CodePrivileged},
		"of a role of its own": {func(u *model.User) { u.Roles = "system_user custom_role" }, companion.CodePrivileged},
		"may make tokens":      {func(u *model.User) { u.Roles = "system_user system_user_access_token" }, companion.CodePrivileged},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			tt.change(&r.user)
			r.refused(t, tt.want)
			if r.live() != 0 {
				t.Error("a session was made")
			}
			if !strings.Contains(r.trail(), `"code","`+string(tt.want)+`"`) {
				t.Errorf("the trail says %s", r.trail())
			}
		})
	}
}

func TestEverybodyElseGetsOne(t *testing.T) {
	for name, change := range map[string]func(*rig){
		"a guest":                       func(r *rig) { r.user.Roles = "system_guest" },
		"of LDAP":                       func(r *rig) { r.user.AuthService = "ldap" },
		"without a remote's id":         func(r *rig) { r.user.RemoteId = model.NewPointer("") },
		"an administrator where meant":  func(r *rig) { r.user.Roles = "system_user system_admin"; r.settings["allowprivileged"] = true },
		"an unverified address":         func(r *rig) { r.user.EmailVerified = false },
		"locked out of password logins": func(r *rig) { r.user.FailedAttempts = 10 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			change(r)
			r.reload(t)
			got := r.mint(t)
			made := r.sessions[got.SessionID]
			if made.Roles != r.user.Roles || made.Props["is_guest"] != map[bool]string{true: "true", false: "false"}[r.user.IsGuest()] {
				t.Errorf("%+v", made)
			}
		})
	}
}

func TestStrangersLearnNothing(t *testing.T) {
	r := newRig(t)
	foreign, err := companion.NewKeys(strings.Repeat("x", 32))
	if err != nil {
		t.Fatal(err)
	}
	valid := func(change func(*http.Request)) *http.Request {
		request, _ := r.request(t, r.ask())
		change(request)
		return request
	}
	large := r.ask(func(a *ask) { a.body = []byte(strings.Repeat(" ", companion.BodyMost+1)) })
	largeRequest, _ := r.request(t, large)
	mine := r.keys
	r.keys = foreign
	foreignRequest, _ := r.request(t, r.ask())
	r.keys = mine
	tests := map[string]struct {
		request *http.Request
		want    int
	}{
		"no MAC":            {valid(func(q *http.Request) { q.Header.Del(companion.Header) }), 401},
		"two MACs":          {valid(func(q *http.Request) { q.Header.Add(companion.Header, q.Header.Get(companion.Header)) }), 401},
		"another secret":    {foreignRequest, 401},
		"a body too long":   {largeRequest, 401},
		"a body broken off": {valid(func(q *http.Request) { q.Body = brokenBody{} }), 401},
		"another body":      {valid(func(q *http.Request) { q.Body = http.NoBody }), 401},
		"another method":    {valid(func(q *http.Request) { q.Method = "PUT" }), 405},
		"an unknown route":  {valid(func(q *http.Request) { q.URL.Path = "/mint/" }), 404},
		"the root":          {valid(func(q *http.Request) { q.URL.Path = "/" }), 404},
		"no route":          {valid(func(q *http.Request) { q.URL.Path = "" }), 404},
		"another case":      {valid(func(q *http.Request) { q.URL.Path = "/Mint" }), 404},
	}
	for name, tt := range tests {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, tt.request)
		if w.Code != tt.want || w.Body.Len() != 0 || w.Header().Get(companion.Header) != "" {
			t.Errorf("%s: HTTP %d, %q, %v", name, w.Code, w.Body, w.Header())
		}
	}
	if r.live() != 0 || len(r.stored) != 0 {
		t.Error("it had an effect")
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("broken") }
func (brokenBody) Close() error             { return nil }

func TestWithoutAProperSecretThereIsNothing(t *testing.T) {
	for name, settings := range map[string]map[string]any{
		"none":      {},
		"empty":     {"secrets": " , "},
		"too short": {"secrets": "short"},
		"a name":    {"secrets": "k1:" + secret[1:]},
		"no text":   {"secrets": 7},
	} {
		r := newRig(t)
		r.settings = settings
		if err := r.Reload(); (err != nil) != (name != "none" && name != "empty") {
			t.Errorf("%s: %v", name, err)
		}
		for _, path := range []string{companion.RouteMint, companion.RoutePing, "/"} {
			w := httptest.NewRecorder()
			request, _ := r.request(t, r.ask())
			request.URL.Path = path
			r.ServeHTTP(w, request)
			if w.Code != http.StatusNotFound || w.Body.Len() != 0 {
				t.Errorf("%s: %s answers %d", name, path, w.Code)
			}
		}
	}
}

func TestSecretsCanBeRotated(t *testing.T) {
	r := newRig(t)
	r.settings["secrets"] = "k2:" + strings.Repeat("n", 32) + ", " + secret
	r.reload(t)
	r.mint(t) // with the old one
	var err error
	if r.keys, err = companion.NewKeys(strings.Repeat("n", 32)); err != nil {
		t.Fatal(err)
	}
	r.mint(t)
}

func TestQuestionsAreOfNowAndForThisServer(t *testing.T) {
	at := func(d time.Duration) func(*ask) {
		return func(a *ask) { a.envelope.Created = a.envelope.Created.Add(d) }
	}
	body := func(text string) func(*ask) { return func(a *ask) { a.body = []byte(text) } }
	tests := map[string]struct {
		change func(*ask)
		want   companion.Code
	}{
		"31 s old":           {at(-31 * time.Second), companion.CodeStale},
		"31 s early":         {at(31 * time.Second), companion.CodeStale},
		"another server":     {func(a *ask) { a.envelope.ServerID = userID }, companion.CodeWrongServer},
		"no server":          {func(a *ask) { a.envelope.ServerID = "" }, companion.CodeWrongServer},
		"no user":            {func(a *ask) { a.envelope.UserID = "" }, companion.CodeMalformed},
		"not a user's id":    {func(a *ask) { a.envelope.UserID = "demo" }, companion.CodeMalformed},
		"no purpose":         {func(a *ask) { a.mint.Purpose = "" }, companion.CodeMalformed},
		"another purpose":    {func(a *ask) { a.mint.Purpose = "access-token" }, companion.CodeMalformed},
		"no JSON":            {body("purpose=sign-in"), companion.CodeMalformed},
		"a word more":        {body(`{"purpose":"sign-in","mfa":"ask","roles":"system_admin"}`), companion.CodeMalformed},
		"something after it": {body(`{"purpose":"sign-in","mfa":"ask"}{}`), companion.CodeMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.refused(t, tt.want, tt.change)
			if r.live() != 0 {
				t.Error("a session was made")
			}
		})
	}
	r := newRig(t)
	r.mint(t, at(-30*time.Second))
	r.mint(t, at(30*time.Second))
}

func TestServerWithoutAnIDMintsForNobody(t *testing.T) {
	r := newRig(t)
	r.server = ""
	r.reload(t)
	r.refused(t, companion.CodeWrongServer, func(a *ask) { a.envelope.ServerID = "" })
}

func TestOneNonceIsOneSession(t *testing.T) {
	r := newRig(t)
	question := r.ask()
	var made, replayed atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			w := r.send(t, question)
			switch {
			case w.Code == http.StatusOK:
				made.Add(1)
			case strings.Contains(w.Body.String(), `"replayed"`):
				replayed.Add(1)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 || replayed.Load() != 99 || r.live() != 1 {
		t.Errorf("%d made, %d told, %d live", made.Load(), replayed.Load(), r.live())
	}
	if kept := r.expires["nonce_"+question.envelope.Nonce]; kept < int64(2*companion.Window/time.Second) {
		t.Errorf("the nonce is kept for %d s", kept)
	}
}

func TestNonceIsSpentBeforeAnythingIsDone(t *testing.T) {
	r := newRig(t)
	r.fail["GetUser"] = broken(http.StatusInternalServerError)
	question := r.ask()
	r.send(t, question)
	r.fail = map[string]*model.AppError{}
	if w := r.send(t, question); !strings.Contains(w.Body.String(), `"replayed"`) {
		t.Error(w.Body)
	}
}

func TestMattermostThatFailsIsUnavailable(t *testing.T) {
	for _, method := range []string{"GetUser", "CreateSession", "KVSetWithOptions"} {
		r := newRig(t)
		r.fail[method] = broken(http.StatusInternalServerError)
		r.refused(t, companion.CodeUnavailable)
		if r.live() != 0 {
			t.Errorf("%s: a session was made", method)
		}
	}
}
