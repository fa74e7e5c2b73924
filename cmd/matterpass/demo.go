package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
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

// Validate judges the flags while they can still be named; what is made of them later
// goes by the names of variables that nobody set.
func (cmd demoCmd) Validate() error {
	return errors.Join(checkAddr("--addr", cmd.Addr), checkAddr("--erp-addr", cmd.ErpAddr), checkAddr("--simulator-addr", cmd.SimulatorAddr))
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
	return stage{simulator: places[0], erp: places[1], chat: places[2]}.open(ctx, c)
}

// stage is where a demo takes place, its listeners bound.
type stage struct {
	simulator, erp, chat place
	environ              []string // beyond the demo's own; what is set here wins
	// certificate lets the ERP speak HTTPS; Matterpass has its own setting.
	certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

func (at stage) open(ctx context.Context, c console) (*demo, error) {
	secret := rand.Text() + rand.Text()
	mmServer, mm, err := newSimulator(ctx, at.simulator, secret)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(config.Source{DotEnv: os.DevNull, Environ: slices.Concat(overrides(os.Environ()), []string{
		"APP_ENV=development", "ADMIN_ADDR=", "HTTP_ADDR=" + at.chat.listener.Addr().String(),
		"PUBLIC_URL=" + at.chat.url, "ALLOWED_ORIGINS=" + at.erp.url, "MM_BASE_URL=http://" + at.simulator.listener.Addr().String(),
		"MM_ADMIN_TOKEN=" + mm.AdminToken(), "MM_TEAM_SLUG=" + simulator.DemoTeam, "MM_DEFAULT_CHANNELS=town-square",
		"DATABASE_URL=" + config.InMemory, "PLUGIN_SECRET=" + secret, "JWT_SECRET=" + secret, "JWT_ISSUER=" + at.erp.url,
	}, at.environ)})
	if err != nil {
		return nil, err
	}
	matterpass, err := newServing(ctx, cfg, c.err, at.chat.listener)
	if err != nil {
		return nil, err
	}
	erpServer, err := server.Listen(ctx, server.Options{
		Listener: at.erp.listener, Certificate: at.certificate,
		Handler: erp.New(erp.Options{
			ChatURL: at.chat.url, Issuer: at.erp.url, Secret: secret, People: people(), Assets: web.ERP(),
		}),
	})
	return &demo{
		matterpass: matterpass, erp: erpServer, simulator: mmServer, mattermost: mm,
		details: placeDetails{
			ERP: at.erp.url, Chat: at.chat.url, Mattermost: at.simulator.url,
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

// people are the ERP's users; the first one is signed in there at the start. Nora
// is new: chat makes her account when she opens it.
func people() []erp.Person {
	return []erp.Person{
		{Name: "Demo", Email: simulator.DemoEmail},
		{Name: "Dana", Email: simulator.DanaEmail},
		{Name: "Nora", Email: "nora@erp.test"},
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
