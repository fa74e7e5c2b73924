package config

import (
	"strings"
)

// Environment is the kind of installation.
type Environment string

// The environments.
const (
	Development Environment = "development"
	Staging     Environment = "staging"
	Production  Environment = "production"
)

// Decode takes one of the three.
func (e *Environment) Decode(text string) error {
	return choose(e, text, Development, Staging, Production)
}

// strict reports whether production's rules hold. A misspelt "prod" is held to
// them too, so that one run reports everything.
func (e Environment) strict() bool {
	low := strings.ToLower(string(e))
	return strings.HasPrefix(low, "prod") || strings.HasPrefix(low, "stag")
}

// Override is a word about a cookie attribute that is otherwise decided by
// environment and scheme.
type Override string

// The overrides.
const (
	Auto   Override = "auto"
	Always Override = "always"
	Never  Override = "never"
)

// Decode takes one of the three.
func (o *Override) Decode(text string) error { return choose(o, text, Auto, Always, Never) }

// SameSite is a cookie's SameSite attribute, or auto.
type SameSite string

// The values of SameSite.
const (
	SameSiteAuto   SameSite = "auto"
	SameSiteLax    SameSite = "lax"
	SameSiteStrict SameSite = "strict"
	SameSiteNone   SameSite = "none"
)

// Decode takes one of the four.
func (s *SameSite) Decode(text string) error {
	return choose(s, text, SameSiteAuto, SameSiteLax, SameSiteStrict, SameSiteNone)
}

// LogLevel is the least important level that is logged.
type LogLevel string

// The log levels.
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)

// Decode takes one of the four.
func (l *LogLevel) Decode(text string) error {
	return choose(l, text, LogDebug, LogInfo, LogWarn, LogError)
}

// LogFormat is the shape of a log line; "" leaves it to the terminal.
type LogFormat string

// The log formats.
const (
	LogJSON    LogFormat = "json"
	LogConsole LogFormat = "console"
)

// Decode takes one of the two, or nothing.
func (l *LogFormat) Decode(text string) error {
	if text == "" {
		return nil
	}
	return choose(l, text, LogJSON, LogConsole)
}

// Switch is on or off.
type Switch bool

// Decode takes "on" or "off".
func (s *Switch) Decode(text string) error {
	var word string
	err := choose(&word, text, "on", "off")
	*s = word == "on"
	return err
}

// String is "on" or "off".
func (s Switch) String() string {
	if s {
		return "on"
	}
	return "off"
}

func choose[T ~string](to *T, text string, allowed ...T) error {
	for _, one := range allowed {
		if text == string(one) {
			*to = one
			return nil
		}
	}
	last := len(allowed) - 1
	words := strings.Join(stringsOf(allowed[:last]), ", ") + " or " + string(allowed[last])
	return fault{shown(text) + " is not known", "use " + words}
}
