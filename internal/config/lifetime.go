package config

import "time"

// Lifetime is a duration, or none where it is not set.
type Lifetime time.Duration

// Bounds of a Lifetime: people need the time to write a message, and a session
// of Mattermost's own ends, too.
const (
	shortestLife = time.Minute
	longestLife  = 8760 * time.Hour
)

// Decode reads a duration, or nothing.
func (l *Lifetime) Decode(text string) error {
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fault{shown(text) + " is not a duration", "write a number and a unit, for example 12h"}
	}
	if d < shortestLife || d > longestLife {
		return fault{shown(text) + " is out of bounds", "use 1m to 8760h, or unset it"}
	}
	*l = Lifetime(d)
	return nil
}

// String is what Decode reads.
func (l Lifetime) String() string {
	if l == 0 {
		return ""
	}
	return short(time.Duration(l))
}
