package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"matterpass/internal/config"
	"matterpass/internal/server"
)

// serveCmd is the program's ordinary life.
type serveCmd struct{}

func (serveCmd) Run(ctx context.Context, c console) error {
	cfg, err := config.Load(config.Source{})
	if err != nil {
		return err
	}
	s, err := newServing(ctx, cfg, c.err, nil)
	if err != nil {
		return err
	}
	defer s.close()
	s.announce()
	return s.run(ctx)
}

// serving is an app with its listeners bound.
type serving struct {
	*app
	cfg       config.Config
	server    *server.Server
	telemetry *telemetry
}

// newServing binds; listener, where there is one, is used in place of
// HTTP_ADDR.
func newServing(ctx context.Context, cfg config.Config, logTo io.Writer, listener net.Listener) (*serving, error) {
	keys := secretKeys(cfg)
	t := newTelemetry(cfg, logTo, keys[0].Secret)
	certificate, err := certificate(cfg, t.log)
	if err != nil {
		t.close()
		return nil, err
	}
	st, err := openState(ctx, cfg, t, keys)
	if err != nil {
		t.close()
		return nil, err
	}
	a, err := newApp(cfg, t, keys, st)
	if err != nil {
		t.close()
		return nil, errors.Join(err, st.close())
	}
	s, err := server.Listen(ctx, server.Options{
		Addr: string(cfg.Server.HTTPAddr), Listener: listener, AdminAddr: string(cfg.Server.AdminAddr),
		Handler: a.handler, Admin: a.admin, Certificate: certificate,
		DrainDelay: cfg.Server.DrainDelay, Grace: cfg.Server.ShutdownGrace,
		Stopping: func() { t.log.Info().Msg("stopping"); a.board.Stop() },
		Drain:    a.drain, ErrorLog: t.errorLog(),
	})
	if err != nil {
		t.close()
		return nil, errors.Join(err, st.close())
	}
	return &serving{a, cfg, s, t}, nil
}

// certificate is nil where somebody else speaks HTTPS.
func certificate(cfg config.Config, log zerolog.Logger) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	if cfg.Server.TLSCertFile == "" {
		return nil, nil
	}
	return server.Certificate(cfg.Server.TLSCertFile, cfg.Server.TLSKeyFile, func(err error) {
		log.Error().Err(err).Msg("the changed certificate does not load; the old one stays")
	})
}

// drain ends the WebSockets.
func (a *app) drain(ctx context.Context) {
	if a.gateway != nil {
		_ = a.gateway.Drain(ctx) // those that did not end in time are cut by Close
		a.gateway.Close()
	}
}

func (s *serving) announce() {
	for _, warning := range s.cfg.Warnings {
		s.telemetry.log.Warn().Msg(warning)
	}
	e := s.telemetry.log.Info().Str("version", version).Str("environment", string(s.cfg.Server.Environment)).
		Stringer("addr", s.server.Addr()).Str("public_url", string(s.cfg.Addresses.PublicURL)).Str("mattermost", string(s.cfg.Mattermost.BaseURL))
	if admin := s.server.AdminAddr(); admin != nil {
		e.Stringer("admin", admin)
	}
	e.Msg("listening")
}

// run serves until a signal or ctx; a second signal cuts what is left.
func (s *serving) run(ctx context.Context) error {
	stop, now, release := signals(ctx)
	defer release()
	background, cancel := context.WithCancel(ctx)
	defer cancel()
	kept := s.beside(background)
	err := s.server.Run(stop, now)
	cancel()
	kept.Wait()
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// beside runs what requests do not wait for, until ctx ends.
func (a *app) beside(ctx context.Context) *sync.WaitGroup {
	var group sync.WaitGroup
	group.Go(func() { a.settings.follow(ctx) })
	group.Go(func() { a.login.Keep(ctx) })
	group.Go(func() {
		every(ctx, purgeEvery, func(now time.Time) { _ = a.state.store.Purge(ctx, now) }) // what fails is tried the next time
	})
	group.Go(func() { every(ctx, redialEvery, func(time.Time) { a.redial() }) })
	if a.providers != nil {
		group.Go(func() { _ = a.providers.Run(ctx) }) // ends with ctx
	}
	group.Go(func() { keepTidy(ctx) })
	return &group
}

// redialEvery is how long a change of Mattermost's address may take to be noticed.
const redialEvery = 5 * time.Minute

// redial gives up idle connections to Mattermost.
func (a *app) redial() {
	a.client.Close()
	if a.gateway != nil {
		a.gateway.Redial()
	}
}

func (s *serving) close() {
	s.client.Close()
	_ = s.state.close() // every call has ended
	s.telemetry.log.Info().Msg("stopped")
	s.telemetry.close()
}

var errSecondSignal = errors.New("second signal")

// signals ends stop at the first SIGINT, SIGTERM or SIGHUP, or with ctx, and now
// at the second.
func signals(ctx context.Context) (stop, now context.Context, release func()) {
	stop, first := context.WithCancel(ctx)
	now, second := context.WithCancelCause(context.WithoutCancel(ctx))
	signal.Ignore(syscall.SIGPIPE) // who read the log may be gone: that costs lines, not the program
	received := make(chan os.Signal, 2)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for _, end := range []func(){first, func() { second(errSecondSignal) }} {
			select {
			case <-received:
				end()
			case <-done:
				return
			}
		}
	}()
	return stop, now, func() {
		signal.Stop(received)
		close(done)
		first()
		second(nil)
	}
}
