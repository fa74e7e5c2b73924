package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"matterpass/internal/assertion"
	"matterpass/internal/companion"
	"matterpass/internal/config"
	"matterpass/internal/email"
	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/mint"
	"matterpass/internal/provision"
	"matterpass/internal/signature"
	"matterpass/internal/store"
	"matterpass/internal/ticket"
)

// newKeySet is nil where the ERP publishes no keys.
func newKeySet(cfg config.Config, t *telemetry) (*assertion.KeySet, error) {
	if cfg.Assertions.KeySet == "" {
		return nil, nil
	}
	return assertion.NewKeySet(assertion.KeySetOptions{
		URL: string(cfg.Assertions.KeySet), AllowHTTP: !cfg.Production(), Fetched: t.keysFetched,
	})
}

// newVerifier is nil where no assertions are accepted.
func newVerifier(cfg config.Assertions, keys *assertion.KeySet) (login.Verifier, error) {
	if !cfg.On() {
		return nil, nil
	}
	o := assertion.Options{
		Issuer: string(cfg.Issuer), Audience: string(cfg.Audience), MaxAge: cfg.MaxAge,
		Leeway: max(cfg.Leeway, time.Nanosecond), // zero is the default
	}
	if cfg.Secret.IsSet() {
		o.Secrets = [][]byte{[]byte(cfg.Secret.Reveal())}
	}
	if keys != nil {
		o.Keys = keys
	}
	return assertion.New(o)
}

// newProofs is empty where nobody can sign in without a password.
func newProofs(p parts) (login.Proofs, error) {
	minter, err := newMinter(p.cfg, p.client, p.state.store, p.telemetry)
	if err != nil || minter == nil {
		return login.Proofs{}, err
	}
	verifier, err := newVerifier(p.cfg.Assertions, p.keySet)
	if err != nil {
		return login.Proofs{}, err
	}
	mfa := p.cfg.Minting.MFA
	proofs := login.Proofs{
		Verifier: verifier, Once: p.state.once(), Links: p.state.store, Origins: p.state.store, People: p.client, Cutter: p.client,
		Minter: minter, MintHashes: minter.Hashes, AskMFA: mfa != config.MFARefuse, TrustMFA: mfa == config.MFATrustIDP,
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
	if mayManage(m) {
		managed, err := newManaged(m, client, st, t)
		if err != nil {
			return nil, err
		}
		auto.Managed = managed
	}
	if secrets := m.PluginSecrets.KeyRing; len(secrets) > 0 {
		plugin, err := newPlugin(cfg, client)
		if err != nil {
			return nil, err
		}
		auto.Plugin = plugin
	}
	if auto.Managed == nil && auto.Plugin == nil {
		return nil, nil
	}
	return auto, nil
}

// mayManage: a secret that is there for another way is left alone, and managed
// passwords cannot take an issuer's word for a second factor.
func mayManage(m config.Minting) bool {
	return len(m.Secrets.KeyRing) > 0 && m.Way != config.MintPlugin && m.MFA != config.MFATrustIDP
}

func newPlugin(cfg config.Config, client *mattermost.Client) (*mattermost.Plugin, error) {
	var secrets []string
	for _, key := range cfg.Minting.PluginSecrets.KeyRing {
		secrets = append(secrets, key.Secret.Reveal())
	}
	keys, err := companion.NewKeys(secrets...)
	if err != nil {
		return nil, fmt.Errorf("PLUGIN_SECRET: %w", err)
	}
	return mattermost.NewPlugin(client, mattermost.PluginOptions{
		Keys: keys, MFA: string(cfg.Minting.MFA), MaxAge: time.Duration(cfg.Sessions.MaxAge),
	}), nil
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

func newTickets(cfg config.Config, kept ticket.Tickets) (*ticket.Service, error) {
	return ticket.New(ticket.Options{
		Tickets: kept, Origins: cfg.Addresses.AllowedOrigins.Strings(), AllowTopLevel: true, Reserved: config.OwnSegments(),
	})
}

// newcomers makes accounts as the ERP's back end would.
type newcomers struct{ service *provision.Service }

func (n newcomers) Create(ctx context.Context, who login.Identity) (string, bool, error) {
	request := provision.Request{Email: string(who.Email), EmailVerified: who.EmailVerified}
	if first, last := namesOf(who.Name); first != "" {
		request.FirstName, request.LastName = &first, &last
	}
	result, err := n.service.Provision(ctx, request)
	var invalid *provision.Invalid
	switch {
	case errors.As(err, &invalid): // not the person's to mend, nor to know
		return "", false, fmt.Errorf("%w: %s", login.ErrNotProvisioned, invalid.Error())
	case errors.Is(err, provision.ErrConflict):
		return "", false, errors.Join(login.ErrConflict, err)
	case errors.Is(err, provision.ErrSeatLimit):
		return "", false, errors.Join(login.ErrSeatLimit, err)
	}
	return result.UserID, result.Created, err
}

// nameMost is the longest of Mattermost's two names, in characters.
const nameMost = 64

// namesOf cuts a display name at its first space, and what one field cannot hold.
func namesOf(name string) (first, last string) {
	first, last, _ = strings.Cut(strings.TrimSpace(name), " ")
	return atMost(first, nameMost), atMost(strings.TrimSpace(last), nameMost)
}

func atMost(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return strings.TrimSpace(string(runes[:most]))
	}
	return s
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

func (m memory) IsLinked(ctx context.Context, issuer, subject string) (bool, error) {
	_, err := m.FindLink(ctx, issuer, subject)
	if errors.Is(err, login.ErrUnknown) {
		return false, nil
	}
	return err == nil, err
}

// acceptSignatures lets the ERP's back end sign its calls where it has keys for
// that.
func acceptSignatures(o *httpapi.Options, once login.Once) error {
	if len(o.SigningKeys) == 0 {
		return nil
	}
	keys := map[string][][]byte{}
	for _, k := range o.SigningKeys {
		keys[k.ID] = append(keys[k.ID], []byte(k.Secret))
	}
	verifier, err := signature.New(signature.Options{
		Keys: func(id string) [][]byte { return keys[id] }, PublicURL: o.ChatOrigin,
		Nonces: func(ctx context.Context, use signature.Use) error {
			err := once.Spend(ctx, login.Spending{Key: "signature\x00" + use.Key, IssuedAt: use.Created, Until: use.Until})
			if errors.Is(err, login.ErrSpent) {
				return fmt.Errorf("%w: its nonce was used before", signature.ErrRefused)
			}
			return err
		},
	})
	o.Signatures = verifier
	return err
}
