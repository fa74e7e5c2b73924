package config

import (
	"fmt"
	"time"
)

// Setting is one variable as it is in force.
type Setting struct {
	Name   string
	Value  string // "" is not set; secrets are masked
	Source string // environment, .env, file, platform or default; with the alias it was set by; "" when not set
}

// Effective lists what is in force, in the order of docs/configuration.md.
func (c Config) Effective() []Setting {
	var all []Setting
	for _, v := range Describe() {
		all = append(all, c.setting(v))
	}
	return all
}

// setting shows the database that stands in for one as well: it has no password.
func (c Config) setting(v Variable) Setting {
	if database, ok := v.value(c).(DatabaseURL); ok && !database.IsSet() {
		if address, err := database.InForce(); err == nil {
			return Setting{v.Name, address, fromDefault}
		}
	}
	return Setting{v.Name, display(v.value(c)), c.sources[v.Name]}
}

func display(value any) string {
	if d, ok := value.(time.Duration); ok {
		return short(d)
	}
	return fmt.Sprint(value)
}
