package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"matterpass/internal/assertion"
)

// How often a provider is asked who it is.
const (
	rediscover = 12 * time.Hour   // its document may change
	retryFirst = time.Second      // doubled with every failure
	retryLast  = 2 * time.Minute  // but no longer
	impatience = 10 * time.Second // between tries that sign-ins cause

	keysCooldown = 30 * time.Second // between two questions for keys, whatever tokens say
)

// metadata is what is used of a discovery document, OpenID Connect Discovery 1.0
// section 3 and RFC 9207 section 3.
type metadata struct {
	Issuer      string   `json:"issuer"`
	AuthURL     string   `json:"authorization_endpoint"`
	TokenURL    string   `json:"token_endpoint"`
	UserInfoURL string   `json:"userinfo_endpoint"`
	KeysURL     string   `json:"jwks_uri"`
	Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	NamesItself bool     `json:"authorization_response_iss_parameter_supported"`

	keys *assertion.KeySet // at KeysURL
}

// algorithms are those that only the holder of a private key can use. An HMAC
// with the client's secret is not among them, and none least of all.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// provider is one identity provider, discovered or not yet.
type provider struct {
	Client
	id     string
	fetch  fetcher
	o      Options
	known  atomic.Pointer[metadata]
	tried  atomic.Int64 // Unix nanoseconds
	why    atomic.Pointer[error]
	flight singleflight.Group
}

func newProvider(c Client, fetch fetcher, o Options) *provider {
	return &provider{Client: c, id: publicID(c), fetch: fetch, o: o}
}

func (p *provider) name() string {
	u, _ := url.Parse(p.Issuer) // checked by New
	return u.Hostname()
}

// metadata answers the last good document. Where there is none it asks, at most
// once in a while, however many people wait.
func (p *provider) metadata(ctx context.Context) (*metadata, error) {
	if m := p.known.Load(); m != nil {
		return m, nil
	}
	if p.o.Now().Sub(time.Unix(0, p.tried.Load())) < impatience {
		return nil, p.unavailable()
	}
	return p.discover(ctx)
}

func (p *provider) unavailable() error {
	if why := p.why.Load(); why != nil {
		return fmt.Errorf("%w: discovery: %w", ErrUnavailable, *why)
	}
	return fmt.Errorf("%w: not discovered yet", ErrUnavailable)
}

// discover asks the provider. One who leaves does not take the answer away from
// the others.
func (p *provider) discover(ctx context.Context) (*metadata, error) {
	ask := p.flight.DoChan("", func() (any, error) {
		p.tried.Store(p.o.Now().UnixNano())
		m, err := p.ask(context.WithoutCancel(ctx))
		if err != nil {
			p.why.Store(&err)
			p.o.Troubled(ctx, p.Issuer, err)
			return nil, p.unavailable()
		}
		p.known.Store(m)
		p.why.Store(nil)
		return m, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-ask:
		m, _ := got.Val.(*metadata)
		return m, got.Err
	}
}

func (p *provider) ask(ctx context.Context) (*metadata, error) {
	body, err := p.fetch.get(ctx, strings.TrimSuffix(p.Issuer, "/")+"/.well-known/openid-configuration", "")
	if err != nil {
		return nil, err
	}
	var m metadata
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, errors.New("the document is not JSON of the right form")
	}
	if err := m.check(p.Issuer); err != nil {
		return nil, err
	}
	m.keys, err = p.keysAt(m.KeysURL)
	return &m, err
}

// keysAt goes on with the keys that are known, where the address is the same.
func (p *provider) keysAt(address string) (*assertion.KeySet, error) {
	if known := p.known.Load(); known != nil && known.KeysURL == address {
		return known.keys, nil
	}
	return assertion.NewKeySet(assertion.KeySetOptions{
		URL: address, Client: p.fetch.client, Cooldown: keysCooldown, Timeout: p.o.Timeout, Now: p.o.Now,
	})
}

// check compares the issuer byte by byte, OpenID Connect Discovery 1.0 section
// 4.3: a document that speaks for another would let one provider answer for all.
func (m *metadata) check(issuer string) error {
	if m.Issuer != issuer {
		return errors.New("the document is another issuer's")
	}
	own, _ := url.Parse(issuer) // checked by New
	for name, address := range map[string]string{
		"authorization_endpoint": m.AuthURL, "token_endpoint": m.TokenURL, "jwks_uri": m.KeysURL, "userinfo_endpoint": m.UserInfoURL,
	} {
		if address == "" && name == "userinfo_endpoint" {
			continue
		}
		if !isEndpoint(address, own) {
			return fmt.Errorf("%s is not an address that can be trusted", name)
		}
	}
	if m.Algorithms == nil {
		m.Algorithms = []string{"RS256"} // the one that everybody must support
	}
	m.Algorithms = slices.DeleteFunc(m.Algorithms, func(alg string) bool { return !slices.Contains(algorithms(), alg) })
	if len(m.Algorithms) == 0 {
		return errors.New("it signs with no algorithm that proves anything")
	}
	return nil
}

// isEndpoint lets a document name another host, as Google's does, but no bare
// address of another machine and, from https, nothing on this one: a name has to
// prove itself by its certificate, 169.254.169.254 does not.
func isEndpoint(address string, issuer *url.URL) bool {
	u, err := url.Parse(address)
	if err != nil || !isSafeURL(u) {
		return false
	}
	if u.Hostname() == issuer.Hostname() {
		return u.Scheme == issuer.Scheme || u.Scheme == "https"
	}
	return net.ParseIP(u.Hostname()) == nil && !isLoopback(u.Hostname())
}

// authStyle is how the client shows its secret: HTTP Basic unless the provider
// wants it otherwise. A guess would cost a try of the code.
func (m *metadata) authStyle() oauth2.AuthStyle {
	if m.AuthMethods != nil && !slices.Contains(m.AuthMethods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// Run keeps what is known of the providers up to date until ctx ends. Without
// it, the first sign-in waits for its provider to be discovered.
func (rp *RelyingParty) Run(ctx context.Context) error {
	done := make(chan struct{})
	for _, p := range rp.providers {
		go func() {
			defer func() { done <- struct{}{} }()
			p.run(ctx)
		}()
	}
	for range rp.providers {
		<-done
	}
	return ctx.Err()
}

func (p *provider) run(ctx context.Context) {
	for retry := retryFirst; ctx.Err() == nil; {
		wait := rediscover
		if _, err := p.discover(ctx); err != nil {
			wait, retry = retry, min(2*retry, retryLast)
		} else {
			retry = retryFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// Check says which provider cannot be used at the moment, and why.
func (rp *RelyingParty) Check(context.Context) error {
	var found []error
	for _, p := range rp.providers {
		if p.known.Load() == nil {
			found = append(found, fmt.Errorf("%s: %w", p.Issuer, p.unavailable()))
		}
	}
	return errors.Join(found...)
}
