// Package plugin is what the companion plugin does inside Mattermost: it makes
// sessions for people of whom Matterpass has proof, and refuses everybody whom
// Mattermost's plugin API itself would not (docs/mattermost.md F7). Nobody but the
// holder of the shared secret is told anything, and without one there is nothing.
//
// cmd/matterpass-plugin runs it under Mattermost, internal/simulator in itself.
package plugin

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/companion"
)

// Server is the part of Mattermost's plugin API that is used.
type Server interface {
	Sessions
	Store
	Log
	LoadPluginConfiguration(dest any) error
	GetConfig() *model.Config
	GetDiagnosticId() string
}

// Sessions is where accounts are looked up and sessions made.
type Sessions interface {
	GetUser(userID string) (*model.User, *model.AppError)
	CreateSession(session *model.Session) (*model.Session, *model.AppError)
	RevokeSession(sessionID string) *model.AppError
}

// Store is the plugin's memory. All servers of a cluster share it.
type Store interface {
	KVGet(key string) ([]byte, *model.AppError)
	KVSetWithOptions(key string, value []byte, options model.PluginKVSetOptions) (bool, *model.AppError)
}

// Log is Mattermost's own log: the trail of what was made and refused.
type Log interface {
	LogInfo(msg string, keyValuePairs ...any)
	LogWarn(msg string, keyValuePairs ...any)
	LogError(msg string, keyValuePairs ...any)
}

// Service answers Matterpass. It is safe for concurrent use.
type Service struct {
	server  Server
	version string
	now     func() time.Time
	current atomic.Pointer[settings]
}

// New returns a Service that does nothing until Reload. version is told to
// Matterpass; a nil now is time.Now.
func New(server Server, version string, now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	s := &Service{server: server, version: version, now: now}
	s.current.Store(&settings{})
	return s
}

// settings are fetched when they change and not for every session: Mattermost's
// whole configuration crosses a process boundary each time.
type settings struct {
	keys            companion.Keys
	allowPrivileged bool
	sessionLength   time.Duration
	secondFactor    bool // Mattermost asks for second factors at all
	serverID        string
}

// configuration is what plugin.json declares.
type configuration struct {
	Secrets         string
	AllowPrivileged bool
	MaxSessionHours int
}

// Reload reads the plugin's and Mattermost's settings. After an error the plugin
// does nothing until the settings are right.
func (s *Service) Reload() error {
	found, err := s.read()
	s.current.Store(found)
	return err
}

func (s *Service) read() (*settings, error) {
	var own configuration
	if err := s.server.LoadPluginConfiguration(&own); err != nil {
		return &settings{}, fmt.Errorf("plugin settings: %w", err)
	}
	keys, err := companion.NewKeys(secretsIn(own.Secrets)...)
	if err != nil {
		return &settings{}, fmt.Errorf("plugin setting Secrets: %w", err)
	}
	service := s.server.GetConfig().ServiceSettings
	length := hoursIn(service.SessionLengthWebInHours)
	if own.MaxSessionHours > 0 {
		length = min(length, hoursIn(&own.MaxSessionHours))
	}
	return &settings{
		keys:            keys,
		allowPrivileged: own.AllowPrivileged,
		sessionLength:   length,
		secondFactor:    service.EnableMultifactorAuthentication == nil || *service.EnableMultifactorAuthentication,
		serverID:        s.server.GetDiagnosticId(),
	}, nil
}

// defaultSessionHours is Mattermost's own default, 30 days.
const defaultSessionHours = 720

// secretsIn takes the text of PLUGIN_SECRET: secrets with commas between them,
// each perhaps behind a name and a colon.
func secretsIn(text string) []string {
	list := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r <= ' ' })
	for i, entry := range list {
		if _, secret, named := strings.Cut(entry, ":"); named {
			list[i] = secret
		}
	}
	return list
}

// hoursIn reads a number of hours; none would be no session at all.
func hoursIn(setting *int) time.Duration {
	if setting == nil || *setting <= 0 {
		return defaultSessionHours * time.Hour
	}
	return time.Duration(*setting) * time.Hour
}
