package store

import (
	"context"
	"errors"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/mint"
)

// FindPassword answers a Password without a Kid where none is kept.
func (s *Store) FindPassword(ctx context.Context, userID string) (mint.Password, error) {
	kept := mint.Password{UserID: userID}
	err := s.one(ctx, query{
		op: "find password", sql: `SELECT mint_kid, mint_generation FROM accounts WHERE user_id = $1`, args: []any{userID},
	}, &kept.Kid, &kept.Generation)
	if errors.Is(err, login.ErrUnknown) {
		return kept, nil
	}
	return kept, err
}

// SavePassword puts now in the place of before, and answers login.ErrConflict
// where another was faster.
func (s *Store) SavePassword(ctx context.Context, before, now mint.Password) error {
	const update = `UPDATE accounts SET mint_kid = $2, mint_generation = $3
		WHERE user_id = $1 AND mint_kid = $4 AND mint_generation = $5`
	const upsert = `INSERT INTO accounts (user_id, mint_kid, mint_generation) VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE SET mint_kid = $2, mint_generation = $3
		WHERE accounts.mint_kid = $4 AND accounts.mint_generation = $5`
	statement := update
	if before.Kid == "" && before.Generation == 0 {
		statement = upsert
	}
	changed, err := s.exec(ctx, "save password", statement, now.UserID, now.Kid, now.Generation, before.Kid, before.Generation)
	if err == nil && changed == 0 {
		return login.ErrConflict
	}
	return err
}

// TakeTurn reports whether what was not done for userID within the last every,
// and takes note that it is done now.
func (s *Store) TakeTurn(ctx context.Context, userID, what string, every time.Duration) (bool, error) {
	const upsert = `INSERT INTO turns (user_id, what, taken) VALUES ($1, $2, $3)
		ON CONFLICT (user_id, what) DO UPDATE SET taken = $3 WHERE turns.taken <= $4`
	now := s.now()
	changed, err := s.exec(ctx, "take turn", upsert, userID, what, millis(now), millis(now.Add(-every)))
	return changed == 1, err
}
