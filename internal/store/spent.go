package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"matterpass/internal/login"
)

// Spent is the [login.Once] of a Store.
type Spent struct{ *Store }

// Once is the memory of what was spent.
func (s *Store) Once() Spent { return Spent{s} }

// Spend writes the key under every key of the ring: instances that know one of
// them in common meet in it, also while the keys rotate. What was issued before
// the database's epoch inserts nothing.
func (s Spent) Spend(ctx context.Context, use login.Spending) error {
	macs := inOrder(s.ring.macs("spent", use.Key))
	args := []any{s.ownerMAC(use), millis(use.Until), millis(use.IssuedAt)}
	// The first, empty part gives the others their types.
	rows := []string{"SELECT key_mac, owner_mac, until FROM spent WHERE 1 = 0"}
	for _, mac := range macs {
		args = append(args, mac)
		rows = append(rows, fmt.Sprintf("SELECT $%d, $1, $2 FROM facts WHERE name = 'epoch' AND at <= $3", len(args)))
	}
	changed, err := s.exec(ctx, "spend", "INSERT INTO spent (key_mac, owner_mac, until) "+strings.Join(rows, " UNION ALL "), args...)
	switch {
	case errors.Is(err, errTaken):
		return s.spentBy(ctx, use)
	case err == nil && changed == 0:
		return login.ErrSpent
	}
	return err
}

func (s Spent) ownerMAC(use login.Spending) []byte {
	if use.Owner == "" {
		return nil
	}
	return s.ring.mac("owner of "+use.Key, use.Owner)
}

// spentBy allows the same owner again.
func (s Spent) spentBy(ctx context.Context, use login.Spending) error {
	if use.Owner == "" {
		return login.ErrSpent
	}
	macs := s.ring.anyOf("spent", use.Key)
	var owner []byte
	err := s.one(ctx, query{op: "spend", args: macs, sql: "SELECT owner_mac FROM spent WHERE key_mac IN (" + placeholders(1, len(macs)) + ")"}, &owner)
	switch {
	case errors.Is(err, login.ErrUnknown):
		return login.ErrSpent // purged since: it is over
	case err != nil:
		return err
	case !s.ring.isMac(owner, "owner of "+use.Key, use.Owner):
		return login.ErrSpent
	}
	return nil
}
