package store

import (
	"context"
	"time"

	"matterpass/internal/login"
)

// leaked is when a reservation counts as a failure: a sign-in takes seconds, and
// a process that was killed in one never says what became of it.
const leaked = 2 * time.Minute

// BeginTry reserves one failure of an account if those counted and those
// reserved are fewer than ceiling; EndTry is to follow. An account's count is
// never lowered by time, as Mattermost's own is not (docs/mattermost.md A8).
func (s *Store) BeginTry(ctx context.Context, account string, ceiling int) (ok bool, err error) {
	if ceiling <= 0 {
		return false, nil
	}
	macs := s.ring.macs("failures", account)
	if err := s.renew(ctx, macs); err != nil {
		return false, err
	}
	const upsert = `INSERT INTO failures (account_mac, failed, in_flight, since) VALUES ($1, 0, 1, $2)
		ON CONFLICT (account_mac) DO UPDATE SET
			failed = failures.failed + CASE WHEN failures.since <= $3 THEN failures.in_flight ELSE 0 END,
			in_flight = CASE WHEN failures.since <= $3 THEN 0 ELSE failures.in_flight END + 1,
			since = CASE WHEN failures.in_flight = 0 OR failures.since <= $3 THEN $2 ELSE failures.since END
		WHERE failures.failed + failures.in_flight < $4`
	now := s.now()
	changed, err := s.execRelaxed(ctx, "begin try", upsert, macs[0], millis(now), millis(now.Add(-leaked)), ceiling)
	return changed == 1, err
}

// EndTry ends a reservation as v says. One that has leaked is a failure already.
func (s *Store) EndTry(ctx context.Context, account string, v login.Verdict) error {
	const (
		counted = `UPDATE failures SET failed = failed + 1, in_flight = in_flight - 1 WHERE account_mac = $1 AND in_flight > 0`
		not     = `UPDATE failures SET in_flight = in_flight - 1 WHERE account_mac = $1 AND in_flight > 0`
		success = `UPDATE failures SET failed = 0, in_flight = CASE WHEN in_flight > 0 THEN in_flight - 1 ELSE 0 END WHERE account_mac = $1`
	)
	statement := counted
	switch v {
	case login.NotCounted:
		statement = not
	case login.Succeeded:
		statement = success
	}
	_, err := s.execRelaxed(ctx, "end try", statement, s.ring.mac("failures", account))
	return err
}

// HasTries reports whether an account has failures, or tries in flight.
func (s *Store) HasTries(ctx context.Context, account string) (bool, error) {
	macs := s.ring.anyOf("failures", account)
	var n int
	err := s.one(ctx, query{op: "look for tries", args: macs, sql: `SELECT COUNT(*) FROM failures
		WHERE failed + in_flight > 0 AND account_mac IN (` + placeholders(1, len(macs)) + `)`}, &n)
	return n > 0, err
}

// ClearTries sets the count to zero. Tries in flight stay reserved: they may yet fail.
func (s *Store) ClearTries(ctx context.Context, account string) error {
	macs := s.ring.anyOf("failures", account)
	_, err := s.execRelaxed(ctx, "clear tries", `UPDATE failures SET failed = 0 WHERE account_mac IN (`+placeholders(1, len(macs))+`)`, macs...)
	return err
}

// renew writes a count that an older key of the ring named under the present one.
func (s *Store) renew(ctx context.Context, macs [][]byte) error {
	for _, old := range macs[1:] {
		const rename = `UPDATE failures SET account_mac = $1
			WHERE account_mac = $2 AND NOT EXISTS (SELECT 1 FROM failures WHERE account_mac = $1)`
		if _, err := s.execRelaxed(ctx, "begin try", rename, macs[0], old); err != nil && err != errTaken { //nolint:errorlint // ours, unwrapped
			return err
		}
	}
	return nil
}
