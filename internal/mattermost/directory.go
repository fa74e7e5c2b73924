package mattermost

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/email"
	"matterpass/internal/provision"
	"matterpass/internal/upstream"
)

var _ provision.Directory = (*Client)(nil)

// ByEmail implements provision.Accounts.
func (c *Client) ByEmail(ctx context.Context, address email.Address) (provision.Account, error) {
	if !isSegment(string(address)) {
		return provision.Account{}, provision.ErrUnknown
	}
	user, err := asAdmin(ctx, c, question{operation: opAccount},
		func(ctx context.Context, client *model.Client4) (*model.User, error) {
			return dropResponse(client.GetUserByEmail(ctx, string(address), ""))
		})
	if err != nil {
		return provision.Account{}, unknown(err)
	}
	return accountOf(user, address)
}

// newUser is all of an account that is ever sent: the client's own type has roles
// and sign-in services too.
type newUser struct {
	Email         string `json:"email"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	FirstName     string `json:"first_name,omitempty"`
	LastName      string `json:"last_name,omitempty"`
	Nickname      string `json:"nickname,omitempty"`
	Locale        string `json:"locale,omitempty"`
	EmailVerified bool   `json:"email_verified,omitempty"`
}

// Create implements provision.Accounts. The request is sent once.
func (c *Client) Create(ctx context.Context, n provision.NewAccount) (provision.Account, error) {
	body := newUser{string(n.Email), n.Username, n.Password, n.FirstName, n.LastName, n.Nickname, n.Locale, n.Verified}
	user, err := asAdmin(ctx, c, question{operation: opCreate},
		func(ctx context.Context, client *model.Client4) (*model.User, error) {
			return decode[*model.User](client.DoAPIPostJSON(ctx, "/users", body))
		})
	if err != nil {
		return provision.Account{}, refusedAccount(err)
	}
	account, err := accountOf(user, n.Email)
	if err == nil && account.Username != n.Username {
		return provision.Account{}, errOtherAccount
	}
	return account, err
}

// Update implements provision.Accounts.
func (c *Client) Update(ctx context.Context, id string, changes []provision.Change) (provision.Account, error) {
	if !isID(id) {
		return provision.Account{}, provision.ErrUnknown
	}
	body := map[string]string{}
	for _, change := range changes {
		body[change.Field] = change.Value
	}
	user, err := asAdmin(ctx, c, question{operation: opUpdate},
		func(ctx context.Context, client *model.Client4) (*model.User, error) {
			return decode[*model.User](client.DoAPIPutJSON(ctx, "/users/"+id+"/patch", body))
		})
	if err != nil {
		return provision.Account{}, refusedAccount(unknown(err))
	}
	if user, err = person(user); err != nil {
		return provision.Account{}, err
	}
	if user.Id != id {
		return provision.Account{}, errOtherAccount
	}
	return accountOf(user, email.Address(strings.ToLower(user.Email)))
}

// decode reads an answer of the client's plain calls and gives the connection
// back.
func decode[T any](resp *http.Response, err error) (T, error) {
	if err != nil {
		var nothing T
		return nothing, err
	}
	defer resp.Body.Close()
	answer, err := dropResponse(model.DecodeJSONFromResponse[T](resp))
	_, _ = io.Copy(io.Discard, resp.Body) // bounded by the transport
	return answer, err
}

// accountOf compares: the client may have asked for another account than we did.
func accountOf(user *model.User, asked email.Address) (provision.Account, error) {
	user, err := person(user)
	if err != nil {
		return provision.Account{}, err
	}
	if !strings.EqualFold(user.Email, string(asked)) {
		return provision.Account{}, errOtherAccount
	}
	return provision.Account{
		ID:    user.Id,
		Email: asked,
		Profile: provision.Profile{
			Username: user.Username, FirstName: user.FirstName, LastName: user.LastName, Nickname: user.Nickname, Locale: user.Locale,
		},
		Deactivated: user.DeleteAt != 0,
		Made:        time.UnixMilli(user.CreateAt),
		Bot:         user.IsBot,
		Remote:      user.RemoteId != nil && *user.RemoteId != "",
		AuthService: user.AuthService,
		Roles:       strings.Fields(user.Roles),
	}, nil
}

// TeamID implements provision.Places.
func (c *Client) TeamID(ctx context.Context, name string) (string, error) {
	if !isSegment(name) {
		return "", provision.ErrUnknown
	}
	team, err := asAdmin(ctx, c, question{operation: opPlace},
		func(ctx context.Context, client *model.Client4) (*model.Team, error) {
			return dropResponse(client.GetTeamByName(ctx, name, ""))
		})
	switch {
	case err != nil:
		return "", unknown(err)
	case team == nil || !isID(team.Id) || team.Name != name:
		return "", errOtherPlace
	case team.DeleteAt != 0:
		return "", provision.ErrUnknown
	}
	return team.Id, nil
}

// ChannelID implements provision.Places.
func (c *Client) ChannelID(ctx context.Context, teamID, name string) (string, error) {
	if !isID(teamID) || !isSegment(name) {
		return "", provision.ErrUnknown
	}
	channel, err := asAdmin(ctx, c, question{operation: opPlace},
		func(ctx context.Context, client *model.Client4) (*model.Channel, error) {
			return dropResponse(client.GetChannelByName(ctx, name, teamID, ""))
		})
	switch {
	case err != nil:
		return "", unknown(err)
	case channel == nil || !isID(channel.Id) || channel.Name != name || channel.TeamId != teamID:
		return "", errOtherPlace
	case channel.DeleteAt != 0:
		return "", provision.ErrUnknown
	}
	return channel.Id, nil
}

// JoinTeam implements provision.Memberships.
func (c *Client) JoinTeam(ctx context.Context, teamID, userID string) error {
	if !isID(teamID) || !isID(userID) {
		return provision.ErrUnknown
	}
	member, err := asAdmin(ctx, c, question{operation: opJoin},
		func(ctx context.Context, client *model.Client4) (*model.TeamMember, error) {
			return dropResponse(client.AddTeamMember(ctx, teamID, userID))
		})
	if err != nil {
		return refusedAccount(unknown(err))
	}
	if member == nil || member.TeamId != teamID || member.UserId != userID {
		return errOtherPlace
	}
	return nil
}

// JoinChannel implements provision.Memberships.
func (c *Client) JoinChannel(ctx context.Context, channelID, userID string) error {
	if !isID(channelID) || !isID(userID) {
		return provision.ErrUnknown
	}
	member, err := asAdmin(ctx, c, question{operation: opJoin},
		func(ctx context.Context, client *model.Client4) (*model.ChannelMember, error) {
			return dropResponse(client.AddChannelMember(ctx, channelID, userID))
		})
	if err != nil {
		return unknown(err)
	}
	if member == nil || member.ChannelId != channelID || member.UserId != userID {
		return errOtherPlace
	}
	return nil
}

// errOtherPlace: Mattermost answered with another team, channel or membership.
var errOtherPlace = fmt.Errorf("%w: not the place that was asked for", upstream.ErrInvalid)
