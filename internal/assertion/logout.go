package assertion

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"matterpass/internal/login"
)

// Logout is a provider's word that a session of its is over: the one of SID
// where it is not empty, else all of the subject.
type Logout struct {
	Issuer, Subject, SID string
	ID                   string // unique for the issuer; to be spent
	IssuedAt, ExpiresAt  time.Time
}

// logoutEvent is the member of events that makes a logout token.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutClaims are the further claims of a logout token.
type logoutClaims struct {
	claims
	Events map[string]jsontext.Value `json:"events"`
	Nonce  jsontext.Value            `json:"nonce"`
}

// VerifyLogoutToken follows OpenID Connect Back-Channel Logout 1.0 section 2.6;
// whether the token was used before is the caller's to ask. Errors are those of
// Verifier.Verify.
func (p *RelyingParty) VerifyLogoutToken(ctx context.Context, text string) (Logout, error) {
	t, err := parse(text)
	if err != nil {
		return Logout{}, err
	}
	if !t.isOfType("logout+jwt", "jwt") {
		return Logout{}, refuse("its typ is not a logout token's")
	}
	var c logoutClaims
	if err := p.read(ctx, t, &c); err != nil {
		return Logout{}, err
	}
	if err := p.check(c.claims); err != nil {
		return Logout{}, err
	}
	if err := c.checkLogout(); err != nil {
		return Logout{}, err
	}
	return Logout{
		Issuer: c.Issuer, Subject: c.Subject, SID: c.SID, ID: c.ID, IssuedAt: time.Time(c.Issued), ExpiresAt: p.end(c.claims),
	}, nil
}

func (c logoutClaims) checkLogout() error {
	isOptional := func(s string) bool { return s == "" || login.IsIdentifier(s) }
	switch {
	case c.Events[logoutEvent].Kind() != '{':
		return refuse("its events do not tell of a logout")
	case len(c.Nonce) > 0:
		return refuse("it has a nonce: it is an ID token")
	case !login.IsIdentifier(c.ID):
		return refuse("its jti is not 1 to 255 visible characters")
	case c.Subject == "" && c.SID == "":
		return refuse("it has neither sub nor sid")
	case !isOptional(c.Subject) || !isOptional(c.SID):
		return refuse("its sub or sid is not 1 to 255 visible characters")
	}
	return nil
}
