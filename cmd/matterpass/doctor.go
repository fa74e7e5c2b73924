package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"matterpass/internal/config"
	"matterpass/internal/doctor"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/provision"
	"matterpass/internal/shared"
	"matterpass/internal/store"
)

// doctorCmd looks at everything that chat in a page rests on, before people do.
type doctorCmd struct {
	Fix  bool `help:"Set what Mattermost should be set to, and look again."`
	JSON bool `help:"Print the findings as JSON."`
}

func (cmd doctorCmd) Run(ctx context.Context, c console) error {
	cfg, err := config.Load(config.Source{})
	if err != nil {
		return err
	}
	v := newVisit(cfg, c.err)
	defer v.close()
	findings := v.examine(ctx)
	var fixed []doctor.Finding
	if fixes := doctor.Fixes(findings); cmd.Fix && len(fixes) > 0 {
		if err := v.client.ChangeConfig(ctx, doctor.Patch(fixes)); err != nil {
			return fmt.Errorf("nothing was changed: %w", err)
		}
		findings = v.examine(ctx)
		fixed = outlived(fixes, findings)
	}
	show := showFindings
	if cmd.JSON {
		show = printFindings
	}
	if err := show(c.out, findings, fixed); err != nil {
		return err
	}
	if n := doctor.Count(findings, doctor.Failed); n > 0 {
		return fmt.Errorf("%s failed", count(n, "check"))
	}
	return nil
}

// outlived are the fixes that took: what Mattermost is told by its environment it
// does not change, and does not say so.
func outlived(fixes, after []doctor.Finding) []doctor.Finding {
	left := doctor.Fixes(after)
	return slices.DeleteFunc(fixes, func(f doctor.Finding) bool {
		return slices.ContainsFunc(left, func(l doctor.Finding) bool { return l.Setting == f.Setting })
	})
}

// visit is one look at an installation.
type visit struct {
	cfg       config.Config
	keys      []login.DeviceKey
	telemetry *telemetry
	client    *mattermost.Client
}

func newVisit(cfg config.Config, logTo io.Writer) *visit {
	keys := secretKeys(cfg)
	t := newTelemetry(cfg, logTo, keys[0].Secret)
	return &visit{cfg, keys, t, newClient(cfg, t)}
}

func (v *visit) close() {
	v.client.Close()
	v.telemetry.close()
}

// examine makes every finding, in the order in which one builds on another.
func (v *visit) examine(ctx context.Context) []doctor.Finding {
	parts := []func(context.Context) []doctor.Finding{
		v.configuration, v.database, v.redis, v.mattermost, v.keySet, v.providers, v.front().Examine,
	}
	found := make([][]doctor.Finding, len(parts))
	var group sync.WaitGroup
	for i, part := range parts {
		group.Go(func() { found[i] = part(ctx) })
	}
	group.Wait()
	return withoutEchoes(slices.Concat(found...))
}

// withoutEchoes takes the advice from what fails only because Mattermost does not answer.
func withoutEchoes(findings []doctor.Finding) []doctor.Finding {
	isAway := func(f doctor.Finding) bool { return f.Check == "mattermost" && f.Verdict == doctor.Failed }
	if !slices.ContainsFunc(findings, isAway) {
		return findings
	}
	for i, f := range findings {
		if f.Verdict == doctor.Failed && (f.Check == "framing" || f.Check == "websocket") {
			findings[i] = doctor.Found(f.Check, doctor.Unknown, "nobody can tell while Mattermost does not answer")
		}
	}
	return findings
}

func (v *visit) configuration(context.Context) []doctor.Finding {
	if len(v.cfg.Warnings) == 0 {
		return []doctor.Finding{doctor.Found("configuration", doctor.Fine, "the configuration is sound: matterpass config shows it")}
	}
	var findings []doctor.Finding
	for _, warning := range v.cfg.Warnings {
		findings = append(findings, doctor.Found("configuration", doctor.Warning, warning))
	}
	return findings
}

func (v *visit) database(ctx context.Context) []doctor.Finding {
	const check = "database"
	one := func(verdict doctor.Verdict, says string) []doctor.Finding {
		f := doctor.Found(check, verdict, says)
		if verdict != doctor.Fine {
			f = f.Change("DATABASE_URL")
		}
		return []doctor.Finding{f}
	}
	address, err := databaseOf(v.cfg)
	if err != nil {
		return one(doctor.Failed, err.Error())
	}
	schema, err := store.Status(ctx, store.Options{Address: address})
	switch {
	case errors.Is(err, store.ErrNoFile), !v.cfg.State.Database.IsSet() && isMissing(filepath.Dir(databaseFile(address))):
		return one(doctor.Fine, "there is no database yet; the first start makes it")
	case err != nil:
		return one(doctor.Failed, err.Error())
	case schema.Current > schema.Known:
		return one(doctor.Failed, store.ErrNewerSchema.Error())
	case schema.Current < schema.Known:
		return one(doctor.Fine, "the database answers; the next start brings it up to date")
	}
	return one(doctor.Fine, "the database answers and is up to date")
}

func isMissing(folder string) bool {
	_, err := os.Stat(folder)
	return errors.Is(err, fs.ErrNotExist)
}

func (v *visit) redis(context.Context) []doctor.Finding {
	if !v.cfg.State.Redis.IsSet() {
		return nil
	}
	const check = "redis"
	redis, err := openRedis(v.cfg, v.telemetry, v.keys)
	if err != nil {
		return []doctor.Finding{doctor.Found(check, doctor.Failed, err.Error()).Change("REDIS_URL")}
	}
	defer redis.Close()
	switch warning, err := redis.Warning(); {
	case errors.Is(err, shared.ErrAway):
		return []doctor.Finding{doctor.Found(check, doctor.Warning, "Redis does not answer: each instance counts its limits by itself").Change("REDIS_URL")}
	case err != nil:
		return []doctor.Finding{doctor.Found(check, doctor.Warning, err.Error()).Change("REDIS_URL")}
	case warning != "":
		return []doctor.Finding{doctor.Found(check, doctor.Warning, warning).Change("maxmemory-policy, in Redis")}
	}
	return []doctor.Finding{doctor.Found(check, doctor.Fine, "Redis answers")}
}

// mattermost goes from what everything rests on to details, and stops where the
// next step would only fail for the same reason.
func (v *visit) mattermost(ctx context.Context) []doctor.Finding {
	if err := v.client.Ping(ctx); err != nil {
		return []doctor.Finding{doctor.Found("mattermost", doctor.Failed, err.Error()).Change("MM_BASE_URL")}
	}
	version, err := v.client.Version(ctx)
	findings := []doctor.Finding{doctor.Holds("mattermost", "Mattermost "+version+" answers, and so does its database", err)}
	if v.cfg.AdminTokens.Token() == "" {
		return append(findings, doctor.Found("admin_token", doctor.Warning,
			"without an admin token people sign in by password alone, and nobody can tell how Mattermost is set").Change("MM_ADMIN_TOKEN"))
	}
	if err := v.client.CheckAdmin(ctx); err != nil {
		return append(findings, doctor.Found("admin_token", doctor.Failed, err.Error()).Change("MM_ADMIN_TOKEN"))
	}
	findings = append(findings, doctor.Found("admin_token", doctor.Fine, "Mattermost takes the admin token"))
	findings = append(findings, v.plugin(ctx)...)
	live, err := mattermost.Config[doctor.Live](ctx, v.client)
	if err != nil {
		return append(findings, doctor.Found("settings", doctor.Unknown, "Mattermost's settings cannot be read: "+err.Error()).Change("MM_ADMIN_TOKEN"))
	}
	findings = append(findings, v.places(ctx, live)...)
	return append(findings, doctor.Settings(v.wanted(), live)...)
}

// wanted is what the configuration makes of Mattermost.
func (v *visit) wanted() doctor.Wanted {
	return doctor.Wanted{
		Chat: string(v.cfg.Mattermost.ChatURL), Gateway: bool(v.cfg.Addresses.Gateway), Origins: v.cfg.Addresses.AllowedOrigins.Strings(),
		Tries: v.cfg.Limits.Login.Tokens, MaxAge: time.Duration(v.cfg.Sessions.MaxAge), OwnPaths: config.OwnSegments(),
	}
}

// places are where people come to: the server, the team and its channels.
func (v *visit) places(ctx context.Context, live doctor.Live) []doctor.Finding {
	seats := func(check, setting string, taken, most int, err error) doctor.Finding {
		if err != nil {
			return doctor.Found(check, doctor.Unknown, err.Error())
		}
		return doctor.Seats(check, setting, taken, most)
	}
	taken, most, err := v.client.Seats(ctx)
	findings := []doctor.Finding{seats("server_seats", "Mattermost's licence, or deactivate accounts", taken, most, err)}
	if names, err := v.client.TeamNames(ctx); err == nil {
		findings = append(findings, doctor.Hidden(v.wanted(), names))
	}
	slug := string(v.cfg.Mattermost.TeamSlug)
	if slug == "" {
		return append(findings, doctor.Found("team", doctor.Warning, "people arrive wherever they were last, and newcomers nowhere").Change("MM_TEAM_SLUG"))
	}
	team, err := v.client.TeamID(ctx, slug)
	if err != nil {
		return append(findings, doctor.Found("team", doctor.Failed, missing("team", slug, err)).Change("MM_TEAM_SLUG"))
	}
	taken, err = v.client.TeamSize(ctx, team)
	return append(findings,
		doctor.Found("team", doctor.Fine, "there is a team "+slug),
		v.channels(ctx, team),
		seats("team_seats", "TeamSettings.MaxUsersPerTeam, in Mattermost", taken, live.TeamSettings.MaxUsersPerTeam, err),
	)
}

func (v *visit) channels(ctx context.Context, team string) doctor.Finding {
	for _, name := range v.cfg.Mattermost.DefaultChannels {
		if _, err := v.client.ChannelID(ctx, team, name); err != nil {
			return doctor.Found("channels", doctor.Failed, missing("channel", name, err)).Change("MM_DEFAULT_CHANNELS")
		}
	}
	return doctor.Found("channels", doctor.Fine, "newcomers find their channels")
}

func missing(what, name string, err error) string {
	if errors.Is(err, provision.ErrUnknown) {
		return fmt.Sprintf("there is no %s %s", what, name)
	}
	return fmt.Sprintf("%s %s: %v", what, name, err)
}

// plugin asks the companion plugin, where it is to make sessions.
func (v *visit) plugin(ctx context.Context) []doctor.Finding {
	switch m := v.cfg.Minting; {
	case len(m.PluginSecrets.KeyRing) > 0:
	case len(m.Secrets.KeyRing) == 0 && v.cfg.ByProof():
		return []doctor.Finding{doctor.Found("sessions", doctor.Warning, "the ERP's back end may make launch tickets, and nothing makes sessions for them").
			Change("PLUGIN_SECRET, or MINT_SECRET, or keys with the scope provision alone")}
	default:
		return nil
	}
	const check = "companion_plugin"
	plugin, err := newPlugin(v.cfg, v.client)
	if err == nil {
		err = plugin.Ping(ctx)
	}
	if err != nil {
		return []doctor.Finding{doctor.Found(check, doctor.Failed, err.Error()).Change("PLUGIN_SECRET, and the plugin in Mattermost")}
	}
	return []doctor.Finding{doctor.Found(check, doctor.Fine, "the companion plugin answers and shares our secret")}
}

func (v *visit) keySet(ctx context.Context) []doctor.Finding {
	keys, err := newKeySet(v.cfg, v.telemetry)
	if keys == nil && err == nil {
		return nil
	}
	if err == nil {
		err = keys.Ready(ctx)
	}
	return []doctor.Finding{failing(doctor.Holds("erp_keys", "the ERP's public keys can be read", err), "JWT_JWKS_URL")}
}

func (v *visit) providers(ctx context.Context) []doctor.Finding {
	if len(v.cfg.OIDC.Issuers) == 0 {
		return nil
	}
	providers, err := newRelyingParty(v.cfg, v.keys, v.telemetry)
	if err == nil {
		err = providers.Check(ctx)
	}
	return []doctor.Finding{failing(doctor.Holds("identity_providers", "the identity providers answer", err), "OIDC_ISSUER")}
}

// failing names the setting that would help, unless nothing is wrong.
func failing(f doctor.Finding, setting string) doctor.Finding {
	if f.Verdict == doctor.Fine {
		return f
	}
	return f.Change(setting)
}

func (v *visit) front() doctor.Front {
	return doctor.Front{
		Public: string(v.cfg.Addresses.PublicURL), Chat: string(v.cfg.Mattermost.ChatURL), Gateway: bool(v.cfg.Addresses.Gateway),
		Origins:     v.cfg.Addresses.AllowedOrigins.Strings(),
		Partitioned: string(v.cfg.Cookies.Partitioned), SameSite: string(v.cfg.Cookies.SameSite),
	}
}
