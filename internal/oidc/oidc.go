// Package oidc signs people in with an identity provider, as a relying party of
// OpenID Connect Core 1.0: authorization code with PKCE, nonce and state, as RFC
// 9700 asks for, and Back-Channel Logout 1.0. What it hands on is a login.Proof.
//
// It serves no HTTP and makes no session. Providers are strangers: what they
// send is bounded in size and time, redirects are not followed, and their words
// are in no error.
package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"matterpass/internal/login"
)

// What can go wrong. Each wraps a cause for the log that holds nothing secret
// and no text of a stranger's.
var (
	// ErrFlow: this browser did not begin this sign-in, or too long ago.
	ErrFlow = errors.New("there is no such sign-in in this browser")
	// ErrDenied: the identity provider said no, or the person did.
	ErrDenied = errors.New("the identity provider refused")
	// ErrInvalid: what the identity provider sent proves nothing.
	ErrInvalid = errors.New("the identity provider's answer is not valid")
	// ErrNoAddress: the identity provider does not say the person's e-mail address,
	// or none that could be an account's.
	ErrNoAddress = errors.New("the identity provider names no usable address")
	// ErrUnavailable: the identity provider does not answer. It is a
	// login.ErrKeysUnavailable.
	ErrUnavailable = fmt.Errorf("the identity provider does not answer: %w", login.ErrKeysUnavailable)
	// ErrUnknownProvider: no provider of this id is configured.
	ErrUnknownProvider = errors.New("no such identity provider")
)

// Client is what an identity provider knows Matterpass as.
type Client struct {
	Issuer string // exactly as the provider's discovery document spells it
	ID     string
	Secret string // empty for a public client, which PKCE protects alone
}

// Options wires a RelyingParty. Zero values get the stated default.
type Options struct {
	Clients     []Client // the first is the default
	RedirectURL string   // PUBLIC_URL/auth/oidc/callback
	Scopes      []string // openid, profile, email
	// SealKeys are AES keys of 16 or 32 bytes for the cookies of sign-ins under
	// way: the first seals, every one opens.
	SealKeys  [][]byte
	Transport http.RoundTripper // http.DefaultTransport
	Timeout   time.Duration     // of one call to a provider; 5 s
	Leeway    time.Duration     // between the clocks; 1 minute
	Now       func() time.Time
	// Troubled is told, at most once a try, that a provider cannot be discovered.
	Troubled func(ctx context.Context, issuer string, err error)
}

// RelyingParty is a client of one or more identity providers. It is safe for
// concurrent use.
type RelyingParty struct {
	Options
	providers []*provider
	sealer    *sealer
}

// New returns a RelyingParty, or every reason why there can be none. It asks no
// provider anything yet.
func New(o Options) (*RelyingParty, error) {
	o = o.withDefaults()
	sealer, err := newSealer(o.SealKeys)
	problems := []error{err, checkRedirectURL(o.RedirectURL)}
	rp := &RelyingParty{Options: o, sealer: sealer}
	fetch := newFetcher(o.Transport, o.Timeout)
	for _, client := range o.Clients {
		problems = append(problems, client.check())
		rp.providers = append(rp.providers, newProvider(client, fetch, o))
	}
	if len(o.Clients) == 0 {
		problems = append(problems, errors.New("there is no identity provider"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return rp, nil
}

func (o Options) withDefaults() Options {
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "profile", "email"}
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Leeway == 0 {
		o.Leeway = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Troubled == nil {
		o.Troubled = func(context.Context, string, error) {}
	}
	return o
}

func (c Client) check() error {
	issuer, err := url.Parse(c.Issuer)
	switch {
	case err != nil || !isSafeURL(issuer) || issuer.RawQuery != "" || issuer.ForceQuery:
		return fmt.Errorf("issuer %q is no https address, or has a query or a fragment", c.Issuer)
	case c.ID == "":
		return fmt.Errorf("issuer %q has no client id", c.Issuer)
	}
	return nil
}

// checkRedirectURL lets browsers come back over plain HTTP on their own machine,
// which for them is every name below localhost (RFC 6761, section 6.3).
func checkRedirectURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || !isSafeURL(u) && (u.Scheme != "http" || !strings.HasSuffix(u.Hostname(), ".localhost")) {
		return fmt.Errorf("redirect address %q is not https", address)
	}
	return nil
}

// Provider is what a browser may know of an identity provider.
type Provider struct {
	ID   string `json:"id"`   // for StartOptions.Provider
	Name string `json:"name"` // its host, for people
}

// Providers lists the identity providers, the default one first.
func (rp *RelyingParty) Providers() []Provider {
	all := make([]Provider, 0, len(rp.providers))
	for _, p := range rp.providers {
		all = append(all, Provider{p.id, p.name()})
	}
	return all
}

// find answers the provider of an id, the default one for none.
func (rp *RelyingParty) find(id string) (*provider, error) {
	for _, p := range rp.providers {
		if id == "" || p.id == id {
			return p, nil
		}
	}
	return nil, ErrUnknownProvider
}

// publicID names a client in addresses: it stays when the list grows, and says
// nothing of the tenant that an issuer's address may hold.
func publicID(c Client) string {
	sum := sha256.Sum256([]byte(c.Issuer + "\x00" + c.ID))
	return hex.EncodeToString(sum[:6])
}
