// Package upstream is the vocabulary for what can go wrong with the Mattermost
// behind us. The adapters that talk to it answer with these errors, the domain
// passes them on, and the HTTP edge maps them to problems. It knows neither
// Mattermost's error ids nor HTTP.
package upstream

import (
	"errors"
	"fmt"
	"time"
)

// What an adapter answers when Mattermost could not do its part. None of them
// says anything about the person who asked.
var (
	// ErrUnavailable: no answer, a 5xx, its database away, or the breaker open.
	ErrUnavailable = errors.New("mattermost is not available")
	// ErrTimeout: the deadline passed; whether the request took effect is unknown.
	ErrTimeout = errors.New("mattermost did not answer in time")
	// ErrInvalid: an answer that is not Mattermost's: HTML, a redirect, truncated
	// JSON, a token or an id of another shape, another account than asked for.
	ErrInvalid = errors.New("mattermost gave an answer that is not its own")
	// ErrAdminToken: our own token was refused or lacks a permission.
	ErrAdminToken = errors.New("mattermost refused the admin token")
)

// Throttled says that Mattermost itself limits us and when to come back.
type Throttled struct {
	// RetryAfter is at least a second and at most a minute.
	RetryAfter time.Duration
}

func (e *Throttled) Error() string {
	return fmt.Sprintf("mattermost limits requests for another %s", e.RetryAfter)
}

// NotAsked reports whether err guarantees that the request had no effect on
// Mattermost: it was held back or answered before anything was looked at.
func NotAsked(err error) bool {
	var throttled *Throttled
	return errors.Is(err, ErrUnavailable) || errors.As(err, &throttled)
}
