// Package store is the memory that makes “once” true: sessions, identity links,
// failure counts, spent proofs and tickets, and revocations that Mattermost has
// not confirmed yet, in SQLite or PostgreSQL, with the same statements for both.
//
// Where one of many must win, a unique constraint or the number of rows that one
// statement changed decides, never a look before it. An error that is
// [login.ErrStoreUnavailable] means that nobody knows; it names the cause in
// words for operators, and neither the address nor a value.
//
// Nothing in the database lets its reader sign in: tokens, tickets and proofs
// are MACs, and what must be read again is sealed, both under [Options.Keys].
//
// The package knows neither HTTP nor Mattermost.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"time"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Options of [Open].
type Options struct {
	// Address is sqlite:///absolute/file or postgres://….
	Address string
	// Keys make MACs and seal. The first one writes, all of them read: a key may be
	// dropped once what it wrote is over. The migrations need none.
	Keys []Key

	Timeout  time.Duration    // of one call; default 2 s
	Patience time.Duration    // how long a server may be away at the start; default 10 s
	MaxConns int              // to a PostgreSQL server; default 8
	Manual   bool             // do not migrate: an older schema is ErrOldSchema
	Now      func() time.Time // default time.Now

	steps  fs.FS // of the schema; default those of this program
	asItIs bool  // a missing SQLite file is not created
}

// Key is one entry of the key ring, derived for this use alone.
type Key struct {
	ID     string // stored beside what the key sealed
	Secret []byte
}

// Errors of [Open], and of the migrations.
var (
	ErrAddress     = errors.New("the database's address must be sqlite:///absolute/file or postgres://…")
	ErrNoKeys      = errors.New("the store needs at least one key")
	ErrNewerSchema = errors.New("the database was migrated by a newer version of this program: start that one, or have it migrate down")
	ErrNoFile      = errors.New("there is no such file") // of those that make none
	ErrOldSchema   = errors.New("the database has to be migrated first: matterpass migrate up")
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	engine engine
	pools
	turn    chan struct{} // of those who write; nil where they need none
	ring    ring
	steps   fs.FS
	timeout time.Duration
	now     func() time.Time
}

// pools are the connections to a database. They may be the same.
type pools struct {
	// write answers when what it wrote is on the disk, power cut or not: all that
	// once-only, links, passwords and ends of sessions rest on.
	write *sql.DB
	// relaxed answers sooner. What it wrote outlives the process; a power cut may
	// take the last second of it, and never what a later write of the other stands on.
	relaxed *sql.DB
	read    *sql.DB
}

func (p pools) close() error {
	var errs []error
	for _, db := range []*sql.DB{p.relaxed, p.read, p.write} {
		errs = append(errs, db.Close()) // closing twice is no error
	}
	return errors.Join(errs...)
}

// engine is what differs between the databases.
type engine interface {
	// open connects. There is a database afterwards, perhaps an empty one.
	open(ctx context.Context) (pools, error)
	// migrator prepares for changes of the schema.
	migrator(write *sql.DB) migrator
	// made notes that there is a database now, which must not vanish unnoticed.
	made(ctx context.Context) error
	// present answers an error where the database is known to be gone.
	present() error
	// oneWriter reports that writers had better wait for each other.
	oneWriter() bool
	// why explains one of the driver's errors, "" where it is not the driver's.
	why(err error) (words string, kind fault)
	// lazily wraps a changing statement so that its commit does not wait for the disk;
	// it then answers the number of rows. "" where the pool says so by itself.
	lazily(statement string) string
	// skipLocked follows a SELECT whose rows nobody else shall wait for.
	skipLocked() string
}

// Open connects to the database, creates it where it never was, and migrates it.
func Open(ctx context.Context, o Options) (*Store, error) {
	if len(o.Keys) == 0 {
		return nil, ErrNoKeys
	}
	s, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := s.begin(ctx, o.Manual); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func connect(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	e, err := newEngine(o)
	if err != nil {
		return nil, err
	}
	s := &Store{engine: e, ring: newRing(o.Keys), steps: o.steps, timeout: o.Timeout, now: o.Now}
	if s.pools, err = e.open(ctx); err != nil {
		return nil, err
	}
	if e.oneWriter() {
		s.turn = make(chan struct{}, 1)
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 8
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.steps == nil {
		o.steps, _ = fs.Sub(embedded, "migrations") // fails for an invalid path only
	}
	return o
}

// begin brings the schema up to date and gives a new database its epoch.
func (s *Store) begin(ctx context.Context, manual bool) error {
	schema, err := s.schema(ctx)
	switch {
	case err != nil:
		return err
	case schema.Current > schema.Known:
		return ErrNewerSchema
	case schema.Current < schema.Known && manual:
		return ErrOldSchema
	case schema.Current < schema.Known:
		if err := s.migrate(ctx, up); err != nil {
			return err
		}
	}
	if err := s.ensureEpoch(ctx); err != nil {
		return err
	}
	return s.engine.made(ctx)
}

// Close ends every connection. Calls under way fail.
func (s *Store) Close() error { return s.close() }

// Ping reports whether the database takes a write: what is read-only or full is
// no memory.
func (s *Store) Ping(ctx context.Context) error {
	const note = `INSERT INTO facts (name, value, at) VALUES ('written', '', $1)
		ON CONFLICT (name) DO UPDATE SET at = excluded.at`
	_, err := s.exec(ctx, "write", note, s.millis())
	return err
}

func (s *Store) millis() int64 { return millis(s.now()) }

// millis is zero for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
