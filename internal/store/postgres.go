package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"matterpass/internal/login"
)

// postgres is a database of a PostgreSQL server.
type postgres struct {
	config   *pgx.ConnConfig
	timeout  time.Duration
	patience time.Duration
	maxConns int
}

// migrationTimeout bounds a step of a migration, and the wait for its turn.
const migrationTimeout = 5 * time.Minute

func newPostgres(o Options) (*postgres, error) {
	config, err := pgx.ParseConfig(o.Address)
	if err != nil {
		return nil, ErrAddress // the parser's own error quotes most of the address
	}
	// Parameters go beside the statement, in one round trip, and nothing is left on
	// the server for a next one: what a pooler between (PgBouncer's transaction
	// mode) needs.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = o.Timeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "matterpass"
	}
	return &postgres{config: config, timeout: o.Timeout, patience: o.Patience, maxConns: o.MaxConns}, nil
}

// forRelaxed is how many connections are kept for statements that do not wait for the
// disk, so that they do not wait for those that do either.
const forRelaxed = 2

func (p *postgres) open(ctx context.Context) (pools, error) {
	db := p.pool(p.timeout)
	bound(db, max(1, p.maxConns-forRelaxed))
	relaxed := p.pool(p.timeout)
	bound(relaxed, forRelaxed)
	all := pools{write: db, relaxed: relaxed, read: db}
	if err := p.await(ctx, db); err != nil {
		return pools{}, errors.Join(err, all.close())
	}
	return all, nil
}

func bound(db *sql.DB, most int) {
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(30 * time.Minute)
}

// pool bounds every statement on the server's side as well: one that waits for a
// lock would go on waiting after its caller has left. commit is an expression for
// synchronous_commit.
func (p *postgres) pool(timeout time.Duration) *sql.DB {
	ms := strconv.FormatInt(timeout.Milliseconds(), 10)
	prepare := stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sessionSettings, ms)
		return err
	})
	// A connection that died unnoticed takes a write and never answers: then nobody
	// knows. A ping before the write is worth a round trip, except in a burst.
	look := stdlib.OptionShouldPing(func(_ context.Context, c stdlib.ShouldPingParams) bool {
		return c.IdleDuration > 20*time.Millisecond
	})
	return stdlib.OpenDB(*p.config, prepare, look)
}

// sessionSettings hold for one connection. A client that was killed gives its
// locks back within a second (PostgreSQL 14 or newer). An answer means that it is on the
// disk, whatever the server's default is, and a stricter default stays.
const sessionSettings = `SELECT
	set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false),
	(SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'),
	set_config('synchronous_commit', CASE current_setting('synchronous_commit')
		WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)`

// await gives a server that starts at the same time a while.
func (p *postgres) await(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	wait := 50 * time.Millisecond
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		words, hopeless := p.away(err)
		select {
		case <-time.After(wait):
			wait = min(2*wait, time.Second)
		case <-ctx.Done():
			hopeless = true
		}
		if hopeless {
			return fmt.Errorf("%w: %s: %s", login.ErrStoreUnavailable, p.place(), words)
		}
	}
}

// away says why there is no connection, and whether to wait makes no sense.
func (p *postgres) away(err error) (words string, hopeless bool) {
	words, _ = p.why(err)
	var e *pgconn.PgError
	if errors.As(err, &e) {
		class := e.Code[:2]
		return words, class == "28" || class == "3D"
	}
	if words == "" {
		words = "it does not answer"
	}
	return words, false
}

// place names the database without who we are there.
func (p *postgres) place() string {
	return net.JoinHostPort(p.config.Host, strconv.Itoa(int(p.config.Port))) + "/" + p.config.Database
}

func (p *postgres) migrator(*sql.DB) migrator {
	db := p.pool(migrationTimeout)
	return migrator{db: db, dialect: goose.DialectPostgres, locking: goose.WithSessionLocker(advisory{}), close: db.Close}
}

func (*postgres) made(context.Context) error { return nil }
func (*postgres) present() error             { return nil }
func (*postgres) oneWriter() bool            { return false }

// lazily sets for this transaction alone: what is set for a session stays with a
// connection that a pooler hands to others, and among them are those that wait.
func (*postgres) lazily(statement string) string {
	return `WITH changed AS (` + statement + ` RETURNING 1)
		SELECT (SELECT COUNT(*) FROM changed), set_config('synchronous_commit', 'off', true)`
}
func (*postgres) skipLocked() string { return " FOR UPDATE SKIP LOCKED" }

func (*postgres) why(err error) (words string, kind fault) {
	var e *pgconn.PgError
	var dial *pgconn.ConnectError
	switch {
	case errors.As(err, &e):
		return explainState(e.Code)
	case errors.As(err, &dial):
		return "the server cannot be reached", broken
	case pgconn.SafeToRetry(err):
		return "the connection broke", repeat // before anything was sent
	}
	return "", broken
}

// explainState knows the states of the manual's appendix A that an operator can
// do something about.
func explainState(state string) (words string, kind fault) {
	switch state {
	case "23505":
		return "taken", taken
	case "40001", "40P01": // serialization failure, deadlock: rolled back
		return "it gave up among others", repeat
	case "53300":
		return "it has no connection left (max_connections)", repeat
	case "57P03":
		return "it is starting or stopping", repeat
	case "42P01":
		return "a table is missing", missing
	case "25006":
		return "it is read-only: a standby, or default_transaction_read_only", broken
	case "53100":
		return "the disk is full", broken
	case "55P03":
		return "another session holds a lock", broken
	case "57014":
		return "it took too long to answer", broken
	case "42501":
		return "the user may not do this", broken
	case "28P01", "28000":
		return "it refuses the user or the password", broken
	case "3D000":
		return "there is no such database", broken
	}
	if state[:2] == "22" {
		return "the value is not taken", unfit
	}
	return "SQLSTATE " + state, broken
}
