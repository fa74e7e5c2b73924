package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
)

// pluginAPI is the part of Mattermost's plugin API that the companion plugin uses. Like the real one it takes a
// session as it is given (F7).
type pluginAPI struct {
	s      *Server
	stored map[string]stored // guarded by s.mu
}

// stored is one value of a plugin's memory.
type stored struct {
	value []byte
	until time.Time // the zero time: for good
}

// LoadPluginConfiguration fills dest from the plugin's settings, which come from Options.
func (a *pluginAPI) LoadPluginConfiguration(dest any) error {
	a.s.mu.Lock()
	settings, err := json.Marshal(map[string]string{"secrets": a.s.options.Plugin})
	a.s.mu.Unlock()
	if err != nil {
		return err
	}
	return json.Unmarshal(settings, dest)
}

// GetConfig answers the settings that decide about sessions.
func (a *pluginAPI) GetConfig() *model.Config {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	hours, codes := a.s.settings.ServiceSettings.SessionLengthWebInHours, a.s.settings.ServiceSettings.EnableMultifactorAuthentication
	return &model.Config{ServiceSettings: model.ServiceSettings{
		SessionLengthWebInHours: &hours, EnableMultifactorAuthentication: &codes,
	}}
}

// GetDiagnosticId is the server's own id.
func (a *pluginAPI) GetDiagnosticId() string { return a.s.serverID }

// GetUser shows plugins everything, the second factor's secret too.
func (a *pluginAPI) GetUser(userID string) (*model.User, *model.AppError) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if !a.s.databaseUp {
		return nil, pluginError(http.StatusInternalServerError)
	}
	found := a.s.people[userID]
	if found == nil {
		return nil, refuseUserMissing.err()
	}
	user := found.User
	return &user, nil
}

// CreateSession checks nothing but that the user is not another server's, and costs Options.MintTime.
func (a *pluginAPI) CreateSession(wanted *model.Session) (*model.Session, *model.AppError) {
	if price := a.s.options.MintTime; price > 0 {
		a.s.minting <- struct{}{}
		time.Sleep(price)
		<-a.s.minting
	}
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	owner := a.s.people[wanted.UserId]
	if !a.s.databaseUp || owner != nil && owner.IsRemote() {
		return nil, pluginError(http.StatusInternalServerError)
	}
	made := &session{Session: *wanted.DeepCopy(), cached: true}
	made.Id, made.Token = model.NewId(), model.NewId()
	made.CreateAt = a.s.now().UnixMilli()
	made.LastActivityAt = made.CreateAt
	if made.Props == nil {
		made.Props = model.StringMap{}
	}
	a.s.keep(owner, made)
	a.s.mints++
	return made.DeepCopy(), nil
}

// RevokeSession ends a session by its id.
func (a *pluginAPI) RevokeSession(sessionID string) *model.AppError {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	for token, of := range a.s.sessions {
		if of.Id == sessionID {
			delete(a.s.sessions, token)
			return nil
		}
	}
	return pluginError(http.StatusNotFound)
}

// KVGet answers nil for what is not there or has expired.
func (a *pluginAPI) KVGet(key string) ([]byte, *model.AppError) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if !a.s.databaseUp {
		return nil, pluginError(http.StatusInternalServerError)
	}
	return a.live(key), nil
}

// KVSetWithOptions compares before it sets, where asked to; nil deletes.
func (a *pluginAPI) KVSetWithOptions(key string, value []byte, o model.PluginKVSetOptions) (bool, *model.AppError) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	switch {
	case !a.s.databaseUp:
		return false, pluginError(http.StatusInternalServerError)
	case o.Atomic && !bytes.Equal(a.live(key), o.OldValue):
		return false, nil
	case value == nil:
		delete(a.stored, key)
		return true, nil
	}
	kept := stored{value: value}
	if o.ExpireInSeconds > 0 {
		kept.until = a.s.now().Add(time.Duration(o.ExpireInSeconds) * time.Second)
	}
	a.stored[key] = kept
	return true, nil
}

func (a *pluginAPI) live(key string) []byte {
	kept := a.stored[key]
	if !kept.until.IsZero() && !a.s.now().Before(kept.until) {
		delete(a.stored, key)
		return nil
	}
	return kept.value
}

// LogInfo drops the line: nobody reads the log of a simulator.
func (a *pluginAPI) LogInfo(string, ...any) {}

// LogWarn drops the line.
func (a *pluginAPI) LogWarn(string, ...any) {}

// LogError drops the line.
func (a *pluginAPI) LogError(string, ...any) {}

func pluginError(status int) *model.AppError {
	return refusal{"app.plugin.api.app_error", "The plugin's request could not be served.", status}.err()
}
