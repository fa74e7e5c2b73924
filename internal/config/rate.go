package config

import (
	"strconv"
	"strings"
	"time"
)

// Rate is a number of tokens per time; the number is also the burst.
type Rate struct {
	Tokens int           // 1 to 1 000 000
	Per    time.Duration // 1s to 24h
}

// Decode reads "5/1m".
func (r *Rate) Decode(text string) error {
	const most = 1_000_000
	number, per, found := strings.Cut(text, "/")
	tokens, err1 := strconv.Atoi(number)
	span, err2 := time.ParseDuration(per)
	switch {
	case !found || err1 != nil || err2 != nil:
		return fault{shown(text) + " is not a rate", "write tokens per time, for example 5/1m"}
	case tokens < 1 || tokens > most:
		return fault{shown(text) + " is out of bounds", "allow 1 to 1000000 tokens"}
	case span < time.Second || span > 24*time.Hour:
		return fault{shown(text) + " is out of bounds", "use a time from 1s to 24h"}
	}
	*r = Rate{tokens, span}
	return nil
}

// String is what Decode reads, "" for the zero Rate.
func (r Rate) String() string {
	if r == (Rate{}) {
		return ""
	}
	return strconv.Itoa(r.Tokens) + "/" + short(r.Per)
}

// short is d without the zero units that time.Duration spells out: 1m, not 1m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
