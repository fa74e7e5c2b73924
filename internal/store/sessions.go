package store

import (
	"context"
	"errors"
	"time"

	"matterpass/internal/login"
)

// Sessions is the [login.Records] of a Store.
type Sessions struct{ *Store }

// Records is the memory of sessions.
func (s *Store) Records() Sessions { return Sessions{s} }

const recordColumns = `user_id, session_id, issuer, subject, sid, way, created, last_seen, expires, ended, ended_by`

// Begin remembers a session; a token that is known already keeps its record.
func (s Sessions) Begin(ctx context.Context, token string, r login.Record) error {
	macs := s.ring.anyOf("session", token)
	args := []any{
		macs[0], r.UserID, r.SessionID, r.Issuer, r.Subject, r.SID, r.Way, s.deviceMAC(r.Device),
		millis(r.Created), millis(r.LastSeen), millis(r.Expires), millis(r.Ended), r.EndedBy,
	}
	insert := `INSERT INTO sessions (token_mac, user_id, session_id, issuer, subject, sid, way, device_mac,
			created, last_seen, expires, ended, ended_by)
		SELECT ` + placeholders(1, len(args)) + `
		WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE token_mac IN (` + placeholders(len(args)+1, len(macs)) + `))
		ON CONFLICT (token_mac) DO NOTHING`
	_, err := s.execRelaxed(ctx, "begin session", insert, append(args, macs...)...)
	return err
}

func (s Sessions) deviceMAC(device string) []byte {
	if device == "" {
		return nil
	}
	return s.ring.mac("device", device)
}

// Find answers login.ErrUnknown. The record's device is empty: only its MAC is kept.
func (s Sessions) Find(ctx context.Context, token string) (login.Record, error) {
	macs := s.ring.anyOf("session", token)
	return s.record(ctx, query{op: "find session", args: macs, sql: `SELECT ` + recordColumns + ` FROM sessions
		WHERE token_mac IN (` + placeholders(1, len(macs)) + `) ORDER BY ended DESC`})
}

// LastOn is the youngest record in a browser, or login.ErrUnknown; of the identity,
// where one is given.
func (s Sessions) LastOn(ctx context.Context, device string, who login.Identity) (login.Record, error) {
	args := s.ring.anyOf("device", device)
	where := `device_mac IN (` + placeholders(1, len(args)) + `)`
	if who != (login.Identity{}) {
		where += ` AND subject <> '' AND issuer = ` + placeholders(len(args)+1, 1) + ` AND subject = ` + placeholders(len(args)+2, 1)
		args = append(args, who.Issuer, who.Subject)
	}
	r, err := s.record(ctx, query{op: "last session", args: args, sql: `SELECT ` + recordColumns + ` FROM sessions
		WHERE ` + where + ` ORDER BY created DESC LIMIT 1`})
	if err == nil {
		r.Device = device
	}
	return r, err
}

func (s Sessions) record(ctx context.Context, q query) (login.Record, error) {
	var r login.Record
	var created, seen, expires, ended int64
	err := s.one(ctx, q, &r.UserID, &r.SessionID, &r.Issuer, &r.Subject, &r.SID, &r.Way,
		&created, &seen, &expires, &ended, &r.EndedBy)
	r.Created, r.LastSeen, r.Expires, r.Ended = fromMillis(created), fromMillis(seen), fromMillis(expires), fromMillis(ended)
	return r, err
}

// Touch notes that the session is in use. It never goes back in time.
func (s Sessions) Touch(ctx context.Context, token string, at time.Time) error {
	args := append([]any{millis(at)}, s.ring.anyOf("session", token)...)
	_, err := s.execRelaxed(ctx, "touch session", `UPDATE sessions SET last_seen = $1
		WHERE ended = 0 AND last_seen < $1 AND token_mac IN (`+placeholders(2, len(args)-1)+`)`, args...)
	return err
}

// Identify adds Mattermost's id of a session, and whose it turned out to be.
func (s Sessions) Identify(ctx context.Context, token, userID, sessionID string) error {
	args := append([]any{userID, sessionID}, s.ring.anyOf("session", token)...)
	_, err := s.execRelaxed(ctx, "identify session", `UPDATE sessions SET user_id = $1, session_id = $2
		WHERE token_mac IN (`+placeholders(3, len(args)-2)+`)`, args...)
	return err
}

// End notes that a session is over. Who ended it first stays. Where it was not
// delivered yet, it becomes known with its end, and its token stays sealed until it
// is; one that was never known and is over at Mattermost needs no memory.
func (s Sessions) End(ctx context.Context, token, by string, delivered bool) error {
	end := s.ending(token, by, delivered)
	macs := s.ring.macs("session", token)
	for i, mac := range macs {
		if i == 0 && !delivered {
			continue
		}
		changed, err := end(ctx, `UPDATE sessions SET `+endedNow+` WHERE token_mac = $1`, mac)
		if err != nil || changed > 0 {
			return err
		}
	}
	if delivered {
		return nil
	}
	const upsert = `INSERT INTO sessions (token_mac, created, last_seen, ended, ended_by, sealed, sealed_by, delivered)
		VALUES ($1, $2, $2, $2, $3, $4, $5, $6) ON CONFLICT (token_mac) DO UPDATE SET ` + endedNow
	_, err := end(ctx, upsert, macs[0])
	return err
}

// endedNow keeps what an earlier end said, unless the person now signs out on purpose,
// and the token only while it is needed.
const endedNow = `
	ended = CASE WHEN sessions.ended = 0 THEN $2 ELSE sessions.ended END,
	ended_by = CASE WHEN sessions.ended = 0 OR $3 IN ('user', 'everywhere') THEN $3 ELSE sessions.ended_by END,
	sealed = CASE WHEN CAST($6 AS BIGINT) > 0 THEN NULL WHEN sessions.sealed IS NULL AND sessions.delivered = 0 THEN $4 ELSE sessions.sealed END,
	sealed_by = CASE WHEN CAST($6 AS BIGINT) > 0 THEN '' WHEN sessions.sealed IS NULL AND sessions.delivered = 0 THEN $5 ELSE sessions.sealed_by END,
	delivered = CASE WHEN sessions.delivered = 0 THEN CAST($6 AS BIGINT) ELSE sessions.delivered END`

// ending makes the statements that end one session.
func (s Sessions) ending(token, by string, delivered bool) func(ctx context.Context, statement string, mac []byte) (int64, error) {
	now, at := s.millis(), int64(0)
	if delivered {
		at = now
	}
	return func(ctx context.Context, statement string, mac []byte) (int64, error) {
		var sealed []byte
		key := ""
		if !delivered {
			sealed, key = s.ring.seal([]byte(token), mac)
		}
		return s.exec(ctx, "end session", statement, mac, now, by, sealed, key, at)
	}
}

// EndOf ends the live sessions of an identity: of one of the issuer's sessions
// where who.SID is not empty, else of the subject's.
func (s Sessions) EndOf(ctx context.Context, who login.Identity, by string) error {
	const end = `UPDATE sessions SET ended = $1, ended_by = $2 WHERE ended = 0 AND issuer = $3 AND `
	column, value := `subject = $4 AND subject <> ''`, who.Subject
	if who.SID != "" {
		column, value = `sid = $4`, who.SID
	}
	_, err := s.exec(ctx, "end sessions", end+column, s.millis(), by, who.Issuer, value)
	return err
}

// EndUser ends the live sessions of an account.
func (s Sessions) EndUser(ctx context.Context, userID, by string) error {
	_, err := s.exec(ctx, "end sessions", `UPDATE sessions SET ended = $1, ended_by = $2
		WHERE ended = 0 AND user_id = $3 AND user_id <> ''`, s.millis(), by, userID)
	return err
}

// Overdue ends those that are older than maxAge or unused for longer than idle;
// zero is no bound.
func (s Sessions) Overdue(ctx context.Context, now time.Time, maxAge, idle time.Duration) error {
	const end = `UPDATE sessions SET ended = $1, ended_by = $2 WHERE ended = 0 AND `
	var errs []error
	if maxAge > 0 {
		_, err := s.exec(ctx, "end old sessions", end+`created < $3`, millis(now), login.EndedByAge, millis(now.Add(-maxAge)))
		errs = append(errs, err)
	}
	if idle > 0 {
		_, err := s.exec(ctx, "end idle sessions", end+`last_seen < $3`, millis(now), login.EndedByIdle, millis(now.Add(-idle)))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
