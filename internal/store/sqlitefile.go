package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	lib "modernc.org/sqlite/lib"

	"matterpass/internal/login"
)

// A file beside the database is the lock of its migrations: a transaction on the
// database itself would shut the migration out as well. It is an SQLite database
// of its own, because the lock of one ends with its process. Once the database
// is there it is no longer empty, so that a database that has vanished is told
// from one that never was.
func (f *sqliteFile) lockPath() string { return f.path + ".lock" }

// header is how every SQLite database begins (sqlite.org/fileformat, 1.3).
const header = "SQLite format 3\x00"

// prepare has a file there that can be a database, or says why not. It creates
// one only where none ever was.
func (f *sqliteFile) prepare() error {
	file, err := os.OpenFile(f.path, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.create()
	case err != nil:
		return f.unusable(reason(err) + "; it must be a file that this user can read and write")
	}
	defer file.Close()
	if err := f.writableFolder(); err != nil {
		return err
	}
	return f.recognise(file)
}

func (f *sqliteFile) create() error {
	switch {
	case f.isMade():
		return f.unusable("it was here before and is gone: restore it from a backup, or remove " + f.lockPath() + " to begin with an empty memory")
	case f.asItIs:
		if err := f.writableFolder(); err != nil {
			return err
		}
		return fmt.Errorf("%w: %s: %w", login.ErrStoreUnavailable, f.path, ErrNoFile)
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return f.unusable(reason(err) + "; its folder must exist, and this user be able to write there")
	}
	return file.Close()
}

// writableFolder: SQLite needs files beside the database, a writable one is not enough.
func (f *sqliteFile) writableFolder() error {
	probe, err := os.CreateTemp(filepath.Dir(f.path), ".matterpass-*")
	if err != nil {
		return f.unusable("its folder cannot be written: " + reason(err))
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func (f *sqliteFile) recognise(file *os.File) error {
	start := make([]byte, len(header))
	n, err := io.ReadFull(file, start)
	switch {
	case n == 0 && errors.Is(err, io.EOF) && f.isMade():
		return f.unusable("it is empty and was not before; restore it from a backup")
	case n == 0 && errors.Is(err, io.EOF):
		return nil // a first start that was cut short
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return f.unusable(reason(err))
	case !bytes.Equal(start, []byte(header)):
		return f.unusable("it is no SQLite database, or damaged; restore it from a backup, or name another file")
	}
	return nil
}

// reason is the system's own word, without the path.
func reason(err error) string {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

func (f *sqliteFile) isMade() bool {
	info, err := os.Stat(f.lockPath())
	return err == nil && info.Size() > 0
}

func (f *sqliteFile) made(ctx context.Context) error {
	if f.isMade() {
		return nil
	}
	db, err := f.beside()
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS made (at INTEGER)`); err != nil {
		words, _ := f.why(err)
		return f.unusable("the file beside it cannot be written: " + words)
	}
	return nil
}

// beside opens the file beside the database, and makes it where it is not there.
func (f *sqliteFile) beside() (*sql.DB, error) {
	file, err := os.OpenFile(f.lockPath(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, f.unusable("the file beside it cannot be written: " + reason(err))
	}
	return f.connect(f.lockPath(), rollback, synced), file.Close()
}

// fileLock is the lock of the migrations.
type fileLock struct {
	file *sqliteFile
	db   *sql.DB
	tx   *sql.Tx
}

// Lock waits for its turn, as long as ctx allows.
func (l *fileLock) Lock(ctx context.Context, _ *sql.DB) (err error) {
	if l.db, err = l.file.beside(); err != nil {
		return err
	}
	for {
		l.tx, err = l.db.BeginTx(ctx, nil)
		if words, _ := l.file.why(err); err == nil || words != wordsFor(lib.SQLITE_BUSY) || ctx.Err() != nil {
			return err
		}
	}
}

// Unlock lets the next one in.
func (l *fileLock) Unlock(context.Context, *sql.DB) error { return l.tx.Rollback() }

// Close lets go of the file.
func (l *fileLock) Close() error {
	if l.db == nil {
		return nil
	}
	return l.db.Close()
}
