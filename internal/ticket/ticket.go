// Package ticket makes launch tickets and redeems them: the ERP's back end gets
// one for a person, hands it to that person's browser, and the browser gets a
// session for it, once, within a minute.
//
// It knows neither HTTP nor how sessions are made: a redeemed ticket is a
// login.Proof.
package ticket

import (
	"context"
	"crypto/sha256"
	"time"

	"matterpass/internal/login"
)

// Ticket is what a ticket is good for.
type Ticket struct {
	Identity login.Identity
	Origin   string // of the page that may embed the chat; empty: none, top level only
	Target   string // path on the chat host, "/…"; empty: the default
	Created  time.Time
	Expires  time.Time
}

// Digest is the SHA-256 of a ticket's text: all of it that is stored.
type Digest = [sha256.Size]byte

// Tickets keeps tickets, over every instance and restart.
type Tickets interface {
	Put(ctx context.Context, digest Digest, t Ticket) error
	// Get answers login.ErrUnknown, also for a ticket that was spent or is over.
	Get(ctx context.Context, digest Digest) (Ticket, error)
	// Spend answers login.ErrSpent unless this very call spent the ticket, which may
	// be over by now: its owner stood in line since Get. Any other error means that
	// nobody knows: the ticket must be refused.
	Spend(ctx context.Context, digest Digest) error
}
