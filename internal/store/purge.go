package store

import (
	"context"
	"time"
)

const (
	// retention is how long a session that is over stays known: for sign-out
	// everywhere, and so that nobody is signed in again unasked.
	retention = 30 * 24 * time.Hour
	// turnsKept is longer than any turn takes.
	turnsKept = 7 * 24 * time.Hour
	// purgeRows bounds one statement, so that nobody waits for a purge.
	purgeRows = 1000
)

// Purge removes what is over at the time now. It stops between two batches when
// ctx ends.
func (s *Store) Purge(ctx context.Context, now time.Time) error {
	old := millis(now.Add(-retention))
	for _, p := range []struct {
		table, key, where string
		before            int64
	}{
		{"spent", "key_mac", "until < $1", millis(now)},
		{"tickets", "digest_mac", "expires < $1", millis(now.Add(-inLine))},
		{"creations", "address_mac", "begun < $1", millis(now.Add(-turnsKept))},
		{"turns", "user_id, what", "taken < $1", millis(now.Add(-turnsKept))},
		{"failures", "account_mac", "failed = 0 AND in_flight = 0 AND since < $1", millis(now)},
		{"sessions", "token_mac", "delivered > 0 AND delivered < $1", old},
		{"sessions", "token_mac", "ended = 0 AND expires > 0 AND expires < $1 AND last_seen < $1", old},
	} {
		statement := `DELETE FROM ` + p.table + ` WHERE (` + p.key + `) IN (SELECT ` + p.key + ` FROM ` + p.table + ` WHERE ` + p.where + ` LIMIT $2)`
		if err := s.purge(ctx, statement, p.before); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) purge(ctx context.Context, statement string, before int64) error {
	for {
		removed, err := s.exec(ctx, "purge", statement, before, purgeRows)
		if err != nil || removed < purgeRows {
			return err
		}
	}
}
