package main

import (
	"context"
	"errors"
	"strings"

	"matterpass/internal/assertion"
	"matterpass/internal/config"
	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/mint"
	"matterpass/internal/provision"
	"matterpass/internal/store"
	"matterpass/internal/ticket"
)

// newVerifier is nil where no assertions are accepted.
func newVerifier(cfg config.Assertions, production bool) (login.Verifier, error) {
	if !cfg.On() {
		return nil, nil
	}
	o := assertion.Options{
		Issuer: string(cfg.Issuer), Audience: string(cfg.Audience), Leeway: cfg.Leeway, MaxAge: cfg.MaxAge,
	}
	if cfg.Secret.IsSet() {
		o.Secrets = [][]byte{[]byte(cfg.Secret.Reveal())}
	}
	if cfg.KeySet != "" {
		keys, err := assertion.NewKeySet(assertion.KeySetOptions{URL: string(cfg.KeySet), AllowHTTP: !production})
		if err != nil {
			return nil, err
		}
		o.Keys = keys
	}
	return assertion.New(o)
}

// newProofs is empty where nobody can sign in without a password.
func newProofs(p parts) (login.Proofs, error) {
	minter, err := newMinter(p.cfg, p.client, p.store, p.telemetry)
	if err != nil || minter == nil {
		return login.Proofs{}, err
	}
	verifier, err := newVerifier(p.cfg.Assertions, p.cfg.Production())
	if err != nil {
		return login.Proofs{}, err
	}
	mfa := p.cfg.Minting.MFA
	proofs := login.Proofs{
		Verifier: verifier, Once: p.store.Once(), Links: p.store, Origins: p.store, People: p.client, Cutter: p.client,
		Minter: minter, MintHashes: minter.Hashes, AskMFA: mfa != config.MFARefuse, TrustMFA: mfa == config.MFATrustIdP,
		Identities: accountLimiter{p.limiters.identity, p.hasher, p.telemetry.refused("identity")},
	}
	if p.cfg.Minting.Newcomers {
		proofs.Newcomers = newcomers{p.provision}
	}
	return proofs, nil
}

// newMinter is nil where nobody can sign in without a password.
func newMinter(cfg config.Config, client *mattermost.Client, st *store.Store, t *telemetry) (*mint.Auto, error) {
	m := cfg.Minting
	auto := &mint.Auto{Pins: st, Audit: t.minted}
	if m.Way != config.MintAuto {
		auto.Way = string(m.Way)
	}
	if len(m.Secrets.KeyRing) > 0 {
		managed, err := newManaged(m, client, st, t)
		if err != nil {
			return nil, err
		}
		auto.Managed = managed
	}
	if auto.Managed == nil && auto.Plugin == nil {
		return nil, nil
	}
	return auto, nil
}

func newManaged(m config.Minting, client *mattermost.Client, st *store.Store, t *telemetry) (*mint.Managed, error) {
	o := mint.Options{
		ServerID:  (&mint.Server{Ask: client.ServerID, Pins: st}).ID,
		Passwords: st, Turns: st, Origins: st, SignIn: client, Setter: client, Unlocker: client,
		AdoptExisting: m.Way == config.MintManaged, Readopt: bool(m.Readopt), MFA: mint.MFA(m.MFA), Audit: t.minted,
	}
	for _, key := range m.Secrets.KeyRing {
		o.Secrets = append(o.Secrets, mint.Secret{Kid: key.ID, Secret: []byte(key.Secret.Reveal())})
	}
	return mint.New(o)
}

func newTickets(cfg config.Config, st *store.Store) (*ticket.Service, error) {
	return ticket.New(ticket.Options{
		Tickets: st.Tickets(), Origins: cfg.Addresses.AllowedOrigins.Strings(), AllowTopLevel: true, Reserved: config.OwnSegments(),
	})
}

// newcomers makes accounts as the ERP's back end would.
type newcomers struct{ service *provision.Service }

func (n newcomers) Create(ctx context.Context, who login.Identity) (string, bool, error) {
	request := provision.Request{Email: string(who.Email)}
	if first, last, _ := strings.Cut(strings.TrimSpace(who.Name), " "); first != "" {
		request.FirstName, request.LastName = &first, &last
	}
	result, err := n.service.Provision(ctx, request)
	switch {
	case errors.Is(err, provision.ErrConflict):
		return "", false, errors.Join(login.ErrConflict, err)
	case errors.Is(err, provision.ErrSeatLimit):
		return "", false, errors.Join(login.ErrSeatLimit, err)
	}
	return result.UserID, result.Created, err
}

// memory is the database as provisioning sees it.
type memory struct{ *store.Store }

func (m memory) Created(ctx context.Context, userID string, address email.Address) error {
	return m.MarkCreated(ctx, userID, address)
}

func (m memory) Link(ctx context.Context, issuer, subject string, a provision.Account) error {
	ours, err := m.IsCreated(ctx, login.Account{User: login.User{ID: a.ID, Email: a.Email}, Created: a.Made})
	if err != nil || !ours {
		return err
	}
	err = m.AddLink(ctx, login.Link{Issuer: issuer, Subject: subject, UserID: a.ID, By: login.LinkedByProvision})
	if errors.Is(err, login.ErrConflict) {
		return errors.Join(provision.ErrConflict, err)
	}
	return err
}
