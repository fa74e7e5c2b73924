package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"matterpass/internal/login"
)

// readers bounds the connections that read beside the one that writes.
const readers = 4

// sqliteFile is a database in a file of this machine.
type sqliteFile struct {
	path   string
	wait   time.Duration // for a lock that another process holds
	asItIs bool
	opened os.FileInfo
}

func newSQLite(path string, o Options) *sqliteFile {
	return &sqliteFile{path: path, wait: o.Timeout * 3 / 4, asItIs: o.asItIs}
}

func (f *sqliteFile) open(ctx context.Context) (pools, error) {
	if err := f.prepare(); err != nil {
		return pools{}, err
	}
	p := pools{
		write:   f.connect(f.path, writeAhead, synced),
		relaxed: f.connect(f.path, writeAhead, syncedLater),
		read:    f.connect(f.path, writeAhead, synced),
	}
	p.write.SetMaxOpenConns(1)
	p.relaxed.SetMaxOpenConns(1)
	p.read.SetMaxOpenConns(readers)
	if err := f.check(ctx, p.write); err != nil {
		return pools{}, errors.Join(err, p.close())
	}
	var err error
	f.opened, err = os.Stat(f.path)
	return p, err
}

// connect opens nothing yet. Every transaction takes the lock for writing at
// once: one that read first could find the database changed under it.
func (f *sqliteFile) connect(path, journal, sync string) *sql.DB {
	query := url.Values{
		"mode": {"rw"}, "_txlock": {"immediate"},
		"_pragma": {
			"busy_timeout(" + strconv.FormatInt(f.wait.Milliseconds(), 10) + ")",
			journal, sync, "foreign_keys(1)", "trusted_schema(0)", "cache_size(-1024)",
			"wal_autocheckpoint(" + checkpointPages + ")",
		},
	}
	return newDB((&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String())
}

// Journals: write-ahead, so that readers and the writer are in nobody's way; and
// the plain one for a file that only ever holds a lock.
const (
	writeAhead = "journal_mode(WAL)"
	rollback   = "journal_mode(DELETE)"
)

// Syncing: a commit is on the disk before it is answered, or when the next of the
// former kind is, since both are in one journal.
const (
	synced      = "synchronous(FULL)"
	syncedLater = "synchronous(NORMAL)"
)

// checkpointPages is how long the journal grows, 16 MiB, until somebody's commit
// waits for it to be copied into the file.
const checkpointPages = "4000"

func newDB(name string) *sql.DB {
	db, err := sql.Open("sqlite", name)
	if err != nil {
		panic(err) // only for a driver that is not linked
	}
	return db
}

// check reads the whole file once: damage is found at the start, not by a person.
//
// Of two connections that turn a new file to write-ahead at once, SQLite refuses
// one without the wait it was told: each would wait for the other.
func (f *sqliteFile) check(ctx context.Context, db *sql.DB) error {
	for until := time.Now().Add(f.wait); ; {
		var verdict string
		err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict)
		switch words, _ := f.why(err); {
		case words == wordsFor(lib.SQLITE_BUSY) && time.Now().Before(until) && pause(ctx, 1):
			continue
		case err != nil && words != "":
			return f.unusable(words)
		case err != nil:
			return f.unusable("it cannot be read")
		case verdict != "ok":
			return f.unusable("it is damaged; restore it from a backup")
		}
		return nil
	}
}

func (f *sqliteFile) unusable(words string) error {
	return fmt.Errorf("%w: %s: %s", login.ErrStoreUnavailable, f.path, words)
}

// present finds out whether the file was removed or replaced: SQLite would go on
// with the one that no name leads to any more, and forget it at the next start.
func (f *sqliteFile) present() error {
	now, err := os.Stat(f.path)
	if err != nil || !os.SameFile(f.opened, now) {
		return errVanished
	}
	return nil
}

var errVanished = errors.New("the file was removed or replaced while it was in use: restore it and restart")

func (f *sqliteFile) migrator(write *sql.DB) migrator {
	turn := &fileLock{file: f}
	return migrator{db: write, dialect: goose.DialectSQLite3, locking: goose.WithLocker(turn), close: turn.Close}
}

func (*sqliteFile) skipLocked() string   { return "" }
func (*sqliteFile) oneWriter() bool      { return true }
func (*sqliteFile) lazily(string) string { return "" }

func (*sqliteFile) why(err error) (words string, kind fault) {
	if errors.Is(err, errVanished) {
		return errVanished.Error(), broken
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return "", broken
	}
	switch e.Code() {
	case lib.SQLITE_BUSY_SNAPSHOT, lib.SQLITE_BUSY_RECOVERY:
		return "it is locked", repeat
	case lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_UNIQUE:
		return "taken", taken
	case lib.SQLITE_ERROR:
		if strings.Contains(e.Error(), "no such table") {
			return "a table is missing", missing
		}
	}
	return wordsFor(e.Code() & 0xff), broken
}

// wordsFor explains a primary result code of SQLite's.
func wordsFor(code int) string {
	switch code {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return "it is locked by another program"
	case lib.SQLITE_READONLY:
		return "it is read-only; the file and its folder must be writable"
	case lib.SQLITE_FULL:
		return "the disk is full"
	case lib.SQLITE_CORRUPT:
		return "it is damaged; restore it from a backup"
	case lib.SQLITE_NOTADB:
		return "it is no SQLite database"
	case lib.SQLITE_CANTOPEN:
		return "it cannot be opened; the file and its folder must be writable"
	case lib.SQLITE_IOERR:
		return "the disk fails"
	case lib.SQLITE_INTERRUPT:
		return ""
	}
	return "SQLite error " + strconv.Itoa(code)
}

// memory is a database that ends with its Store: one connection, because each
// would have a database of its own.
type memory struct{}

func (memory) open(context.Context) (pools, error) {
	db := newDB("file::memory:?_pragma=foreign_keys(1)&_txlock=immediate")
	db.SetMaxOpenConns(1)
	db.SetConnMaxLifetime(0)
	return pools{db, db, db}, nil
}

func (memory) migrator(write *sql.DB) migrator {
	return migrator{db: write, dialect: goose.DialectSQLite3, close: func() error { return nil }}
}

func (memory) made(context.Context) error    { return nil }
func (memory) present() error                { return nil }
func (memory) skipLocked() string            { return "" }
func (memory) oneWriter() bool               { return false }
func (memory) lazily(string) string          { return "" }
func (memory) why(err error) (string, fault) { return (*sqliteFile)(nil).why(err) }
