// Package mint makes Mattermost sessions for people who proved who they are
// without a Mattermost password: by a password that Matterpass keeps for the
// account, or by the companion plugin. It chooses the way once and for all.
//
// It knows neither HTTP nor Mattermost's API.
package mint

import (
	"context"
	"time"
)

// Password says how the password of an account is derived, where Matterpass
// keeps it.
type Password struct {
	UserID     string
	Kid        string // of the secret in MINT_SECRET; empty: it was never set
	Generation int    // grows with every change
}

// Passwords remembers which accounts' passwords are kept.
type Passwords interface {
	// FindPassword answers a Password without a Kid where none is kept.
	FindPassword(ctx context.Context, userID string) (Password, error)
	// SavePassword puts now in the place of before, and answers login.ErrConflict
	// where another was faster.
	SavePassword(ctx context.Context, before, now Password) error
}

// Pins remembers decisions that are made once.
type Pins interface {
	// Pin keeps the first value that a name is given, and answers it.
	Pin(ctx context.Context, name, value string) (kept string, err error)
	// Pinned answers "" where nothing was kept yet.
	Pinned(ctx context.Context, name string) (kept string, err error)
}

// Turns limits what may be done for an account only once in a while.
type Turns interface {
	// TakeTurn reports whether what was not done for userID within the last every,
	// and takes note that it is done now.
	TakeTurn(ctx context.Context, userID, what string, every time.Duration) (bool, error)
}
