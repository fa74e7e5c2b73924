package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"matterpass/internal/config"
	"matterpass/internal/cookie"
	"matterpass/internal/doctor"
	"matterpass/internal/gateway"
	"matterpass/internal/httpapi"
	"matterpass/internal/limit"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/middleware"
	"matterpass/internal/provision"
	"matterpass/web"
)

// app is the program, wired and not yet listening.
type app struct {
	handler  http.Handler
	admin    http.Handler
	board    *doctor.Board
	gateway  *gateway.Gateway // nil with GATEWAY=off
	client   *mattermost.Client
	seen     gateway.Seen // the sessions that Mattermost vouched for
	settings *settings
}

// limiters by the name under which metrics show them.
type limiters struct{ login, client, provision *limit.Limiter }

func newApp(cfg config.Config, t *telemetry, keys []login.DeviceKey) *app {
	client := mattermost.New(mattermost.Options{
		BaseURL: string(cfg.Mattermost.BaseURL), AdminToken: cfg.AdminTokens.Token, Timeout: cfg.Mattermost.Timeout,
		HTTPS: cfg.Addresses.PublicURL.HTTPS(), Observe: t.metrics.Upstream,
	})
	hasAdmin := cfg.AdminTokens.Token() != ""
	a := &app{client: client, seen: gateway.NewMemory(0), settings: newSettings(client, hasAdmin)}
	l := limiters{newLimiter(cfg.Limits.Login), newLimiter(cfg.Limits.Client), newLimiter(cfg.Limits.Provision)}
	hasher := limit.NewHasher(derive(keys[0].Secret, "limiter keys"))
	devices := login.NewDevices(deviceKeys(keys)...)
	clients := clientLimiter{l.client, hasher, devices, t.refused("client")}
	service := newLogin(cfg, a, t, l, hasher, devices)
	t.watch(client, service, map[string]*limit.Limiter{"login": l.login, "client": l.client, "provision": l.provision})

	a.board = doctor.NewBoard(doctor.Options{Checks: checks(cfg, client, hasAdmin)})
	options := apiOptions(cfg, service, a.board)
	options.ClientLimiter = clients
	options.ProvisionLimit = keyLimiter(l.provision, hasher, t.refused("provision"))
	if hasAdmin {
		options.Provision = newProvision(cfg, client, t)
	}
	if cfg.Addresses.Gateway {
		a.gateway = newGateway(cfg, a, service, clients, t)
		options.Next = a.gateway
	}
	api := httpapi.New(options)
	if a.gateway != nil {
		a.gateway.Fail, a.gateway.RateLimit = api.Fail, httpapi.SetAccountLimit
	}
	a.handler = stack(cfg, api, options.Cookies, t)
	a.admin = operators(cfg, api, t)
	return a
}

func newLimiter(r config.Rate) *limit.Limiter {
	return limit.New(limit.Options{Tokens: r.Tokens, Per: r.Per})
}

func newLogin(cfg config.Config, a *app, t *telemetry, l limiters, hasher limit.Hasher, devices *login.Devices) *login.Service {
	o := login.Options{
		Passwords: witness{a.client, a.seen}, Sessions: sessions{a.client, a.endTunnels, a.doubtTunnels},
		Limiter:     accountLimiter{l.login, hasher, t.refused("login")},
		Failures:    failures{limit.NewFailures(0), hasher},
		Devices:     devices,
		Concurrency: cfg.Mattermost.LoginConcurrency, Queue: cfg.Mattermost.LoginQueue, Patience: cfg.Mattermost.Timeout,
		MaxAttempts: a.settings.MaxAttempts, Decided: t.signIn,
	}
	if a.settings.admin {
		o.Accounts, o.Unlocker = a.client, a.client
	}
	return login.New(o)
}

func newProvision(cfg config.Config, client *mattermost.Client, t *telemetry) *provision.Service {
	return provision.New(provision.Options{
		Directory: client, Teams: defaultTeams(cfg), Decided: t.provisioned,
		Password: provision.Policy{MinLength: cfg.Limits.PasswordMinLength, Strict: cfg.Production()},
	})
}

func defaultTeams(cfg config.Config) []provision.Team {
	if cfg.Mattermost.TeamSlug == "" {
		return nil
	}
	return []provision.Team{{Name: string(cfg.Mattermost.TeamSlug), Channels: cfg.Mattermost.DefaultChannels}}
}

// checks is what readiness rests on.
func checks(cfg config.Config, client *mattermost.Client, admin bool) []doctor.Check {
	list := []doctor.Check{{Name: "mattermost", Vital: true, Run: client.Ping}}
	if !admin {
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
		SameSite: cookie.Mode(cfg.Cookies.SameSite), Domain: string(cfg.Cookies.Domain),
	}
	return httpapi.Options{
		Login: service, Board: board, Widget: web.Widget(), Doctor: web.Doctor(), Shell: web.Shell(),
		Cookies:     func(r *http.Request) cookie.Policy { return cookies.Policy(middleware.Secure(r)) },
		Development: !cfg.Production(), StrictTransport: cfg.Production(),
		Team: string(cfg.Mattermost.TeamSlug), ChatURL: chatURL(cfg),
		AllowedOrigins: cfg.Addresses.AllowedOrigins.Strings(), InsecureOrigins: true, ChatOrigin: string(cfg.Addresses.PublicURL),
		Keys: apiKeys(cfg), AdminNetworks: []netip.Prefix(cfg.Addresses.AdminCIDRs),
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

func apiKeys(cfg config.Config) []httpapi.Key {
	var keys []httpapi.Key
	for _, k := range cfg.Keys.APIKeys {
		key := httpapi.Key{ID: k.ID, Secret: k.Secret.Reveal()}
		for _, scope := range k.Scopes {
			key.Scopes = append(key.Scopes, string(scope))
		}
		keys = append(keys, key)
	}
	return keys
}

func newGateway(cfg config.Config, a *app, service *login.Service, clients clientLimiter, t *telemetry) *gateway.Gateway {
	return gateway.New(gateway.Options{
		Upstream: cfg.Mattermost.BaseURL.URL(), Public: cfg.Addresses.PublicURL.URL(), AllowedOrigins: cfg.Addresses.AllowedOrigins.Strings(),
		Allow: cfg.Addresses.GatewayAllow, SiteURL: a.settings.SiteURL, Login: service, HTTPS: middleware.Secure, Seen: a.seen, Away: a.client.DatabaseAway,
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

// isAlive asks Mattermost whether it knows a session.
func (a *app) isAlive(ctx context.Context, token string) (bool, error) {
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
	return middleware.RequestIDs(nil)(middleware.ClientAddrs(middleware.ClientAddrOptions{})(recovered))
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
