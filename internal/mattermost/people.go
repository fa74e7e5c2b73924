package mattermost

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/email"
	"matterpass/internal/login"
)

var _ login.People = (*Client)(nil)

// AccountByID implements login.People. EmailVerified stays false: Mattermost
// shows it to nobody but the account itself in an answer that only reads.
func (c *Client) AccountByID(ctx context.Context, userID string) (login.Account, error) {
	user, err := c.named(ctx, login.Name{Kind: login.ByID, Value: userID})
	if err != nil {
		return login.Account{}, unknownPerson(err)
	}
	return personOf(user), nil
}

// AccountByEmail implements login.People. Whether the address is verified is
// asked by an update that changes nothing, the one answer in which Mattermost
// shows it to an administrator (docs/mattermost.md E12); accounts that cannot be
// signed in are spared it. Nobody but a first sign-in asks for an address.
func (c *Client) AccountByEmail(ctx context.Context, address email.Address) (login.Account, error) {
	if !isSegment(string(address)) {
		return login.Account{}, login.ErrUnknown
	}
	user, err := asAdmin(ctx, c, question{operation: opAccount},
		func(ctx context.Context, client *model.Client4) (*model.User, error) {
			return dropResponse(client.GetUserByEmail(ctx, string(address), ""))
		})
	if err == nil {
		user, err = person(user)
	}
	if err == nil && !strings.EqualFold(user.Email, string(address)) {
		err = errOtherAccount
	}
	if err != nil {
		return login.Account{}, unknownPerson(err)
	}
	account := personOf(user)
	if account.Deactivated || account.Bot || account.Remote {
		return account, nil
	}
	return c.withVerification(ctx, account)
}

func (c *Client) withVerification(ctx context.Context, account login.Account) (login.Account, error) {
	user, err := asAdmin(ctx, c, question{operation: opUpdate},
		func(ctx context.Context, client *model.Client4) (*model.User, error) {
			return decode[*model.User](client.DoAPIPutJSON(ctx, "/users/"+account.ID+"/patch", struct{}{}))
		})
	if err == nil {
		user, err = person(user)
	}
	if err != nil {
		return login.Account{}, unknownPerson(err)
	}
	if user.Id != account.ID || !strings.EqualFold(user.Email, string(account.Email)) {
		return login.Account{}, errOtherAccount
	}
	account.EmailVerified = user.EmailVerified
	return account, nil
}

// unknownPerson is login's word for a 404 of Mattermost's own.
func unknownPerson(err error) error {
	if isStatus(err, http.StatusNotFound) || errors.Is(err, login.ErrUnknown) {
		return login.ErrUnknown
	}
	return err
}

func personOf(user *model.User) login.Account {
	return login.Account{
		User:        userOf(user),
		Deactivated: user.DeleteAt != 0,
		Bot:         user.IsBot,
		Remote:      user.IsRemote(),
		AuthService: user.AuthService,
		Roles:       strings.Fields(user.Roles),
		MFA:         user.MfaActive,
		Created:     time.UnixMilli(user.CreateAt),
	}
}
