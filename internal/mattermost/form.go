package mattermost

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"unicode"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

// isID is stricter than the client's own check, which takes every script's
// letters. An id that is empty or has a dot would change the endpoint: without
// it, "revoke all sessions of this user" means of every user.
func isID(s string) bool {
	if len(s) != 26 {
		return false
	}
	for i := range len(s) {
		if !('a' <= s[i] && s[i] <= 'z' || '0' <= s[i] && s[i] <= '9') {
			return false
		}
	}
	return true
}

// isToken accepts what can be a token of ours in a header.
func isToken(s string) bool {
	return s != "" && len(s) <= 256 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// isSegment accepts what the client puts into a path unchanged.
func isSegment(s string) bool {
	return s != "" && s != "." && !strings.Contains(s, "..") && !strings.ContainsAny(s, "/\\?#%")
}

// person checks that an answer is an account at all: "null" and a 304 are a nil
// user without an error.
func person(user *model.User) (*model.User, error) {
	if user == nil || !isID(user.Id) {
		return nil, fmt.Errorf("%w: no account", upstream.ErrInvalid)
	}
	return user, nil
}

// errOtherAccount: Mattermost answered with an account that was not asked for.
var errOtherAccount = fmt.Errorf("%w: another account than asked for", upstream.ErrInvalid)

// userOf leaves an address out that our rule does not accept: nothing of ours
// could be keyed by it.
func userOf(u *model.User) login.User {
	address, _ := email.Parse(u.Email)
	return login.User{ID: u.Id, Username: u.Username, Email: address}
}

// headersFor names the person's own address and browser, for Mattermost's list
// of sessions and its own limits.
func headersFor(from login.Client) map[string]string {
	headers := map[string]string{}
	if from.Addr.IsValid() {
		headers[model.HeaderForwarded] = plainAddr(from.Addr)
	}
	if agent := headerText(from.UserAgent); agent != "" {
		headers["User-Agent"] = agent
	}
	return headers
}

func plainAddr(a netip.Addr) string { return a.Unmap().WithZone("").String() }

// headerText is foreign text as a header can carry it.
func headerText(s string) string {
	const most = 256
	clean := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s[:min(len(s), most)])
	return strings.TrimSpace(clean)
}

func isJSONObject(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) && json.Valid(body)
}
