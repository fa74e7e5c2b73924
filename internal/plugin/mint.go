package plugin

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/companion"
)

// refusal is a companion.Code as an error.
type refusal companion.Code

func (r refusal) Error() string { return string(r) }

// mint makes a session, or says why not. Either leaves a line in Mattermost's log,
// with neither token nor code.
func (s *Service) mint(q question) reply {
	wanted, session, user, err := s.tryMint(q)
	if err != nil {
		code := companion.Code(err.Error())
		s.server.LogWarn("No session was made", "code", string(code), "user_id", q.UserID, "client_ip", wanted.ClientIP)
		return reply{status: statusOf(code), body: companion.Refused{Code: code, Now: s.now().UnixMilli()}}
	}
	factor := session.Props[propFactor]
	s.server.LogInfo("A session was made", "user_id", user.Id, "session_id", session.Id,
		"mfa", factor, "expires_at", session.ExpiresAt, "client_ip", wanted.ClientIP)
	return reply{http.StatusOK, companion.Minted{
		SessionID: session.Id, Token: session.Token, CSRF: session.GetCSRF(),
		UserID: user.Id, Username: user.Username, Email: user.Email,
		ExpiresAt: session.ExpiresAt, MFA: factor,
	}, session.Id}
}

// tryMint goes through everything in order: what costs nothing first, and the
// nonce before the first thing that has an effect.
func (s *Service) tryMint(q question) (wanted companion.Mint, made *model.Session, user *model.User, err error) {
	if wanted, err = s.admit(q); err != nil {
		return wanted, nil, nil, err
	}
	if user, err = s.person(q); err != nil {
		return wanted, nil, nil, err
	}
	factor, err := s.factor(q, wanted, user)
	if err != nil {
		return wanted, nil, nil, err
	}
	made, err = s.create(s.sessionFor(q, wanted, user, factor), user)
	return wanted, made, user, err
}

// admit takes a question that is of now, for this server and new.
func (s *Service) admit(q question) (companion.Mint, error) {
	if age := s.now().Sub(q.Created); age.Abs() > companion.Window {
		return companion.Mint{}, refusal(companion.CodeStale)
	}
	if q.ServerID == "" || q.ServerID != s.id(q) {
		return companion.Mint{}, refusal(companion.CodeWrongServer)
	}
	wanted, err := decode(q.body)
	if err != nil || wanted.Purpose != companion.PurposeSignIn || !model.IsValidId(q.UserID) {
		return companion.Mint{}, refusal(companion.CodeMalformed)
	}
	return wanted, s.spendNonce(q.Nonce)
}

// decode takes exactly one object with no fields but ours.
func decode(body []byte) (wanted companion.Mint, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&wanted); err != nil {
		return companion.Mint{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return companion.Mint{}, refusal(companion.CodeMalformed)
	}
	return wanted, nil
}

// person is the account, if a session may be made for it.
func (s *Service) person(q question) (*model.User, error) {
	user, err := s.server.GetUser(q.UserID)
	switch {
	case err != nil && err.StatusCode == http.StatusNotFound:
		return nil, refusal(companion.CodeUnknownUser)
	case err != nil || user == nil || user.Id != q.UserID:
		return nil, refusal(companion.CodeUnavailable)
	}
	if code := obstacle(user, q.allowPrivileged); code != "" {
		return nil, refusal(code)
	}
	return user, nil
}

// obstacle is what Mattermost's own sign-in would refuse as well, and rights that
// no proof from outside should open.
func obstacle(user *model.User, allowPrivileged bool) companion.Code {
	switch {
	case user.DeleteAt != 0:
		return companion.CodeDeactivated
	case user.IsBot:
		return companion.CodeBot
	case user.IsRemote():
		return companion.CodeRemote
	case !allowPrivileged && slices.ContainsFunc(strings.Fields(user.Roles), isPrivileged):
		return companion.CodePrivileged
	}
	return ""
}

func isPrivileged(role string) bool {
	return role != model.SystemUserRoleId && role != model.SystemGuestRoleId
}

// create makes the session and looks at the account again: what was decided on may
// have changed, and whoever changed it ended only the sessions that there were.
func (s *Service) create(wanted *model.Session, before *model.User) (*model.Session, error) {
	made, err := s.server.CreateSession(wanted)
	if err != nil || made == nil {
		return nil, refusal(companion.CodeUnavailable)
	}
	after, err := s.server.GetUser(before.Id)
	switch {
	case err != nil || after == nil || made.UserId != before.Id || made.Token == "" || made.GetCSRF() == "":
		s.disown(made.Id, "a look at the account")
		return nil, refusal(companion.CodeUnavailable)
	case after.DeleteAt != 0 || after.Roles != before.Roles || after.MfaActive != before.MfaActive:
		s.disown(made.Id, "a change of the account")
		return nil, refusal(companion.CodeChanged)
	}
	return made, nil
}

func statusOf(code companion.Code) int {
	switch code {
	case companion.CodeUnavailable:
		return http.StatusServiceUnavailable
	case companion.CodeMalformed:
		return http.StatusBadRequest
	case companion.CodeChanged, companion.CodeReplayed:
		return http.StatusConflict
	default:
		return http.StatusForbidden
	}
}
