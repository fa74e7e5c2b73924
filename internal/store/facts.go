package store

import (
	"context"
	"errors"

	"matterpass/internal/login"
)

// Pin keeps the first value that a name is given, and answers it.
func (s *Store) Pin(ctx context.Context, name, value string) (kept string, err error) {
	if kept, err := s.Pinned(ctx, name); err != nil || kept != "" {
		return kept, err
	}
	const insert = `INSERT INTO facts (name, value, at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`
	if _, err := s.exec(ctx, "pin", insert, "pin "+name, value, s.millis()); err != nil {
		return "", err
	}
	return s.Pinned(ctx, name)
}

// Pinned answers "" where nothing was kept yet.
func (s *Store) Pinned(ctx context.Context, name string) (kept string, err error) {
	err = s.one(ctx, query{op: "pin", sql: `SELECT value FROM facts WHERE name = $1`, args: []any{"pin " + name}}, &kept)
	if errors.Is(err, login.ErrUnknown) {
		return "", nil
	}
	return kept, err
}

// ensureEpoch notes when the memory begins. It reads first: a database that is
// read-only at the moment can be opened.
func (s *Store) ensureEpoch(ctx context.Context) error {
	var at int64
	err := s.one(ctx, query{op: "epoch", sql: `SELECT at FROM facts WHERE name = 'epoch'`}, &at)
	if !errors.Is(err, login.ErrUnknown) {
		return err
	}
	const insert = `INSERT INTO facts (name, value, at) VALUES ('epoch', '', $1) ON CONFLICT (name) DO NOTHING`
	_, err = s.exec(ctx, "epoch", insert, s.millis())
	return err
}
