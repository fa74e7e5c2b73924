package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/mattermost/mattermost/server/public/plugin"
	"github.com/mattermost/mattermost/server/public/plugin/plugintest"
	"github.com/mattermost/mattermost/server/public/shared/mlog"
	"github.com/stretchr/testify/mock"

	"matterpass/internal/companion"
)

const (
	secret   = "0123456789abcdef0123456789abcdef"
	userID   = "435uqz4cqp8mjdb33fy5urg1pa"
	serverID = "woqgrb16tpnwpqhmkynuwnuqae"
)

// server is Mattermost's plugin API with one person and the given settings.
func server(settings string) *plugintest.API {
	api := &plugintest.API{}
	api.On("LoadPluginConfiguration", mock.Anything).Return(func(dest any) error {
		return json.Unmarshal([]byte(settings), dest)
	})
	config := &model.Config{}
	config.SetDefaults()
	api.On("GetConfig").Return(config)
	api.On("GetDiagnosticId").Return(serverID)
	api.On("GetUser", userID).Return(&model.User{Id: userID, Username: "demo", Email: "demo@erp.test", Roles: "system_user"}, nil)
	api.On("KVSetWithOptions", mock.Anything, mock.Anything, mock.Anything).Return(true, nil)
	api.On("CreateSession", mock.Anything).Return(func(wanted *model.Session) (*model.Session, *model.AppError) {
		made := wanted.DeepCopy()
		made.Id, made.Token = model.NewId(), model.NewId()
		return made, nil
	})
	for _, level := range []string{"LogInfo", "LogWarn"} {
		args := []any{mock.Anything}
		for range 8 {
			api.On(level, args...).Maybe()
			args = append(args, mock.Anything, mock.Anything)
		}
	}
	return api
}

type handler interface {
	ServeHTTP(c *plugin.Context, w http.ResponseWriter, r *http.Request)
}

// mint asks for a session, and checks that the answer is the plugin's.
func mint(t *testing.T, h handler) (int, companion.Minted) {
	t.Helper()
	keys, err := companion.NewKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := json.Marshal(companion.Mint{Purpose: companion.PurposeSignIn, MFA: companion.PolicyAsk})
	header, sent, err := keys.Seal(companion.Envelope{
		Method: http.MethodPost, Path: companion.RouteMint, ServerID: serverID, UserID: userID,
		Created: time.Now(), Nonce: companion.NewNonce(),
	}, body)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, companion.RouteMint, strings.NewReader(string(body)))
	r.Header.Set(companion.Header, header)
	w := httptest.NewRecorder()
	h.ServeHTTP(&plugin.Context{}, w, r)
	if w.Code == http.StatusNotFound {
		return w.Code, companion.Minted{}
	}
	if err := keys.OpenAnswer(sent, w.Header().Get(companion.Header), w.Code, w.Body.Bytes()); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	var minted companion.Minted
	if err := json.Unmarshal(w.Body.Bytes(), &minted); err != nil {
		t.Fatal(err)
	}
	return w.Code, minted
}

func TestHooksReadTheSettingsAndAnswer(t *testing.T) {
	var h hooks
	h.SetAPI(server(`{"secrets":"` + secret + `"}`))
	if err := h.OnConfigurationChange(); err != nil {
		t.Fatal(err)
	}
	if code, minted := mint(t, &h); code != http.StatusOK || minted.UserID != userID {
		t.Errorf("HTTP %d, %+v", code, minted)
	}
}

func TestBadSettingsAreReportedAndClosed(t *testing.T) {
	var h hooks
	h.SetAPI(server(`{"secrets":"short"}`))
	if err := h.OnConfigurationChange(); err == nil {
		t.Error("no error")
	}
	if code, _ := mint(t, &h); code != http.StatusNotFound {
		t.Errorf("HTTP %d", code)
	}
}

func TestManifestIsWhatMatterpassExpects(t *testing.T) {
	var manifest model.Manifest
	if err := json.Unmarshal(manifestJSON, &manifest); err != nil {
		t.Fatal(err)
	}
	if err := manifest.IsValid(); err != nil || manifest.Id != companion.PluginID {
		t.Error(manifest.Id, err)
	}
	for _, setting := range manifest.SettingsSchema.Settings {
		if setting.Secret != (setting.Key == "Secrets") {
			t.Errorf("%s is secret: %t", setting.Key, setting.Secret)
		}
		if setting.Key == "AllowPrivileged" && setting.Default != false {
			t.Error("administrators are allowed by default")
		}
	}
}

// TestMattermostsOwnHostRunsIt lets the code with which Mattermost runs plugins
// start the compiled program, and talks to it through both of its connections.
func TestMattermostsOwnHostRunsIt(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the plugin")
	}
	plugins := t.TempDir()
	install(t, filepath.Join(plugins, companion.PluginID))
	logger, err := mlog.NewLogger()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = logger.Shutdown() }()
	api := server(`{"secrets":"` + secret + `"}`)
	env, err := plugin.NewEnvironment(func(*model.Manifest) plugin.API { return api }, nil, plugins, t.TempDir(), logger, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer env.Shutdown()
	if _, running, err := env.Activate(companion.PluginID); err != nil || !running {
		t.Fatal(running, err)
	}
	h, err := env.HooksForPlugin(companion.PluginID)
	if err != nil {
		t.Fatal(err)
	}
	code, minted := mint(t, h)
	if code != http.StatusOK || minted.Username != "demo" || !model.IsValidId(minted.Token) || !model.IsValidId(minted.CSRF) {
		t.Errorf("HTTP %d, %+v", code, minted)
	}
}

// install lays the plugin out as its bundle does, for this machine.
func install(t *testing.T, folder string) {
	t.Helper()
	executable := filepath.Join(folder, "server", "dist", "plugin-"+runtime.GOOS+"-"+runtime.GOARCH)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", executable, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-tags=grpcnotrace -buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(folder, "plugin.json"), manifestJSON, 0o600); err != nil {
		t.Fatal(err)
	}
}
