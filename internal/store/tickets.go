package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/ticket"
)

// Tickets is the [ticket.Tickets] of a Store. A ticket is sealed as a whole: it
// is the one place with an e-mail address, and gone soon after it is over.
type Tickets struct{ *Store }

// Tickets are launch tickets.
func (s *Store) Tickets() Tickets { return Tickets{s} }

// Put keeps a new ticket.
func (s Tickets) Put(ctx context.Context, digest ticket.Digest, t ticket.Ticket) error {
	text, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("put ticket: %w", err)
	}
	mac := s.ring.mac("ticket", string(digest[:]))
	sealed, by := s.ring.seal(text, mac)
	const insert = `INSERT INTO tickets (digest_mac, sealed, sealed_by, expires) VALUES ($1, $2, $3, $4)`
	_, err = s.exec(ctx, "put ticket", insert, mac, sealed, by, millis(t.Expires))
	if errors.Is(err, errTaken) {
		return fmt.Errorf("put ticket: %w", login.ErrConflict)
	}
	return err
}

// Get answers login.ErrUnknown, also for a ticket that was spent or is over.
func (s Tickets) Get(ctx context.Context, digest ticket.Digest) (ticket.Ticket, error) {
	args := append([]any{s.millis()}, s.ring.anyOf("ticket", string(digest[:]))...)
	var mac, sealed []byte
	var by string
	err := s.one(ctx, query{op: "get ticket", args: args, sql: `SELECT digest_mac, sealed, sealed_by FROM tickets
		WHERE spent = 0 AND expires > $1 AND digest_mac IN (` + placeholders(2, len(args)-1) + `)`}, &mac, &sealed, &by)
	if err != nil {
		return ticket.Ticket{}, err
	}
	var t ticket.Ticket
	text, err := s.ring.open(sealed, mac, by)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil {
		return ticket.Ticket{}, fmt.Errorf("get ticket: %w", err)
	}
	return t, nil
}

// inLine is how long whoever got a ticket in time may wait for their turn at
// Mattermost before they spend it.
const inLine = time.Minute

// Spend answers nil to one caller alone: to the one whose statement changed the row.
func (s Tickets) Spend(ctx context.Context, digest ticket.Digest) error {
	now := s.now()
	args := append([]any{millis(now), millis(now.Add(-inLine))}, s.ring.anyOf("ticket", string(digest[:]))...)
	changed, err := s.exec(ctx, "spend ticket", `UPDATE tickets SET spent = $1
		WHERE spent = 0 AND expires > $2 AND digest_mac IN (`+placeholders(3, len(args)-2)+`)`, args...)
	if err == nil && changed == 0 {
		return login.ErrSpent
	}
	return err
}
