package config

import (
	"crypto/rand"
	"errors"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// decode fills a Config from the settings. envconfig stops at the first value it
// cannot read: that one is noted and taken out, and it starts again, so that all
// of them are found.
func (l *loader) decode() Config {
	variables := Describe()
	for {
		cfg, failed, err := l.decodeOnce(variables)
		if err == nil {
			l.checkBounds(cfg, variables)
			return cfg
		}
		text := l.settings[failed.Name].text
		l.breaks(failed.Name, misread(failed, text, err))
		if text == failed.Default {
			panic("config: envconfig cannot read the default of " + failed.Name)
		}
		l.settings[failed.Name] = setting{failed.Default, l.settings[failed.Name].source}
	}
}

// decodeOnce runs envconfig, and says which variable it could not read.
//
// envconfig reads nothing but this process's environment. So the settings are
// put there for as long as it runs, under a prefix that nobody else has: the
// variables proper stay as they are, and two Loads do not meet.
func (l *loader) decodeOnce(variables []Variable) (cfg Config, failed Variable, err error) {
	prefix := "MATTERPASS_" + rand.Text()
	for _, v := range variables {
		key := prefix + "_" + v.key
		if err := os.Setenv(key, l.settings[v.Name].text); err != nil {
			return cfg, v, err
		}
		defer func() { _ = os.Unsetenv(key) }()
	}
	err = envconfig.Process(prefix, &cfg)
	if parse, ok := errors.AsType[*envconfig.ParseError](err); ok {
		i := slices.IndexFunc(variables, func(v Variable) bool { return prefix+"_"+v.key == parse.KeyName })
		return cfg, variables[i], parse.Err
	}
	return cfg, failed, err
}

// misread is err where the type itself said what is wrong, and a sentence of
// ours for numbers and durations, which are never secret.
func misread(v Variable, text string, err error) error {
	switch v.Type {
	case kinds[reflect.TypeFor[int]()].words:
		return fault{shown(text) + " is not a whole number", "write digits only, for example " + v.Default}
	case kinds[reflect.TypeFor[time.Duration]()].words:
		return fault{shown(text) + " is not a duration", "write a number and a unit, for example " + v.Default}
	}
	return err
}

// value is the field of a variable in cfg.
func (v Variable) value(cfg Config) any {
	return reflect.ValueOf(cfg).FieldByIndex(v.index).Interface()
}
