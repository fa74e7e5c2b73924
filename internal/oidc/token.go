package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"golang.org/x/oauth2"

	"matterpass/internal/login"
)

// redemption is a code on its way to an identity.
type redemption struct {
	*provider
	meta *metadata
	flow flow
	code string
}

func (rp *RelyingParty) redeem(ctx context.Context, r redemption) (login.Identity, error) {
	ctx = gooidc.ClientContext(ctx, r.fetch.client)
	tokens, err := rp.config(r.provider, r.meta).Exchange(ctx, r.code, oauth2.VerifierOption(r.flow.Verifier))
	if err != nil {
		return login.Identity{}, exchangeError(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return login.Identity{}, invalid("there is no ID token")
	}
	c, err := rp.verifyIDToken(ctx, r, raw, tokens.AccessToken)
	if err != nil {
		return login.Identity{}, err
	}
	if _, named := c.address(); !named {
		if c.profile, err = r.userInfo(ctx, c, tokens.AccessToken); err != nil {
			return login.Identity{}, err
		}
	}
	return c.identity(r.Issuer)
}

// exchangeError keeps the token endpoint's words out of the log: its answer can
// be a page of a stranger's, or repeat the request.
func exchangeError(err error) error {
	var (
		refused *oauth2.RetrieveError
		failed  *url.Error
	)
	switch {
	case errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("%w: token endpoint: status %d", ErrUnavailable, refused.Response.StatusCode)
	case errors.As(err, &refused) && refused.Response != nil:
		return invalid(fmt.Sprintf("token endpoint: status %d, %s", refused.Response.StatusCode, knownError(refused.ErrorCode)))
	case errors.As(err, &failed):
		return fmt.Errorf("%w: token endpoint: %w", ErrUnavailable, failed.Err)
	default:
		return invalid("token endpoint: no token in the answer")
	}
}

func invalid(why string) error { return fmt.Errorf("%w: %s", ErrInvalid, why) }

// verifyIDToken applies OpenID Connect Core section 3.1.3.7.
func (rp *RelyingParty) verifyIDToken(ctx context.Context, r redemption, raw, accessToken string) (claims, error) {
	if kind := typeOf(raw); kind != "" && !strings.EqualFold(kind, "JWT") {
		return claims{}, invalid("ID token: it is of another type")
	}
	seen := &observed{meta: r.meta}
	token, err := rp.verifier(r.provider, r.meta, seen).Verify(ctx, raw)
	if err != nil {
		return claims{}, seen.error("ID token", err)
	}
	var c claims
	if err := json.Unmarshal(seen.payload, &c); err != nil {
		return claims{}, invalid("ID token: its claims are not of the right form")
	}
	if token.AccessTokenHash != "" && token.VerifyAccessToken(accessToken) != nil {
		return claims{}, invalid("ID token: at_hash is of another access token")
	}
	return c, rp.checkIDToken(r, c, token.IssuedAt)
}

func (rp *RelyingParty) checkIDToken(r redemption, c claims, issued time.Time) error {
	if err := c.checkAudience(r.Issuer, r.ID); err != nil {
		return err
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(r.flow.Nonce)) != 1:
		return invalid("ID token: the nonce is another one")
	case !login.IsIdentifier(c.Subject):
		return invalid("ID token: the subject is missing, too long or not of visible ASCII")
	case issued.After(rp.Now().Add(rp.Leeway)):
		return invalid("ID token: it was issued in the future")
	case issued.Before(r.flow.Created.Add(-rp.Leeway)):
		return invalid("ID token: it is older than the sign-in")
	}
	return nil
}

// verifier checks signature, issuer, audience and end.
func (rp *RelyingParty) verifier(p *provider, m *metadata, keys gooidc.KeySet) *gooidc.IDTokenVerifier {
	return gooidc.NewVerifier(p.Issuer, keys, &gooidc.Config{
		ClientID: p.ID, SupportedSigningAlgs: m.Algorithms,
		Now: func() time.Time { return rp.Now().Add(-rp.Leeway) },
	})
}

// observed is a go-oidc KeySet over ours, which does not ask again for every token
// with a key id that nobody knows: anybody can send those. It keeps what go-oidc
// does not hand on: the payload, and why there are no keys.
type observed struct {
	meta    *metadata
	payload []byte
	err     error
}

// VerifySignature implements go-oidc's KeySet.
func (o *observed) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	accepted := make([]jose.SignatureAlgorithm, 0, len(o.meta.Algorithms))
	for _, name := range o.meta.Algorithms {
		accepted = append(accepted, jose.SignatureAlgorithm(name))
	}
	o.payload, o.err = o.meta.keys.Verify(ctx, raw, accepted...)
	return o.payload, o.err
}

// error turns go-oidc's into one of ours; its text repeats claims of the token.
func (o *observed) error(what string, err error) error {
	var expired *gooidc.TokenExpiredError
	switch {
	case errors.Is(o.err, login.ErrKeysUnavailable):
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, what, o.err)
	case errors.As(err, &expired):
		return invalid(what + ": it is over")
	case o.err != nil:
		return invalid(what + ": no key of the issuer made this signature")
	case o.payload == nil:
		return invalid(what + ": it is not signed as the issuer signs")
	default:
		return invalid(what + ": a claim is missing or not the right one")
	}
}

// typeOf is the header's typ, RFC 8725 section 3.11; that of a token that cannot
// be read is none, and such a token is refused later.
func typeOf(raw string) string {
	head, _, _ := strings.Cut(raw, ".")
	text, _ := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		Type string `json:"typ"`
	}
	_ = json.Unmarshal(text, &header)
	return header.Type
}
