package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"matterpass/internal/assertion"
	"matterpass/internal/companion"
	"matterpass/internal/config"
	"matterpass/internal/cookie"
	"matterpass/internal/doctor"
	"matterpass/internal/gateway"
	"matterpass/internal/httpapi"
	"matterpass/internal/limit"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/middleware"
	"matterpass/internal/oidc"
	"matterpass/internal/provision"
	"matterpass/internal/shared"
	"matterpass/web"
)

// app is the program, wired and not yet listening.
type app struct {
	handler   http.Handler
	admin     http.Handler
	board     *doctor.Board
	gateway   *gateway.Gateway // nil with GATEWAY=off
	client    *mattermost.Client
	state     state
	providers *oidc.RelyingParty // nil without identity providers
	login     *login.Service
	seen      gateway.Seen // the sessions that Mattermost vouched for
	settings  *settings
}

// limiters decide for each kind of key; local is what this process holds of them,
// by the name under which metrics show it.
type limiters struct {
	login, client, identity, provision buckets
	local                              map[string]*limit.Limiter
}

// parts is what everything is made of.
type parts struct {
	cfg       config.Config
	telemetry *telemetry
	state     state
	client    *mattermost.Client
	limiters  limiters
	hasher    limit.Hasher
	devices   *login.Devices
	keySet    *assertion.KeySet  // nil where the ERP publishes no keys
	provision *provision.Service // nil without an admin token
}

func newApp(cfg config.Config, t *telemetry, keys []login.DeviceKey, st state) (*app, error) {
	client := newClient(cfg, t)
	p := parts{
		cfg: cfg, telemetry: t, state: st, client: client, limiters: newLimiters(cfg.Limits, st.redis),
		hasher:  limit.NewHasher(derive(keys[0].Secret, "limiter keys")),
		devices: login.NewDevices(deviceKeys(keys)...),
	}
	var err error
	if p.keySet, err = newKeySet(cfg, t); err != nil {
		return nil, err
	}
	hasAdmin := cfg.AdminTokens.Token() != ""
	if hasAdmin {
		p.provision = newProvision(p)
	}
	a := &app{client: client, state: st, seen: gateway.NewMemory(0), settings: newSettings(client, hasAdmin)}
	if a.login, err = newLogin(p, a); err != nil {
		return nil, err
	}
	if a.providers, err = newRelyingParty(cfg, keys, t); err != nil {
		return nil, err
	}
	t.watch(client, a.login, p.limiters.local)
	a.board = doctor.NewBoard(doctor.Options{Checks: checks(p, a), Changed: t.checked})
	return a, a.serve(p)
}

func newClient(cfg config.Config, t *telemetry) *mattermost.Client {
	return mattermost.New(mattermost.Options{
		BaseURL: string(cfg.Mattermost.BaseURL), AdminToken: cfg.AdminTokens.Token, Timeout: cfg.Mattermost.Timeout,
		HTTPS: cfg.Addresses.PublicURL.HTTPS(), Observe: t.metrics.Upstream,
	})
}

// serve makes the handlers.
func (a *app) serve(p parts) error {
	clients := clientLimiter{p.limiters.client, p.hasher, p.devices, p.telemetry.refused("client")}
	options := apiOptions(p.cfg, a.login, a.board)
	options.ClientLimiter, options.Provision = clients, p.provision
	options.ProvisionLimit = keyLimiter(p.limiters.provision, p.hasher, p.telemetry.refused("provision"))
	if err := acceptSignatures(&options, p.state.once()); err != nil {
		return err
	}
	if a.login.Minter != nil {
		tickets, err := newTickets(p.cfg, p.state.tickets())
		if err != nil {
			return err
		}
		options.Tickets = tickets
	}
	if err := a.signInWithProviders(&options); err != nil {
		return err
	}
	if p.cfg.Addresses.Gateway {
		a.gateway = newGateway(p.cfg, a, clients, p.telemetry)
		options.Next, options.Arrive = a.gateway, a.gateway.Arrive
	}
	api := httpapi.New(options)
	if a.gateway != nil {
		a.gateway.Fail, a.gateway.RateLimit, a.gateway.Own = api.Fail, httpapi.SetAccountLimit, api.Secure
	}
	a.handler = stack(p.cfg, api, options.Cookies, p.telemetry)
	a.admin = operators(p.cfg, api, p.telemetry)
	return nil
}

// newLimiters shares the buckets where there is a Redis for that.
func newLimiters(rates config.Limits, redis *shared.Redis) limiters {
	l := limiters{local: map[string]*limit.Limiter{}}
	made := func(name string, r config.Rate) buckets {
		local := limit.New(limit.Options{Tokens: r.Tokens, Per: r.Per})
		l.local[name] = local
		if redis == nil {
			return local
		}
		return limit.NewShared(local, name, redis)
	}
	l.login, l.client = made("login", rates.Login), made("client", rates.Client)
	l.identity, l.provision = made("identity", rates.Identity), made("provision", rates.Provision)
	return l
}

func newLogin(p parts, a *app) (*login.Service, error) {
	cfg, t := p.cfg, p.telemetry
	o := login.Options{
		Passwords: witness{a.client, a.seen}, Sessions: sessions{a.client, a.endTunnels, a.doubtTunnels},
		Limiter:     accountLimiter{p.limiters.login, p.hasher, t.refused("login")},
		Failures:    newFailures(p.state.store, cfg.State.Database.Reveal(), p.hasher),
		Devices:     p.devices,
		Records:     p.state.store.Records(),
		Concurrency: cfg.Mattermost.LoginConcurrency, Queue: cfg.Mattermost.LoginQueue, Patience: cfg.Mattermost.Timeout,
		MaxAttempts: a.settings.MaxAttempts, Decided: t.signIn, Linked: t.linked,
		MaxAge: time.Duration(cfg.Sessions.MaxAge), Idle: time.Duration(cfg.Sessions.Idle),
	}
	if a.settings.admin {
		o.Accounts, o.Unlocker, o.Revoker = a.client, a.client, revoker{a.client, a.doubtTunnels}
		proofs, err := newProofs(p)
		if err != nil {
			return nil, err
		}
		o.Proofs = proofs
	}
	return login.New(o), nil
}

func newProvision(p parts) *provision.Service { return provision.New(provisionOptions(p)) }

func provisionOptions(p parts) provision.Options {
	return provision.Options{
		Directory: p.client, Memory: memory{p.state.store}, Teams: defaultTeams(p.cfg), Decided: p.telemetry.provisioned,
		Password: provision.Policy{MinLength: p.cfg.Limits.PasswordMinLength, Strict: p.cfg.Production()},
	}
}

func defaultTeams(cfg config.Config) []provision.Team {
	if cfg.Mattermost.TeamSlug == "" {
		return nil
	}
	return []provision.Team{{Name: string(cfg.Mattermost.TeamSlug), Channels: cfg.Mattermost.DefaultChannels}}
}

// checks is what readiness rests on.
func checks(p parts, a *app) []doctor.Check {
	cfg, client := p.cfg, p.client
	list := []doctor.Check{{Name: "mattermost", Vital: true, Run: client.Ping}, {Name: "database", Run: p.state.store.Ping}}
	if p.state.redis != nil {
		list = append(list, doctor.Check{Name: "redis", Run: p.state.redis.Check})
	}
	if p.keySet != nil {
		list = append(list, doctor.Check{Name: "erp_keys", Run: p.keySet.Ready})
	}
	if a.providers != nil {
		list = append(list, doctor.Check{Name: "identity_providers", Run: a.providers.Check})
	}
	if !a.settings.admin {
		return list
	}
	list = append(list, doctor.Check{Name: "admin_token", Run: client.CheckAdmin})
	if cfg.Mattermost.TeamSlug != "" {
		list = append(list, doctor.Check{Name: "team", Run: func(ctx context.Context) error {
			return client.FindTeam(ctx, string(cfg.Mattermost.TeamSlug))
		}})
	}
	return list
}

func apiOptions(cfg config.Config, service *login.Service, board *doctor.Board) httpapi.Options {
	cookies := cookie.Settings{
		Secure: cookie.Mode(cfg.Cookies.Secure), Partitioned: cookie.Mode(cfg.Cookies.Partitioned),
		SameSite: cookie.Mode(cfg.Cookies.SameSite), Domain: string(cfg.Cookies.Domain), MaxAge: time.Duration(cfg.Sessions.MaxAge),
	}
	return httpapi.Options{
		Login: service, Board: board, Widget: web.Widget(), Doctor: web.Doctor(), Shell: web.Shell(), Launch: web.Launch(),
		Cookies:     func(r *http.Request) cookie.Policy { return cookies.Policy(middleware.Secure(r)) },
		Development: !cfg.Production(), StrictTransport: cfg.Production(),
		Team: string(cfg.Mattermost.TeamSlug), ChatURL: chatURL(cfg),
		AllowedOrigins: cfg.Addresses.AllowedOrigins.Strings(), InsecureOrigins: true, ChatOrigin: string(cfg.Addresses.PublicURL),
		Keys: apiKeys(cfg, cfg.Keys.APIKeys), SigningKeys: apiKeys(cfg, cfg.Keys.SigningKeys), AdminNetworks: []netip.Prefix(cfg.Addresses.AdminCIDRs),
	}
}

// chatURL is what the shell's frame loads: the first default channel of the team.
func chatURL(cfg config.Config) string {
	if cfg.Mattermost.TeamSlug == "" {
		return string(cfg.Mattermost.ChatURL) + "/"
	}
	channel := "town-square"
	if len(cfg.Mattermost.DefaultChannels) > 0 {
		channel = cfg.Mattermost.DefaultChannels[0]
	}
	return string(cfg.Mattermost.ChatURL) + "/" + string(cfg.Mattermost.TeamSlug) + "/channels/" + channel
}

func apiKeys(cfg config.Config, configured config.APIKeys) []httpapi.Key {
	var keys []httpapi.Key
	for _, k := range configured {
		key := httpapi.Key{ID: k.ID, Secret: k.Secret.Reveal(), Issuer: keyIssuer(cfg)}
		for _, scope := range k.Scopes {
			key.Scopes = append(key.Scopes, string(scope))
		}
		keys = append(keys, key)
	}
	return keys
}

// keyIssuer is empty where each key speaks of subjects of its own.
func keyIssuer(cfg config.Config) string {
	if cfg.Keys.KeyIssuer == config.IssuerJWT {
		return string(cfg.Assertions.Issuer)
	}
	return ""
}

func newGateway(cfg config.Config, a *app, clients clientLimiter, t *telemetry) *gateway.Gateway {
	return gateway.New(gateway.Options{
		Upstream: cfg.Mattermost.BaseURL.URL(), Public: cfg.Addresses.PublicURL.URL(), AllowedOrigins: cfg.Addresses.AllowedOrigins.Strings(),
		Navigations: a.login, AssertionCookie: string(cfg.Assertions.Cookie),
		Standing: a.login.Standing, Ended: a.login.Ended, SignedOut: a.login.SignedOut, Plugin: companion.PluginID,
		Allow: cfg.Addresses.GatewayAllow, SiteURL: a.settings.SiteURL, OriginRefused: a.settings.doubt, Login: a.login, HTTPS: middleware.Secure, Seen: vouched{a.seen, a.login.Remembers}, Away: a.client.DatabaseAway,
		ClientAddr: func(r *http.Request) netip.Addr { return middleware.ClientAddr(r.Context()) },
		Limit:      func(r *http.Request) login.Decision { return login.Decision(clients.Allow(r)) },
		Note: func(r *http.Request, route, code string) {
			record := middleware.RecordOf(r.Context())
			record.Route, record.Code = route, code
		},
		Tunnels: t.metrics.Tunnel, Alive: a.isAlive,
		TunnelEnded: func(why string, lasted time.Duration) {
			t.log.Debug().Str("code", why).Dur("lasted", lasted).Msg("websocket closed")
		},
	})
}

// isAlive asks whether a session goes on, here and at Mattermost.
func (a *app) isAlive(ctx context.Context, token string, program bool) (bool, error) {
	switch {
	case program && a.login.Ended(ctx, token) != "":
		return false, nil
	case !program && a.login.Standing(ctx, token, false) != "":
		return false, nil
	}
	_, err := a.client.Find(ctx, token, "")
	if errors.Is(err, login.ErrSignedOut) {
		return false, nil
	}
	return err == nil, err
}

// endTunnels ends the WebSockets of a session that was ended.
func (a *app) endTunnels(token string) {
	if a.gateway != nil {
		a.gateway.EndSession(token)
	}
}

// doubtTunnels has the WebSockets of a user's sessions looked at.
func (a *app) doubtTunnels(user string) {
	if a.gateway != nil {
		a.gateway.Recheck(user)
	}
}

// stack is what every request passes, outermost first.
func stack(cfg config.Config, api *httpapi.API, cookies func(*http.Request) cookie.Policy, t *telemetry) http.Handler {
	https := cfg.Addresses.PublicURL.HTTPS()
	h := api.Handler()
	for _, wrap := range []func(http.Handler) http.Handler{
		cookie.Middleware(cookies),
		middleware.Host(middleware.HostOptions{
			Host: cfg.Addresses.PublicURL.URL().Host, HTTPS: https, Except: []string{"/healthz", "/readyz"}, Refuse: api.Misdirected(),
		}),
		middleware.BodyPace(middleware.BodyPaceOptions{}),
		middleware.Recover(middleware.RecoverOptions{Fail: api.Panicked}),
		middleware.ClientAddrs(middleware.ClientAddrOptions{Trusted: cfg.Addresses.TrustedProxies, PublicHTTPS: https}),
		middleware.RequestIDs(cfg.Addresses.TrustedProxies),
		middleware.Records(middleware.RecordOptions{Write: t.request}),
	} {
		h = wrap(h)
	}
	return h
}

// operators is the admin listener's handler.
func operators(cfg config.Config, api *httpapi.API, t *telemetry) http.Handler {
	o := httpapi.AdminOptions{Metrics: t.metrics.Handler()}
	if cfg.Server.Profiles {
		o.Profiles = profiles()
	}
	paced := middleware.BodyPace(middleware.BodyPaceOptions{})(api.Admin(o))
	recovered := middleware.Recover(middleware.RecoverOptions{Fail: api.Panicked})(paced)
	identified := middleware.RequestIDs(nil)(middleware.ClientAddrs(middleware.ClientAddrOptions{})(recovered))
	return middleware.Records(middleware.RecordOptions{Write: t.request})(identified)
}

// profiles are net/http/pprof's handlers; its import puts them on the default
// mux as well, which nobody serves.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	return mux
}
