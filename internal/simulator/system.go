package simulator

import (
	_ "embed"
	"encoding/json"
	"maps"
	"net/url"
	"strconv"
)

//go:embed clientconfig.json
var clientConfigJSON []byte

// ping tells of the database only when asked, and fails only then (D1, D2).
func (s *Server) ping(c *call) (any, error) {
	q := c.URL.Query()
	answer := map[string]any{"ActiveSearchBackend": "database", "AndroidLatestVersion": "", "AndroidMinVersion": "",
		"IosLatestVersion": "", "IosMinVersion": "", "status": "OK"}
	if q.Get("device_id") != "" {
		answer["CanReceiveNotifications"] = "false"
	}
	if q.Get("get_server_status") != "true" {
		return answer, nil
	}
	answer["database_status"], answer["filestore_status"] = "OK", "OK"
	if !s.databaseUp {
		answer["status"], answer["database_status"] = "UNHEALTHY", "UNHEALTHY"
	}
	if c.user.isAdmin() {
		answer["root_status"] = true
	}
	for _, name := range []string{"status", "database_status", "filestore_status"} {
		c.w.Header().Set(name, answer[name].(string))
	}
	if s.databaseUp || q.Get("use_rest_semantics") == "true" {
		return answer, nil
	}
	return nil, unhealthy(answer)
}

// unhealthy is the one bad answer that is not an error of Mattermost's shape.
type unhealthy map[string]any

func (unhealthy) Error() string { return "database down" }

// clientConfig is flat and all strings; somebody signed in gets more of it (D3).
func (s *Server) clientConfig(c *call) (any, error) {
	var known struct{ Anonymous, SignedIn map[string]string }
	if err := json.Unmarshal(clientConfigJSON, &known); err != nil {
		return nil, err
	}
	answer := known.Anonymous
	if c.session != nil {
		maps.Copy(answer, known.SignedIn)
		answer["EnableUserAccessTokens"] = strconv.FormatBool(s.settings.ServiceSettings.EnableUserAccessTokens)
	}
	maps.Copy(answer, map[string]string{
		"Version":                         version,
		"DiagnosticId":                    s.serverID,
		"TelemetryId":                     s.serverID,
		"SiteURL":                         s.settings.ServiceSettings.SiteURL,
		"WebsocketURL":                    s.settings.ServiceSettings.WebsocketURL,
		"EnableSignInWithEmail":           strconv.FormatBool(s.settings.EmailSettings.EnableSignInWithEmail),
		"EnableSignInWithUsername":        strconv.FormatBool(s.settings.EmailSettings.EnableSignInWithUsername),
		"EnableMultifactorAuthentication": strconv.FormatBool(s.settings.ServiceSettings.EnableMultifactorAuthentication),
		"EnableOpenServer":                strconv.FormatBool(s.settings.TeamSettings.EnableOpenServer),
		"EnableUserCreation":              strconv.FormatBool(s.settings.TeamSettings.EnableUserCreation),
		"PasswordMinimumLength":           strconv.Itoa(s.settings.PasswordSettings.MinimumLength),
		"EnableDesktopLandingPage":        strconv.FormatBool(s.settings.ServiceSettings.EnableDesktopLandingPage),
	})
	return answer, nil
}

func (s *Server) getConfig(c *call) (any, error) {
	c.w.Header().Set("Cache-Control", "no-cache, no-store, must-revalidate")
	return s.settings, nil
}

func (s *Server) patchConfig(c *call) (any, error) {
	changed := s.settings
	if json.Unmarshal(c.body, &changed) != nil {
		return nil, refuseBody("config")
	}
	s.settings = changed
	return s.getConfig(c)
}

func (s *Server) limits(c *call) (any, error) {
	if !c.user.isAdmin() {
		return nil, refusePermission
	}
	return map[string]int{"maxUsersLimit": 200, "maxUsersHardLimit": s.userLimit(), "activeUserCount": s.activeUsers(),
		"singleChannelGuestCount": 0, "singleChannelGuestLimit": 0, "postHistoryLimit": 0, "lastAccessiblePostTime": 0}, nil
}

func (s *Server) invalidateCaches(*call) (any, error) {
	s.forgetCaches()
	return done, nil
}

func (s *Server) forgetCaches() {
	for _, of := range s.sessions {
		of.cached = false
	}
	for _, t := range s.tokens {
		t.session.cached = false
	}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
