package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"matterpass/internal/login"
)

// fault is what kind of trouble an error of a driver is.
type fault int

const (
	broken  fault = iota // nobody knows what became of the statement
	taken                // a unique constraint said no
	repeat               // nothing happened; the same again may work
	unfit                // the value cannot be stored, here or ever
	missing              // a table is not there
)

// tries bounds how often a statement is made that was told to be made again.
const tries = 4

var (
	// errTaken: a unique constraint said no. It never leaves the package.
	errTaken   = errors.New("taken")
	errMissing = fmt.Errorf("%w: its tables are missing: matterpass migrate up", login.ErrStoreUnavailable)
)

// exec makes one changing statement, which is a transaction of its own, and
// answers how many rows it changed; errTaken where a unique constraint said no.
func (s *Store) exec(ctx context.Context, op, statement string, args ...any) (changed int64, err error) {
	return s.execOn(ctx, s.write, query{op: op, sql: statement, args: args})
}

// execRelaxed is exec for what may be lost in a power cut.
func (s *Store) execRelaxed(ctx context.Context, op, statement string, args ...any) (changed int64, err error) {
	return s.execOn(ctx, s.relaxed, query{op: op, sql: statement, args: args})
}

func (s *Store) execOn(ctx context.Context, db *sql.DB, q query) (changed int64, err error) {
	err = s.do(ctx, q.op, func(ctx context.Context) error {
		leave, err := s.takeTurn(ctx)
		if err != nil {
			return err
		}
		defer leave()
		if lazy := s.engine.lazily(q.sql); lazy != "" && db == s.relaxed {
			var setting string
			return db.QueryRowContext(ctx, lazy, q.args...).Scan(&changed, &setting)
		}
		result, err := db.ExecContext(ctx, q.sql, q.args...)
		if err == nil {
			changed, err = result.RowsAffected()
		}
		return err
	})
	return changed, err
}

// takeTurn has writers wait here, in order, where the file would have them sleep
// and try again.
func (s *Store) takeTurn(ctx context.Context) (leave func(), err error) {
	if s.turn == nil {
		return func() {}, nil
	}
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// query is a statement that answers rows.
type query struct {
	op, sql string
	args    []any
	changes bool // the rows that it answers
}

// one reads the first row, or answers login.ErrUnknown.
func (s *Store) one(ctx context.Context, q query, dest ...any) error {
	found := false
	err := s.do(ctx, q.op, func(ctx context.Context) error {
		err := s.read.QueryRowContext(ctx, q.sql, q.args...).Scan(dest...)
		found = err == nil
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err == nil && !found {
		return login.ErrUnknown
	}
	return err
}

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

// all reads every row.
func all[T any](ctx context.Context, s *Store, q query, scan func(row scanner) (T, error)) (list []T, err error) {
	db := s.read
	if q.changes {
		db = s.write
	}
	err = s.do(ctx, q.op, func(ctx context.Context) (err error) {
		if q.changes {
			leave, err := s.takeTurn(ctx)
			if err != nil {
				return err
			}
			defer leave()
		}
		list, err = collect(ctx, db, q, scan)
		return err
	})
	return list, err
}

func collect[T any](ctx context.Context, db *sql.DB, q query, scan func(row scanner) (T, error)) (list []T, err error) {
	rows, err := db.QueryContext(ctx, q.sql, q.args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// do bounds a call in time, repeats it where the database asks for that, and
// turns what is left into words without values.
func (s *Store) do(ctx context.Context, op string, call func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for n := 1; ; n++ {
		err := s.engine.present()
		if err == nil {
			err = call(bounded)
		}
		if err == nil {
			return nil
		}
		words, kind := s.engine.why(err)
		if kind == repeat && n < tries && pause(bounded, n) {
			continue
		}
		return explain(ctx, op, describe(bounded, err, words), kind)
	}
}

func explain(ctx context.Context, op, words string, kind fault) error {
	switch {
	case kind == taken:
		return errTaken
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", op, ctx.Err())
	case kind == missing:
		return fmt.Errorf("%s: %w", op, errMissing)
	case kind == unfit:
		return fmt.Errorf("%s: the database does not take this text", op)
	}
	return fmt.Errorf("%s: %w: %s", op, login.ErrStoreUnavailable, words)
}

func describe(bounded context.Context, err error, words string) string {
	switch {
	case words != "":
		return words
	case bounded.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		return "it took too long to answer"
	case errors.Is(err, sql.ErrConnDone) || strings.Contains(err.Error(), "database is closed"):
		return "it is closed"
	}
	return "the connection broke"
}

// pause waits a little longer each time, and not for everybody the same.
func pause(ctx context.Context, n int) bool {
	wait := time.Duration(n) * (5*time.Millisecond + rand.N(20*time.Millisecond)) //nolint:gosec // spreads, hides nothing
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}

// placeholders are $first… for n arguments.
func placeholders(first, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("$%d", first+i)
	}
	return strings.Join(list, ", ")
}
