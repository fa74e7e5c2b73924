package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Where a setting came from, in the words of `matterpass config`.
const (
	fromProcess  = "environment"
	fromDotEnv   = ".env"
	fromFile     = "file"
	fromPlatform = "platform"
	fromDefault  = "default"
)

// setting is the text of a variable before it is decoded; "" is not set.
type setting struct{ text, source string }

// loader turns a Source into settings, one for each variable.
type loader struct {
	report
	process, dotenv map[string]string
	platform        platform
	strict          bool // production's rules hold
	settings        map[string]setting
	files           map[string]string // variable → the file its secret was read from
	warnings        []string
}

func resolve(from Source) *loader {
	process := environ(from.Environ)
	l := &loader{
		report:   report{broken: make(map[string]bool), called: make(map[string]string)},
		process:  process,
		platform: detect(process),
		settings: make(map[string]setting),
		files:    make(map[string]string),
	}
	if l.environment() != Production {
		l.dotenv = l.readDotEnv(from.DotEnv)
	}
	l.strict = l.environment().strict()
	for _, v := range Describe() {
		l.settings[v.Name] = l.settle(v)
	}
	l.port()
	l.noteUnused()
	return l
}

// environ makes a map of "NAME=value" lines.
func environ(lines []string) map[string]string {
	env := make(map[string]string, len(lines))
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	return env
}

// environment is APP_ENV as far as it is known: before .env is read, what the
// process says.
func (l *loader) environment() Environment {
	for _, layer := range []map[string]string{l.process, l.dotenv} {
		for _, name := range []string{"APP_ENV", "NODE_ENV"} {
			if text := strings.TrimSpace(layer[name]); text != "" {
				return Environment(text)
			}
		}
	}
	if l.platform.name != "" {
		return Production
	}
	return Development
}

// settle decides one variable: what is set wins over .env, that over the
// platform, that over the default.
func (l *loader) settle(v Variable) setting {
	for _, layer := range []struct {
		values map[string]string
		name   string
	}{{l.process, fromProcess}, {l.dotenv, fromDotEnv}} {
		if s, found := l.lookup(v, layer.values, layer.name); found {
			return s
		}
	}
	return l.standard(v)
}

// standard is the setting of a variable that nobody set.
func (l *loader) standard(v Variable) setting {
	switch {
	case v.Name == "APP_ENV" && l.platform.name != "":
		return setting{string(Production), fromPlatform}
	case v.Name == "PUBLIC_URL" && l.platform.publicURL != "":
		return setting{l.platform.publicURL, fromPlatform}
	case l.strict && v.Production != "":
		return setting{v.Production, fromDefault}
	case !l.strict && v.Development != "":
		return setting{v.Development, fromDefault}
	case v.Default != "":
		return setting{v.Default, fromDefault}
	}
	return setting{}
}

func (l *loader) lookup(v Variable, values map[string]string, layer string) (setting, bool) {
	text, key := values[v.Name], v.Name
	if text == "" && v.Alias != "" {
		text, key = values[v.Alias], v.Alias
	}
	path := ""
	if v.Secret {
		path = values[v.Name+fileSuffix]
	}
	_, present := values[v.Name]
	switch {
	case text != "" && path != "":
		l.breaks(v.Name, fault{key + " and " + v.Name + fileSuffix + " are both set", "keep one of them"})
		return setting{"", layer}, true
	case path != "":
		l.called[v.Name] = v.Name + fileSuffix
		return l.fromFile(v, path), true
	case text != "":
		l.called[v.Name] = key
		return setting{l.clean(v, text), sourceOf(v, key, layer)}, true
	case present && v.Empty != "":
		return setting{"", layer}, true
	}
	return setting{}, false
}

func sourceOf(v Variable, key, layer string) string {
	if key != v.Name {
		return layer + " (" + key + ")"
	}
	return layer
}

// clean drops the blanks around a value that is no secret, and refuses control
// characters in any: none can be meant, and they forge log lines.
func (l *loader) clean(v Variable, text string) string {
	if !v.Secret {
		text = strings.TrimSpace(text)
	}
	if utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	l.breaks(v.Name, fault{"has a line break, another control character or broken UTF-8", "write it in one line of plain text"})
	return v.Default
}

func (l *loader) warn(sentence string) { l.warnings = append(l.warnings, sentence) }

func (l *loader) noteUnused() {
	for _, name := range laterNames() {
		if l.process[name] != "" || l.dotenv[name] != "" {
			l.warn(name + ": set, but not used by this version")
		}
	}
}

func (l *loader) sources() map[string]string {
	sources := make(map[string]string, len(l.settings))
	for name, s := range l.settings {
		if s.text != "" || s.source == fromProcess || s.source == fromDotEnv {
			sources[name] = s.source
		}
	}
	return sources
}

// fromFile reads the secret of a variable from the file that NAME_FILE names.
func (l *loader) fromFile(v Variable, path string) setting {
	text, public, err := readSecret(path)
	if err != nil {
		l.breaks(v.Name, err)
		return setting{"", fromFile}
	}
	if public {
		l.warn(v.Name + fileSuffix + ": everybody on this machine may read the file; chmod 600 it")
	}
	l.files[v.Name] = path
	return setting{l.clean(v, text), fromFile}
}
