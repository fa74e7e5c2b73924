package oidc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"matterpass/internal/assertion"
	"matterpass/internal/email"
	"matterpass/internal/login"
)

// maxName is the longest name of a person, in characters.
const maxName = 128

// claims of an ID token. Names are matched exactly and none may stand twice: of
// two addresses nobody knows which one was vouched for.
type claims struct {
	Issuer     string         `json:"iss"`
	Subject    string         `json:"sub"`
	Audience   jsontext.Value `json:"aud"`
	Authorized jsontext.Value `json:"azp"`
	Nonce      string         `json:"nonce"`
	SID        jsontext.Value `json:"sid"`
	Methods    jsontext.Value `json:"amr"`
	Context    jsontext.Value `json:"acr"`
	profile
}

// profile is what is said of a person, in the ID token or by userinfo.
type profile struct {
	Email    jsontext.Value `json:"email"`
	Verified jsontext.Value `json:"email_verified"`
	Name     jsontext.Value `json:"name"`
}

// checkAudience trusts no audience but the client itself, OpenID Connect Core
// section 3.1.3.7 rules 3 to 5: whoever else may use the token could bring it.
func (c claims) checkAudience(issuer, clientID string) error {
	switch {
	case c.Issuer != issuer && !isGoogle(issuer, c.Issuer):
		return invalid("the token is another issuer's")
	case !slices.Equal(texts(c.Audience), []string{clientID}):
		return invalid("the token is for others as well, or for others only")
	case c.Authorized != nil && text(c.Authorized) != clientID:
		return invalid("the token was issued to another client")
	}
	return nil
}

// isGoogle: Google's tokens may leave out the scheme, as its documents say.
func isGoogle(issuer, named string) bool {
	return issuer == "https://accounts.google.com" && named == "accounts.google.com"
}

// identity is complete, or the error is ErrNoAddress.
func (c claims) identity(issuer string) (login.Identity, error) {
	address, _ := c.address()
	who := login.Identity{
		Issuer: issuer, Subject: c.Subject, Email: address, EmailVerified: string(c.Verified) == "true",
		Name: displayName(text(c.Name)), SID: identifier(text(c.SID)), MultiFactor: c.isMultiFactor(),
	}
	if err := who.Check(); err != nil {
		return login.Identity{}, fmt.Errorf("%w: %w", ErrNoAddress, err)
	}
	return who, nil
}

// address is the person's, in its one spelling; named says that there is a
// claim, right or wrong.
func (p profile) address() (address email.Address, named bool) {
	claimed := text(p.Email)
	address, err := email.Parse(claimed)
	if err != nil {
		return "", claimed != ""
	}
	return address, true
}

// isMultiFactor also believes the contexts that REFEDS and PAPE define for it.
func (c claims) isMultiFactor() bool {
	contexts := []string{
		"https://refeds.org/profile/mfa",
		"http://schemas.openid.net/pape/policies/2007/06/multi-factor",
		"http://schemas.openid.net/pape/policies/2007/06/multi-factor-physical",
	}
	return assertion.IsMultiFactor(texts(c.Methods)) || slices.Contains(contexts, text(c.Context))
}

// userInfo asks for the profile that the ID token leaves out, OpenID Connect
// Core section 5.3. One who has none to give leaves the person without an
// address, which is for login to judge.
func (r redemption) userInfo(ctx context.Context, c claims, accessToken string) (profile, error) {
	if r.meta.UserInfoURL == "" || accessToken == "" {
		return c.profile, nil
	}
	body, err := r.fetch.get(ctx, r.meta.UserInfoURL, accessToken)
	if errors.Is(err, errNoAnswer) {
		return profile{}, fmt.Errorf("%w: userinfo: %w", ErrUnavailable, err)
	}
	if err != nil {
		return profile{}, invalid("userinfo: " + err.Error())
	}
	var told struct {
		Subject string `json:"sub"`
		profile
	}
	switch err := json.Unmarshal(body, &told); {
	case err != nil:
		return profile{}, invalid("userinfo: not JSON of the right form")
	case told.Subject != c.Subject:
		return profile{}, invalid("userinfo: it is of another person")
	}
	if told.Name == nil {
		told.Name = c.Name
	}
	return told.profile, nil
}

// text is a string's value, and empty for everything else.
func text(v jsontext.Value) (s string) {
	if v.Kind() == '"' {
		_ = json.Unmarshal(v, &s)
	}
	return s
}

// texts is a list of strings, or one alone; nil for everything else.
func texts(v jsontext.Value) (list []string) {
	if v.Kind() == '"' {
		return []string{text(v)}
	}
	if v.Kind() != '[' || json.Unmarshal(v, &list) != nil {
		return nil
	}
	return list
}

// displayName drops a name that cannot be shown: half of one helps nobody.
func displayName(s string) string {
	isHidden := func(r rune) bool { return !unicode.IsPrint(r) }
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxName || strings.ContainsFunc(s, isHidden) {
		return ""
	}
	return s
}

func identifier(s string) string {
	if !login.IsIdentifier(s) {
		return ""
	}
	return s
}
