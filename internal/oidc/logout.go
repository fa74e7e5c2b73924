package oidc

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"matterpass/internal/login"
)

// Bounds of a logout token.
const (
	maxLogoutToken = 8 << 10 // bytes
	maxLogoutAge   = 10 * time.Minute
)

// logoutEvent is the one of Back-Channel Logout 1.0 section 2.4.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// Logout is an identity provider's word that sessions are over.
type Logout struct {
	login.Identity           // of Issuer, Subject and SID, one of the last two may be empty
	ID             string    // jti; the caller accepts it once
	IssuedAt       time.Time // by the issuer's clock
	ExpiresAt      time.Time // refused from here on
}

// logoutClaims are the claims that go-oidc does not check, or not exactly; that
// there is no nonce it does.
type logoutClaims struct {
	claims
	ID     string                    `json:"jti"`
	Events map[string]jsontext.Value `json:"events"`
}

// BackchannelLogout verifies a logout token as Back-Channel Logout 1.0 section
// 2.6 says. It answers ErrInvalid or ErrUnavailable.
func (rp *RelyingParty) BackchannelLogout(ctx context.Context, raw string) (Logout, error) {
	if len(raw) > maxLogoutToken {
		return Logout{}, invalid("logout token: it is too long")
	}
	if kind := typeOf(raw); kind != "" && !strings.EqualFold(kind, "JWT") && !strings.EqualFold(kind, "logout+jwt") {
		return Logout{}, invalid("logout token: it is of another type")
	}
	p, err := rp.addressee(raw)
	if err != nil {
		return Logout{}, err
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return Logout{}, err
	}
	seen := &observed{meta: m}
	token, err := rp.verifier(p, m, seen).VerifyLogout(ctx, raw)
	if err != nil {
		return Logout{}, seen.error("logout token", err)
	}
	c, err := rp.checkLogout(p, seen.payload, token.IssuedAt)
	if err != nil {
		return Logout{}, err
	}
	return Logout{
		Identity: login.Identity{Issuer: p.Issuer, Subject: identifier(c.Subject), SID: identifier(text(c.SID))},
		ID:       c.ID, IssuedAt: token.IssuedAt, ExpiresAt: earlier(token.Expiry, token.IssuedAt.Add(maxLogoutAge)).Add(rp.Leeway),
	}, nil
}

func (rp *RelyingParty) checkLogout(p *provider, payload []byte, issued time.Time) (logoutClaims, error) {
	var c logoutClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, invalid("logout token: its claims are not of the right form")
	}
	if err := c.checkAudience(p.Issuer, p.ID); err != nil {
		return c, err
	}
	now := rp.Now()
	switch {
	case c.Events[logoutEvent].Kind() != '{':
		return c, invalid("logout token: it is about another event")
	case !login.IsIdentifier(c.ID):
		return c, invalid("logout token: it has no id")
	case identifier(c.Subject) == "" && identifier(text(c.SID)) == "":
		return c, invalid("logout token: it does not say who")
	case issued.After(now.Add(rp.Leeway)) || issued.Before(now.Add(-maxLogoutAge-rp.Leeway)):
		return c, invalid("logout token: it is not fresh")
	}
	return c, nil
}

// addressee is the provider of which a token says that it is from, and the
// client that it says it is for. Nothing is believed yet: its keys decide.
func (rp *RelyingParty) addressee(raw string) (*provider, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, invalid("logout token: it is no token")
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, invalid("logout token: it is no token")
	}
	var c claims
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, invalid("logout token: its claims are not of the right form")
	}
	for _, p := range rp.providers {
		if p.Issuer == c.Issuer && slices.Contains(texts(c.Audience), p.ID) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w: logout token: no provider of ours sent it, or not to us", ErrInvalid)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
