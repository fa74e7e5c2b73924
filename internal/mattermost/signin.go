package mattermost

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

// The cookies of a session (docs/mattermost.md B1).
const (
	cookieToken = "MMAUTHTOKEN"
	cookieUser  = "MMUSERID"
	cookieCSRF  = "MMCSRF"
)

// SignIn implements login.Passwords. The request is sent once, whatever happens.
// A session in an answer that is refused here is ended again, best effort.
func (c *Client) SignIn(ctx context.Context, account email.Address, password, code string, from login.Client) (login.Session, error) {
	x := &exchange{keep: true}
	asked := time.Now()
	user, err := ask(ctx, c, question{operation: opSignIn, headers: c.signInHeaders(from), exchange: x},
		func(ctx context.Context, client *model.Client4) (*model.User, error) {
			if code == "" {
				return dropResponse(client.Login(ctx, string(account), password))
			}
			return dropResponse(client.LoginWithMFA(ctx, string(account), password, code))
		})
	if err == nil {
		var session login.Session
		if session, err = sessionFrom(x, user, account, asked); err == nil {
			return session, nil
		}
	}
	c.disown(ctx, x)
	return login.Session{}, refusal(err)
}

// signInHeaders: without X-Requested-With Mattermost sets no cookies, and without
// the https they lack what its own web app expects (docs/mattermost.md A2, B2).
func (c *Client) signInHeaders(from login.Client) map[string]string {
	headers := headersFor(from)
	headers[model.HeaderRequestedWith] = model.HeaderRequestedWithXML
	if c.HTTPS {
		headers[model.HeaderForwardedProto] = "https"
	}
	return headers
}

// disown ends a session that Mattermost made and we do not hand out.
func (c *Client) disown(ctx context.Context, x *exchange) {
	if x.status/100 == 2 {
		c.drop(ctx, x.header.Get(model.HeaderToken))
	}
}

// drop ends the session of a token, if it can be one, whoever waits no longer.
func (c *Client) drop(ctx context.Context, token string) {
	if !isID(token) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outageWait)
	defer cancel()
	_ = c.End(ctx, token) // nobody holds its token
}

// sessionFrom reads a session out of the answer to a sign-in. Whatever is not
// exactly as Mattermost sends it makes the whole answer invalid: half a session
// would be signed out by the web app, a wrong one is somebody else's.
func sessionFrom(x *exchange, user *model.User, account email.Address, asked time.Time) (login.Session, error) {
	user, err := person(user)
	if err != nil {
		return login.Session{}, err
	}
	if !strings.EqualFold(user.Email, string(account)) {
		return login.Session{}, errOtherAccount
	}
	cookies, err := sessionCookies(x.header)
	if err != nil {
		return login.Session{}, err
	}
	token, csrf := cookies[cookieToken], cookies[cookieCSRF]
	tokens := x.header.Values(model.HeaderToken)
	profile := bytes.TrimSpace(x.body.Bytes())
	switch {
	case len(tokens) != 1 || !isID(tokens[0]) || token.Value != tokens[0]:
		return login.Session{}, invalidSession("token")
	case !isID(csrf.Value):
		return login.Session{}, invalidSession(cookieCSRF)
	case cookies[cookieUser].Value != user.Id:
		return login.Session{}, errOtherAccount
	case x.broken != nil || !json.Valid(profile): // the client stops reading after the first value
		return login.Session{}, invalidSession("body")
	}
	return login.Session{
		User:      login.User{ID: user.Id, Username: user.Username, Email: account},
		Token:     token.Value,
		CSRF:      csrf.Value,
		ExpiresAt: expiry(token, asked),
		Profile:   profile,
	}, nil
}

func invalidSession(part string) error {
	return fmt.Errorf("%w: a session without a proper %s", upstream.ErrInvalid, part)
}

// sessionCookies finds each of the three exactly once.
func sessionCookies(header http.Header) (map[string]*http.Cookie, error) {
	found := map[string]*http.Cookie{}
	for _, line := range header.Values("Set-Cookie") {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			continue
		}
		if _, twice := found[cookie.Name]; twice {
			return nil, invalidSession("set of cookies")
		}
		found[cookie.Name] = cookie
	}
	for _, name := range []string{cookieToken, cookieUser, cookieCSRF} {
		if found[name] == nil {
			return nil, invalidSession(name)
		}
	}
	return found, nil
}

// expiry prefers the duration: it does not depend on Mattermost's clock.
func expiry(cookie *http.Cookie, asked time.Time) time.Time {
	if cookie.MaxAge > 0 {
		return asked.Add(time.Duration(cookie.MaxAge) * time.Second).UTC().Truncate(time.Second)
	}
	return cookie.Expires.UTC()
}
