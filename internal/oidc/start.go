package oidc

import (
	"context"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// StartOptions is one sign-in that begins. What comes from a browser the caller
// has checked: it comes back as it is.
type StartOptions struct {
	Provider string // id; empty: the default
	Return   string // path on the chat host; empty: the default
	Mode     string // Popup or Top
	Origin   string // of the page that embeds the chat; empty: none
	Handle   string // by which the opener of a pop-up knows it again
	// Pending are the browser's sign-ins under way, sealed, by their ids.
	Pending map[string]string
}

// Started is a sign-in under way.
type Started struct {
	URL    string   // of the identity provider, for the browser
	ID     string   // of the sign-in; [A-Za-z0-9_-]{10}
	Sealed string   // for a cookie that bears this id and lives for Life
	Drop   []string // ids of cookies that have to go
}

// Life is how long a sign-in may take.
const Life = flowLife

// Start begins a sign-in. It answers ErrUnknownProvider or ErrUnavailable.
func (rp *RelyingParty) Start(ctx context.Context, o StartOptions) (Started, error) {
	p, err := rp.find(o.Provider)
	if err != nil {
		return Started{}, err
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return Started{}, err
	}
	now := rp.Now()
	f := flow{
		Provider: p.id, State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(),
		Return: o.Return, Mode: o.Mode, Origin: o.Origin, Handle: o.Handle, Created: now,
	}
	sealed, err := rp.sealer.seal(f)
	if err != nil {
		return Started{}, err
	}
	return Started{
		URL: rp.config(p, m).AuthCodeURL(f.State, gooidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)),
		ID:  f.id(), Sealed: sealed, Drop: rp.sealer.surplus(o.Pending, now),
	}, nil
}

func (rp *RelyingParty) config(p *provider, m *metadata) *oauth2.Config {
	style := m.authStyle()
	if p.Secret == "" {
		style = oauth2.AuthStyleInParams // a public client only says its id
	}
	return &oauth2.Config{
		ClientID: p.ID, ClientSecret: p.Secret, RedirectURL: rp.RedirectURL, Scopes: rp.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: m.AuthURL, TokenURL: m.TokenURL, AuthStyle: style},
	}
}
