package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"matterpass/internal/config"
	"matterpass/internal/erp"
	"matterpass/internal/server"
	"matterpass/internal/simulator"
	"matterpass/web"
)

// demoCmd runs everything on one machine, each on an origin of its own: the
// stand-in Mattermost, the stand-in ERP and, between them, the real Matterpass.
type demoCmd struct {
	Addr          string `help:"Listen address of Matterpass." default:"localhost:8080"`
	ErpAddr       string `help:"Listen address of the ERP page." default:"localhost:8090"`
	SimulatorAddr string `help:"Listen address of the stand-in Mattermost." default:"localhost:8065"`
	JSON          bool   `help:"Print one line of JSON when ready."`
}

func (cmd demoCmd) Run(ctx context.Context, c console) error {
	d, err := cmd.start(ctx, c)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.details.print(c, cmd.JSON); err != nil {
		return err
	}
	return d.run(ctx)
}

// demo is the three servers, bound.
type demo struct {
	matterpass *serving
	erp        *server.Server
	simulator  *server.Server
	mattermost *simulator.Server
	details    placeDetails
}

func (cmd demoCmd) start(ctx context.Context, c console) (*demo, error) {
	var places [3]place
	for i, addr := range []string{cmd.SimulatorAddr, cmd.ErpAddr, cmd.Addr} {
		var err error
		if places[i], err = bind(ctx, addr); err != nil {
			return nil, fmt.Errorf("%w (the flags --addr, --erp-addr and --simulator-addr choose other addresses)", err)
		}
	}
	mmAt, erpAt, chatAt := places[0], places[1], places[2]
	mmServer, mm, err := newSimulator(ctx, mmAt, "")
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(config.Source{DotEnv: os.DevNull, Environ: append(overrides(os.Environ()),
		"APP_ENV=development", "ADMIN_ADDR=", "HTTP_ADDR="+chatAt.listener.Addr().String(),
		"PUBLIC_URL="+chatAt.url, "ALLOWED_ORIGINS="+erpAt.url, "MM_BASE_URL=http://"+mmAt.listener.Addr().String(),
		"MM_ADMIN_TOKEN="+mm.AdminToken(), "MM_TEAM_SLUG="+simulator.DemoTeam, "MM_DEFAULT_CHANNELS=town-square",
		"DATABASE_URL="+config.InMemory,
	)})
	if err != nil {
		return nil, err
	}
	matterpass, err := newServing(ctx, cfg, c.err, chatAt.listener)
	if err != nil {
		return nil, err
	}
	erpServer, err := server.Listen(ctx, server.Options{Listener: erpAt.listener, Handler: erp.New(erp.Options{
		ChatURL: chatAt.url, People: people(mm.Password()), Assets: web.ERP(),
	})})
	return &demo{
		matterpass: matterpass, erp: erpServer, simulator: mmServer, mattermost: mm,
		details: placeDetails{
			ERP: erpAt.url, Chat: chatAt.url, Mattermost: mmAt.url,
			Email: simulator.DemoEmail, Password: mm.Password(), AdminToken: mm.AdminToken(),
		},
	}, err
}

// overrides lets an experiment through: cookies of another shape, other limits,
// another log, an API key. Where everything listens is the flags' to say.
func overrides(environ []string) []string {
	var kept []string
	for _, pair := range environ {
		for _, prefix := range []string{"COOKIE_", "RATE_LIMIT_", "LOG_", "API_KEYS=", "DRAIN_DELAY="} {
			if strings.HasPrefix(pair, prefix) {
				kept = append(kept, pair)
			}
		}
	}
	return kept
}

// people are the ERP's users; the first one is signed in there at the start.
func people(password string) []erp.Person {
	return []erp.Person{
		{Name: "Demo", Email: simulator.DemoEmail, Password: password},
		{Name: "Dana", Email: simulator.DanaEmail, Password: password},
	}
}

// run serves all three until a signal; what fails takes the others with it.
func (d *demo) run(ctx context.Context) error {
	stop, now, release := signals(ctx)
	defer release()
	group, stop := errgroup.WithContext(stop)
	for _, s := range []*server.Server{d.matterpass.server, d.erp, d.simulator} {
		group.Go(func() error { return s.Run(stop, now) })
	}
	group.Go(func() error { d.matterpass.beside(stop).Wait(); return nil })
	return group.Wait()
}

func (d *demo) close() {
	d.mattermost.Close()
	d.matterpass.close()
}
