package mattermost

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/provision"
)

// AddressOf implements login.Accounts, with the admin token. An account whose
// address our rule does not accept is unknown: it can't be signed in by it.
func (c *Client) AddressOf(ctx context.Context, name login.Name) (email.Address, error) {
	if name.Kind == login.ByEmail {
		return email.Address(name.Value), nil
	}
	user, err := c.named(ctx, name)
	if isStatus(err, http.StatusNotFound) {
		return "", login.ErrUnknown
	}
	if err != nil {
		return "", err
	}
	address, err := email.Parse(user.Email)
	if err != nil {
		return "", fmt.Errorf("%w: its address %w", login.ErrUnknown, err)
	}
	return address, nil
}

func (c *Client) named(ctx context.Context, name login.Name) (*model.User, error) {
	byID := name.Kind == login.ByID
	if byID && !isID(name.Value) || !isSegment(name.Value) {
		return nil, login.ErrUnknown
	}
	user, err := asAdmin(ctx, c, question{operation: opAccount},
		func(ctx context.Context, client *model.Client4) (*model.User, error) {
			if byID {
				return dropResponse(client.GetUser(ctx, name.Value, ""))
			}
			return dropResponse(client.GetUserByUsername(ctx, name.Value, ""))
		})
	if err != nil {
		return nil, err
	}
	if user, err = person(user); err != nil {
		return nil, err
	}
	if byID && user.Id != name.Value || !byID && user.Username != name.Value {
		return nil, errOtherAccount
	}
	return user, nil
}

// Unlock implements login.Unlocker, with the admin token.
func (c *Client) Unlock(ctx context.Context, address email.Address) error {
	account, err := c.ByEmail(ctx, address)
	if errors.Is(err, provision.ErrUnknown) {
		return login.ErrUnknown
	}
	if err != nil {
		return err
	}
	return c.ResetFailedAttempts(ctx, account.ID)
}

// refusedToken remembers the admin token that Mattermost refused, for a while or
// until there is another one: asking again and again helps nobody.
type refusedToken struct {
	mu    sync.Mutex
	token string
	until time.Time
}

const refusedFor = 5 * time.Second

func (r *refusedToken) remember(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token, r.until = token, time.Now().Add(refusedFor)
}

func (r *refusedToken) is(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.token == token && time.Now().Before(r.until)
}
