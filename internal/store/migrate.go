package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"matterpass/internal/login"
)

// schemaTable is where the database remembers its migrations.
const schemaTable = "matterpass_schema"

// Schema is how far a database is migrated.
type Schema struct {
	Current int64 // zero for a database without tables
	Known   int64 // the newest that this program knows
}

// migrator is what the migrations need of a database.
type migrator struct {
	db      *sql.DB
	dialect goose.Dialect
	locking goose.ProviderOption
	close   func() error
}

// direction of a migration.
type direction int

const (
	up   direction = iota // to the newest
	down                  // by one
)

// MigrateUp brings the schema to the newest that this program knows.
func MigrateUp(ctx context.Context, o Options) (Schema, error) { return migrateBy(ctx, o, up) }

// MigrateDown takes the newest migration back, and what it stored with it.
func MigrateDown(ctx context.Context, o Options) (Schema, error) {
	o.asItIs = true
	return migrateBy(ctx, o, down)
}

// Status changes nothing.
func Status(ctx context.Context, o Options) (Schema, error) {
	o.asItIs = true
	s, err := connect(ctx, o)
	if err != nil {
		return Schema{}, err
	}
	defer s.Close()
	return s.schema(ctx)
}

func migrateBy(ctx context.Context, o Options, to direction) (Schema, error) {
	s, err := connect(ctx, o)
	if err != nil {
		return Schema{}, err
	}
	defer s.Close()
	schema, err := s.schema(ctx)
	if err == nil && schema.Current > schema.Known {
		err = ErrNewerSchema
	}
	if err == nil {
		err = s.migrate(ctx, to)
	}
	if err == nil && to == up {
		err = errors.Join(s.ensureEpoch(ctx), s.engine.made(ctx))
	}
	if err != nil {
		return schema, err
	}
	return s.schema(ctx)
}

// schema asks without a lock: at an ordinary start there is nothing to do.
func (s *Store) schema(ctx context.Context) (Schema, error) {
	schema := Schema{Known: newest(s.steps)}
	err := s.one(ctx, query{op: "schema", sql: `SELECT COALESCE(MAX(version_id), 0) FROM ` + schemaTable}, &schema.Current)
	if errors.Is(err, errMissing) {
		err = nil
	}
	return schema, err
}

// migrate runs every step in a transaction of its own, under a lock that ends
// with its process: of two that start at once, the second finds nothing to do.
func (s *Store) migrate(ctx context.Context, to direction) (err error) {
	m := s.engine.migrator(s.write)
	defer func() { err = errors.Join(err, m.close()) }()
	options := []goose.ProviderOption{
		goose.WithTableName(schemaTable), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()),
	}
	if m.locking != nil {
		options = append(options, m.locking)
	}
	provider, err := goose.NewProvider(m.dialect, m.db, s.steps, options...)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if to == up {
		_, err = provider.Up(ctx)
	} else {
		_, err = provider.Down(ctx)
	}
	return s.migrated(err)
}

// migrated says what went wrong in the words of any other call: the library's
// error quotes the statement.
func (s *Store) migrated(err error) error {
	if err == nil || errors.Is(err, goose.ErrNoNextVersion) {
		return nil
	}
	words, _ := s.engine.why(err)
	if words == "" {
		words = "a step failed, and nothing of it was kept"
	}
	if partial := (*goose.PartialError)(nil); errors.As(err, &partial) {
		return fmt.Errorf("migrate: step %d: %w: %s", partial.Failed.Source.Version, login.ErrStoreUnavailable, words)
	}
	return fmt.Errorf("migrate: %w: %s", login.ErrStoreUnavailable, words)
}

// newest is the number of the last step; their names begin with it.
func newest(steps fs.FS) int64 {
	names, _ := fs.Glob(steps, "*.sql") // fails for an invalid pattern only
	var last int64
	for _, name := range names {
		if version, err := goose.NumericComponent(name); err == nil {
			last = max(last, version)
		}
	}
	return last
}

// advisory is a lock of PostgreSQL's that needs no table.
type advisory struct{}

// advisoryID is a number of our own: “mattpass” in ASCII.
const advisoryID = 0x6d61747470617373

var _ lock.SessionLocker = advisory{}

// SessionLock waits for its turn, as long as ctx and lock_timeout allow.
func (advisory) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(advisoryID))
	return err
}

// SessionUnlock lets the next one in.
func (advisory) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1)`, int64(advisoryID))
	return err
}
