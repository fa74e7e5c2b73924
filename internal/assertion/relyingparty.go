package assertion

import (
	"context"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"

	"matterpass/internal/login"
)

// RelyingPartyOptions says what we are to an OpenID provider. Keys, Issuer and
// ClientID are required.
type RelyingPartyOptions struct {
	Keys       *KeySet
	Issuer     string // exactly as discovery names it
	ClientID   string
	Algorithms []jose.SignatureAlgorithm // those that the provider announces; empty: every asymmetric one
	Leeway     time.Duration             // how far the two clocks may be apart; 30 s
	MaxAge     time.Duration             // longest time since iat; 5 min
	Now        func() time.Time
}

// RelyingParty checks the tokens that an OpenID provider makes for us. It is safe
// for concurrent use.
type RelyingParty struct{ o RelyingPartyOptions }

// NewRelyingParty returns a RelyingParty, or says what is wrong with its options.
func NewRelyingParty(o RelyingPartyOptions) (*RelyingParty, error) {
	setDefault(&o.Leeway, 30*time.Second)
	setDefault(&o.MaxAge, 5*time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keys == nil || !login.IsIdentifier(o.Issuer) || o.ClientID == "" || o.Leeway < 0 || o.MaxAge < 0 {
		return nil, errors.New("an OpenID provider needs keys, an issuer and a client id")
	}
	return &RelyingParty{o}, nil
}

func (p *RelyingParty) read(ctx context.Context, t token, into any) error {
	payload, err := p.o.Keys.verify(ctx, t, p.o.Algorithms...)
	if err != nil {
		return err
	}
	return decode(payload, into)
}

func (p *RelyingParty) check(c claims) error {
	now := p.o.Now()
	switch {
	case c.Issuer != p.o.Issuer:
		return refuse("its iss is not the provider")
	case !c.Audience.has(p.o.ClientID):
		return refuse("its aud does not name us")
	case now.After(time.Time(c.Issued).Add(p.o.MaxAge + p.o.Leeway)):
		return refuse("its iat is too long ago; compare the two clocks")
	}
	return c.checkTimes(now, p.o.Leeway)
}

// end is when the token would be refused anyway.
func (p *RelyingParty) end(c claims) time.Time {
	expires, aged := time.Time(c.Expires), time.Time(c.Issued).Add(p.o.MaxAge)
	if aged.Before(expires) {
		expires = aged
	}
	return expires.Add(p.o.Leeway)
}
