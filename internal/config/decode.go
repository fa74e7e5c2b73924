package config

import (
	"crypto/rand"
	"errors"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// decode fills a Config from the settings. envconfig stops at the first value it
// cannot read: that one is noted and taken out, and it starts again, so that all
// of them are found.
func (l *loader) decode() Config {
	variables := Describe()
	for {
		cfg, name, err := l.decodeOnce()
		if err == nil {
			l.checkBounds(cfg, variables)
			return cfg
		}
		v := find(variables, name)
		l.breaks(name, misread(v, l.settings[name].text, err))
		if l.settings[name].text == v.Default {
			panic("config: envconfig cannot read the default of " + name)
		}
		l.settings[name] = setting{v.Default, l.settings[name].source}
	}
}

// decodeOnce runs envconfig once, and names the variable that it could not read.
//
// envconfig reads nothing but this process's environment. So the settings are
// put there for as long as it runs, under a prefix that nobody else has: the
// variables proper stay as they are, and two Loads do not meet.
func (l *loader) decodeOnce() (cfg Config, failed string, err error) {
	prefix := "MATTERPASS_" + rand.Text()
	for name, s := range l.settings {
		key := prefix + "_" + name
		if err := os.Setenv(key, s.text); err != nil {
			return cfg, name, err
		}
		defer func() { _ = os.Unsetenv(key) }()
	}
	err = envconfig.Process(prefix, &cfg)
	if parse, ok := errors.AsType[*envconfig.ParseError](err); ok {
		return cfg, strings.TrimPrefix(parse.KeyName, prefix+"_"), parse.Err
	}
	return cfg, "", err
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

func find(variables []Variable, name string) Variable {
	for _, v := range variables {
		if v.Name == name {
			return v
		}
	}
	panic("config: envconfig failed on something else than a variable: " + name)
}

// value is the field of a variable in cfg.
func (v Variable) value(cfg Config) any {
	return reflect.ValueOf(cfg).FieldByIndex(v.index).Interface()
}
