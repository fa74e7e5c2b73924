package simulator

import (
	"cmp"
	"time"
)

// Settings are the configuration keys that matter to embedding, named and nested as in Mattermost's own
// configuration: GET /api/v4/config shows them, PUT /api/v4/config/patch changes them.
type Settings struct {
	ServiceSettings   ServiceSettings
	TeamSettings      TeamSettings
	RateLimitSettings RateLimitSettings
	PasswordSettings  PasswordSettings
	EmailSettings     EmailSettings
	PluginSettings    PluginSettings
	GitLabSettings    GitLabSettings
}

// ServiceSettings are sessions, cookies, origins and the screens a newcomer sees.
type ServiceSettings struct {
	SiteURL                           string
	WebsocketURL                      string
	AllowCorsFrom                     string
	CorsAllowCredentials              bool
	AllowCookiesForSubdomains         bool
	FrameAncestors                    string
	EnableUserAccessTokens            bool
	SessionLengthWebInHours           int
	SessionIdleTimeoutInMinutes       int
	ExtendSessionLengthWithActivity   bool
	TerminateSessionsOnPasswordChange bool
	MaximumLoginAttempts              int
	EnableMultifactorAuthentication   bool
	ExperimentalStrictCSRFEnforcement bool
	TrustedProxyIPHeader              []string
	EnableDesktopLandingPage          bool
	EnableOnboardingFlow              bool
	EnableTutorial                    bool
	SessionCacheInMinutes             int
	TLSStrictTransport                bool
	TLSStrictTransportMaxAge          int
	DeveloperFlags                    string
}

// TeamSettings say who may join.
type TeamSettings struct {
	MaxUsersPerTeam    int
	EnableOpenServer   bool
	EnableUserCreation bool
}

// RateLimitSettings are shown only; the simulator does not limit.
type RateLimitSettings struct {
	Enable   bool
	PerSec   int
	MaxBurst int
}

// PasswordSettings are the rules for new passwords; only the length is enforced.
type PasswordSettings struct {
	MinimumLength int
	Lowercase     bool
	Number        bool
	Uppercase     bool
	Symbol        bool
}

// EmailSettings say by what name people sign in.
type EmailSettings struct {
	EnableSignInWithEmail    bool
	EnableSignInWithUsername bool
	RequireEmailVerification bool
}

// PluginSettings are shown only.
type PluginSettings struct {
	Enable        bool
	EnableUploads bool
}

// GitLabSettings stand for every single sign-on provider: enabled, one changes the refusal's id (A3).
type GitLabSettings struct {
	Enable bool
}

func settingsFrom(o Options) Settings {
	length := cmp.Or(o.SessionLength, 720*time.Hour)
	s := Settings{
		ServiceSettings: ServiceSettings{
			SiteURL:                           o.SiteURL,
			AllowCorsFrom:                     o.AllowCorsFrom,
			FrameAncestors:                    o.FrameAncestors,
			EnableUserAccessTokens:            true,
			SessionLengthWebInHours:           int(length / time.Hour),
			SessionIdleTimeoutInMinutes:       43200,
			ExtendSessionLengthWithActivity:   true,
			TerminateSessionsOnPasswordChange: true,
			MaximumLoginAttempts:              cmp.Or(o.MaximumLoginAttempts, 10),
			EnableMultifactorAuthentication:   true,
			TrustedProxyIPHeader:              []string{},
			SessionCacheInMinutes:             10,
			TLSStrictTransportMaxAge:          63072000,
		},
		TeamSettings:      TeamSettings{MaxUsersPerTeam: 50, EnableOpenServer: true, EnableUserCreation: true},
		RateLimitSettings: RateLimitSettings{PerSec: 10, MaxBurst: 100},
		PasswordSettings:  PasswordSettings{MinimumLength: 8},
		EmailSettings:     EmailSettings{EnableSignInWithEmail: true, EnableSignInWithUsername: true},
		PluginSettings:    PluginSettings{EnableUploads: true},
	}
	if o.Configure != nil {
		o.Configure(&s)
	}
	return s
}

// Configure changes settings of a running server; like the real one's, they take effect at once.
func (s *Server) Configure(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}

func (s *Server) sessionLength() time.Duration {
	if s.options.SessionLength > 0 {
		return s.options.SessionLength
	}
	return time.Duration(s.settings.ServiceSettings.SessionLengthWebInHours) * time.Hour
}

func (s *Server) userLimit() int { return cmp.Or(s.options.UserLimit, 250) }
