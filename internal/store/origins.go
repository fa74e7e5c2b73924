package store

import (
	"context"
	"errors"
	"time"

	"matterpass/internal/email"
	"matterpass/internal/login"
)

// creationTakes is the longest between Creating and the account that comes of it.
const creationTakes = 2 * time.Minute

// Creating notes that an account is about to be made.
func (s *Store) Creating(ctx context.Context, address email.Address) error {
	const upsert = `INSERT INTO creations (address_mac, begun) VALUES ($1, $2)
		ON CONFLICT (address_mac) DO UPDATE SET begun = $2`
	_, err := s.exec(ctx, "announce account", upsert, s.ring.mac("address", string(address)), s.millis())
	return err
}

// MarkCreated notes that Matterpass made the account, with this address.
func (s *Store) MarkCreated(ctx context.Context, userID string, address email.Address) error {
	const upsert = `INSERT INTO accounts (user_id, address_mac) VALUES ($1, $2)
		ON CONFLICT (user_id) DO UPDATE SET address_mac = $2`
	_, err := s.exec(ctx, "mark account", upsert, userID, s.ring.mac("address", string(address)))
	return err
}

// IsCreated reports whether Matterpass made the account with the address that it
// has now, or was about to when it came into being.
func (s *Store) IsCreated(ctx context.Context, account login.Account) (bool, error) {
	var made []byte
	err := s.one(ctx, query{op: "origin of account", sql: `SELECT address_mac FROM accounts WHERE user_id = $1`, args: []any{account.ID}}, &made)
	if err == nil && made != nil {
		return s.ring.isMac(made, "address", string(account.Email)), nil
	}
	if err != nil && !errors.Is(err, login.ErrUnknown) {
		return false, err
	}
	return s.wasAnnounced(ctx, account)
}

func (s *Store) wasAnnounced(ctx context.Context, account login.Account) (bool, error) {
	macs := s.ring.anyOf("address", string(account.Email))
	var begun int64
	err := s.one(ctx, query{op: "announcement of account", args: macs, sql: `SELECT begun FROM creations
		WHERE address_mac IN (` + placeholders(1, len(macs)) + `)`}, &begun)
	if errors.Is(err, login.ErrUnknown) {
		return false, nil
	}
	after := account.Created.Sub(fromMillis(begun))
	return err == nil && after >= -time.Second && after <= creationTakes, err
}
