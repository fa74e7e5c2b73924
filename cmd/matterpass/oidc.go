package main

import (
	"context"

	"matterpass/internal/config"
	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/oidc"
	"matterpass/internal/ticket"
	"matterpass/web"
)

// newRelyingParty is nil where no identity provider is configured.
func newRelyingParty(cfg config.Config, keys []login.DeviceKey, t *telemetry) (*oidc.RelyingParty, error) {
	if len(cfg.OIDC.Issuers) == 0 {
		return nil, nil
	}
	o := oidc.Options{RedirectURL: string(cfg.Addresses.PublicURL) + "/auth/oidc/callback", Troubled: t.providerTroubled}
	for i, issuer := range cfg.OIDC.Issuers {
		o.Clients = append(o.Clients, oidc.Client{
			Issuer: string(issuer), ID: cfg.OIDC.ClientIDs[i], Secret: cfg.OIDC.ClientSecrets[i].Reveal(),
		})
	}
	for _, key := range keys {
		o.SealKeys = append(o.SealKeys, derive(key.Secret, "oidc flows"))
	}
	return oidc.New(o)
}

// signInWithProviders wires the identity providers into the API.
func (a *app) signInWithProviders(o *httpapi.Options) error {
	if a.providers == nil || o.Tickets == nil {
		return nil
	}
	page, err := httpapi.NewOutcomePage(web.OIDC(), o.ChatOrigin)
	if err != nil {
		return err
	}
	o.OIDC = httpapi.OIDC{
		Providers: a.providers, Outcome: page,
		Handback: handback{a.login, o.Tickets}.make,
		Logout:   a.endByProvider,
	}
	return nil
}

// handback makes a ticket of an identity provider's word, for another window. The
// word is spent first: whoever replays it gets no second ticket.
type handback struct {
	login   *login.Service
	tickets *ticket.Service
}

func (h handback) make(ctx context.Context, back httpapi.Handback) (string, error) {
	if err := h.login.Spend(ctx, back.Proof); err != nil {
		return "", err
	}
	text, _, err := h.tickets.Issue(ctx, ticket.Ticket{
		Identity: back.Proof.Identity, Origin: back.Origin, Target: back.Target,
	})
	return text, err
}

// endByProvider ends what a provider says is over, once.
func (a *app) endByProvider(ctx context.Context, l oidc.Logout) error {
	err := a.state.once().Spend(ctx, login.Spending{
		Key: "logout\x00" + l.Issuer + "\x00" + l.ID, IssuedAt: l.IssuedAt, Until: l.ExpiresAt,
	})
	if err != nil {
		return err
	}
	return a.login.EndIdentity(ctx, l.Identity)
}
