package plugin_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/mattermost/mattermost/server/public/plugin/plugintest"
	"github.com/stretchr/testify/mock"

	"matterpass/internal/companion"
	"matterpass/internal/plugin"
)

const (
	secret    = "0123456789abcdef0123456789abcdef"
	userID    = "435uqz4cqp8mjdb33fy5urg1pa"
	serverID  = "woqgrb16tpnwpqhmkynuwnuqae"
	mfaSecret = "JBSWY3DPEHPK3PXP"
)

// rig is the plugin inside the official test API, behind which a small Mattermost
// remembers.
type rig struct {
	*plugin.Service
	api  *plugintest.API
	keys companion.Keys

	mu       sync.Mutex
	clock    time.Time
	user     model.User
	settings map[string]any
	config   model.Config
	server   string
	stored   map[string][]byte
	expires  map[string]int64 // seconds, as the plugin asked
	sessions map[string]*model.Session
	revoked  []string
	logged   []string
	fail     map[string]*model.AppError // by method
	created  func(*model.Session)       // runs after CreateSession
}

func newRig(t *testing.T) *rig {
	t.Helper()
	keys, err := companion.NewKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		api: &plugintest.API{}, keys: keys, clock: time.UnixMilli(1795320409425), server: serverID,
		user:     model.User{Id: userID, Username: "demo", Email: "demo@erp.test", Roles: "system_user"},
		settings: map[string]any{"secrets": secret},
		stored:   map[string][]byte{}, expires: map[string]int64{},
		sessions: map[string]*model.Session{}, fail: map[string]*model.AppError{},
		created: func(*model.Session) {},
	}
	r.config.ServiceSettings.SessionLengthWebInHours = model.NewPointer(720)
	r.config.ServiceSettings.EnableMultifactorAuthentication = model.NewPointer(true)
	r.answer()
	r.Service = plugin.New(r.api, "1.2.3", func() time.Time { return r.now() })
	r.reload(t)
	return r
}

// answer gives the test API its answers.
func (r *rig) answer() {
	any_ := mock.Anything
	r.api.On("LoadPluginConfiguration", any_).Return(func(dest any) error {
		text, err := json.Marshal(r.settings)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, dest)
	})
	r.api.On("GetConfig").Return(func() *model.Config { return &r.config })
	r.api.On("GetDiagnosticId").Return(func() string { return r.server })
	r.api.On("GetUser", any_).Return(r.getUser)
	r.api.On("CreateSession", any_).Return(r.createSession)
	r.api.On("RevokeSession", any_).Return(r.revokeSession)
	r.api.On("KVGet", any_).Return(r.kvGet)
	r.api.On("KVSetWithOptions", any_, any_, any_).Return(r.kvSet)
	for _, level := range []string{"LogInfo", "LogWarn", "LogError"} {
		for pairs := range 8 {
			args := slices.Repeat([]any{any_}, 1+2*pairs)
			r.api.On(level, args...).Run(func(args mock.Arguments) { r.log(level, args) })
		}
	}
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
}

func (r *rig) reload(t *testing.T) {
	t.Helper()
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) failing(method string) *model.AppError {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fail[method]
}

func (r *rig) getUser(id string) (*model.User, *model.AppError) {
	if err := r.failing("GetUser"); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if id != r.user.Id {
		return nil, broken(http.StatusNotFound)
	}
	user := r.user
	return &user, nil
}

func (r *rig) createSession(wanted *model.Session) (*model.Session, *model.AppError) {
	if err := r.failing("CreateSession"); err != nil {
		return nil, err
	}
	made := wanted.DeepCopy()
	made.Id, made.Token = model.NewId(), model.NewId()
	r.created(made)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[made.Id] = made
	return made, nil
}

func (r *rig) revokeSession(id string) *model.AppError {
	if err := r.failing("RevokeSession"); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sessions, id)
	r.revoked = append(r.revoked, id)
	return nil
}

func (r *rig) kvGet(key string) ([]byte, *model.AppError) {
	if err := r.failing("KVGet"); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stored[key], nil
}

func (r *rig) kvSet(key string, value []byte, o model.PluginKVSetOptions) (bool, *model.AppError) {
	if err := r.failing("KVSetWithOptions"); err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.Atomic && !bytes.Equal(r.stored[key], o.OldValue) {
		return false, nil
	}
	if value == nil {
		delete(r.stored, key)
		return true, nil
	}
	r.stored[key], r.expires[key] = value, o.ExpireInSeconds
	return true, nil
}

func (r *rig) log(level string, args mock.Arguments) {
	line, _ := json.Marshal(append([]any{level}, args...))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logged = append(r.logged, string(line))
}

func (r *rig) trail() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.logged, "\n")
}

func (r *rig) live() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(maps.Clone(r.sessions))
}

func broken(status int) *model.AppError {
	return model.NewAppError("test", "app.test.error", nil, "", status)
}

// ask is what Matterpass asks, unless a test changes it.
type ask struct {
	envelope companion.Envelope
	mint     companion.Mint
	body     []byte // in the place of mint
}

func (r *rig) ask(changes ...func(*ask)) ask {
	a := ask{
		envelope: companion.Envelope{
			Method: http.MethodPost, Path: companion.RouteMint,
			ServerID: serverID, UserID: userID, Created: r.now(), Nonce: companion.NewNonce(),
		},
		mint: companion.Mint{Purpose: companion.PurposeSignIn, MFA: companion.PolicyAsk, ClientIP: "203.0.113.7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"},
	}
	for _, change := range changes {
		change(&a)
	}
	return a
}

func (r *rig) request(t testing.TB, a ask) (*http.Request, companion.Envelope) {
	t.Helper()
	body := a.body
	if body == nil && a.envelope.Path == companion.RouteMint {
		body, _ = json.Marshal(a.mint)
	}
	header, sent, err := r.keys.Seal(a.envelope, body)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(a.envelope.Method, a.envelope.Path, bytes.NewReader(body))
	request.Header.Set(companion.Header, header)
	return request, sent
}

// send asks, and checks the answer's MAC: it must have one.
func (r *rig) send(t testing.TB, a ask) *httptest.ResponseRecorder {
	t.Helper()
	request, sent := r.request(t, a)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, request)
	if err := r.keys.OpenAnswer(sent, w.Header().Get(companion.Header), w.Code, w.Body.Bytes()); err != nil {
		t.Errorf("%v: %s", err, w.Body)
	}
	return w
}

// mint asks and expects a session.
func (r *rig) mint(t testing.TB, changes ...func(*ask)) companion.Minted {
	t.Helper()
	w := r.send(t, r.ask(changes...))
	if w.Code != http.StatusOK {
		t.Fatalf("HTTP %d: %s", w.Code, w.Body)
	}
	return decode[companion.Minted](t, w.Body.Bytes())
}

// refused asks and expects none.
func (r *rig) refused(t testing.TB, want companion.Code, changes ...func(*ask)) {
	t.Helper()
	w := r.send(t, r.ask(changes...))
	got := decode[companion.Refused](t, w.Body.Bytes())
	if w.Code < 400 || got.Code != want {
		t.Errorf("HTTP %d, %q; want %q", w.Code, got.Code, want)
	}
	if got.Now != r.now().UnixMilli() {
		t.Errorf("its clock says %d", got.Now)
	}
}

func decode[T any](t testing.TB, body []byte) (v T) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return v
}
