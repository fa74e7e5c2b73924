package store

import (
	"context"
	"encoding/base64"
	"time"

	"matterpass/internal/login"
)

// leaseFor is how long a revocation belongs to who took it, doubled with each
// try up to 2⁷ times: about 21 minutes.
const leaseFor = 10 * time.Second

// Undelivered leases at most n revocations that Mattermost has not confirmed.
func (s Sessions) Undelivered(ctx context.Context, n int) ([]login.Revocation, error) {
	lease := `UPDATE sessions SET tries = tries + 1,
			leased_until = $1 + $2 * CASE WHEN tries > 6 THEN 128 ELSE 1 << tries END
		WHERE token_mac IN (SELECT token_mac FROM sessions
			WHERE ended > 0 AND delivered = 0 AND leased_until <= $1
			ORDER BY leased_until LIMIT $3` + s.engine.skipLocked() + `)
		RETURNING token_mac, sealed, sealed_by, user_id, session_id, ended_by, tries`
	args := []any{s.millis(), leaseFor.Milliseconds(), n}
	return all(ctx, s.Store, query{op: "lease revocations", sql: lease, args: args, changes: true}, s.scanRevocation)
}

// scanRevocation leaves the token empty where its key is gone: the session's own
// id may still do.
func (s Sessions) scanRevocation(row scanner) (login.Revocation, error) {
	var r login.Revocation
	var mac, sealed []byte
	var by string
	if err := row.Scan(&mac, &sealed, &by, &r.UserID, &r.SessionID, &r.By, &r.Tries); err != nil {
		return r, err
	}
	r.ID = base64.RawURLEncoding.EncodeToString(mac)
	r.Tries-- // before this one
	if len(sealed) > 0 {
		if token, err := s.ring.open(sealed, mac, by); err == nil {
			r.Token = string(token)
		}
	}
	return r, nil
}

// Delivered forgets the sealed token. An id that is nobody's is no error.
func (s Sessions) Delivered(ctx context.Context, id string) error {
	mac, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return nil //nolint:nilerr // no record has such an id
	}
	_, err = s.exec(ctx, "deliver revocation", `UPDATE sessions SET delivered = $1, sealed = NULL, sealed_by = ''
		WHERE token_mac = $2 AND ended > 0 AND delivered = 0`, s.millis(), mac)
	return err
}
