package store

import (
	"cmp"
	"context"
	"errors"

	"matterpass/internal/login"
)

const linkColumns = `issuer, subject, user_id, linked_by, created`

// FindLink answers login.ErrUnknown where the identity has no account.
func (s *Store) FindLink(ctx context.Context, issuer, subject string) (login.Link, error) {
	links, err := all(ctx, s, query{
		op: "find link", sql: `SELECT ` + linkColumns + ` FROM links WHERE issuer = $1 AND subject = $2`, args: []any{issuer, subject},
	}, scanLink)
	if err != nil || len(links) == 0 {
		return login.Link{}, cmp.Or(err, login.ErrUnknown)
	}
	return links[0], nil
}

// LinksOf lists the links of an account, the oldest first.
func (s *Store) LinksOf(ctx context.Context, userID string) ([]login.Link, error) {
	return all(ctx, s, query{
		op: "links of account", args: []any{userID},
		sql: `SELECT ` + linkColumns + ` FROM links WHERE user_id = $1 ORDER BY created, issuer, subject`,
	}, scanLink)
}

// AddLink answers login.ErrConflict where the identity has another account, and
// where the account has a link already, unless an administrator adds one.
func (s *Store) AddLink(ctx context.Context, link login.Link) error {
	const insert = `INSERT INTO links (` + linkColumns + `) SELECT $1, $2, $3, $4, $5
		WHERE $4 = 'admin' OR NOT EXISTS (SELECT 1 FROM links WHERE user_id = $3)`
	changed, err := s.exec(ctx, "add link", insert, link.Issuer, link.Subject, link.UserID, link.By, millis(link.Created))
	if changed == 1 || err != nil && !errors.Is(err, errTaken) {
		return err
	}
	kept, err := s.FindLink(ctx, link.Issuer, link.Subject)
	if err == nil && kept.UserID == link.UserID {
		return nil
	}
	if err == nil || errors.Is(err, login.ErrUnknown) {
		return login.ErrConflict
	}
	return err
}

// RemoveLink answers login.ErrUnknown where there is none.
func (s *Store) RemoveLink(ctx context.Context, issuer, subject string) error {
	changed, err := s.exec(ctx, "remove link", `DELETE FROM links WHERE issuer = $1 AND subject = $2`, issuer, subject)
	if err == nil && changed == 0 {
		return login.ErrUnknown
	}
	return err
}

func scanLink(row scanner) (login.Link, error) {
	var link login.Link
	var created int64
	err := row.Scan(&link.Issuer, &link.Subject, &link.UserID, &link.By, &created)
	link.Created = fromMillis(created)
	return link, err
}
