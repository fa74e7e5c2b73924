package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"

	"matterpass/internal/config"
	"matterpass/internal/server"
	"matterpass/internal/simulator"
)

// simulatorCmd runs the stand-in Mattermost alone.
type simulatorCmd struct {
	Addr         string `help:"Listen address." default:"localhost:8065"`
	PluginSecret string `help:"Install the companion plugin with this secret (PLUGIN_SECRET)."`
	JSON         bool   `help:"Print one line of JSON when ready."`
}

// Validate judges the flags.
func (cmd simulatorCmd) Validate() error { return checkAddr("--addr", cmd.Addr) }

func (cmd simulatorCmd) Run(ctx context.Context, c console) error {
	at, err := bind(ctx, cmd.Addr)
	if err != nil {
		return err
	}
	s, mm, err := newSimulator(ctx, at, cmd.PluginSecret)
	if err != nil {
		return err
	}
	defer mm.Close()
	details := placeDetails{Mattermost: at.url, Email: simulator.DemoEmail, Password: mm.Password(), AdminToken: mm.AdminToken()}
	if err := details.print(c, cmd.JSON); err != nil {
		return err
	}
	stop, now, release := signals(ctx)
	defer release()
	return s.Run(stop, now)
}

// newSimulator serves a seeded simulator, with the companion plugin where there is
// a secret for it.
func newSimulator(ctx context.Context, at place, plugin string) (*server.Server, *simulator.Server, error) {
	mm := simulator.New(simulator.Options{SiteURL: at.url, Demo: true, StealFocus: true, Plugin: plugin})
	s, err := server.Listen(ctx, server.Options{
		Listener: at.listener, Handler: mm, Drain: func(context.Context) { mm.Close() },
	})
	return s, mm, err
}

// place is a bound listener and the address under which browsers reach it.
type place struct {
	listener net.Listener
	url      string
}

// checkAddr wants an address that is a browser's as well: one with a host.
func checkAddr(flag, addr string) error {
	var listen config.Addr
	var page config.Origin
	host, _, _ := net.SplitHostPort(addr)
	if listen.Decode(addr) != nil || page.Decode("http://"+net.JoinHostPort(host, "1")) != nil {
		return fmt.Errorf("%s: %q, expected host:port, for example localhost:8080", flag, addr)
	}
	return nil
}

// bind listens on host:port. Port 0 takes a free one. Names below localhost are
// this machine for every browser, but not for every resolver.
func bind(ctx context.Context, addr string) (place, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return place{}, err
	}
	to := addr
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		to = net.JoinHostPort("127.0.0.1", port)
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", to)
	if err != nil {
		return place{}, err
	}
	_, bound, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return place{}, err
	}
	return place{listener, strings.TrimSuffix("http://"+net.JoinHostPort(host, bound), ":80")}, nil // as browsers spell it
}

// placeDetails is what the demo and the simulator say when they are ready.
type placeDetails struct {
	ERP        string `json:"erp,omitempty"`
	Chat       string `json:"chat,omitempty"`
	Mattermost string `json:"mattermost"`
	Email      string `json:"email"`
	Password   string `json:"password"`
	AdminToken string `json:"admin_token"`
}

// print writes one line of JSON for programs, or a few lines for people.
func (d placeDetails) print(c console, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(c.out).Encode(d)
	}
	var text strings.Builder
	if d.ERP != "" {
		fmt.Fprintf(&text, "\n  Open  %s\n\n", d.ERP)
		fmt.Fprintf(&text, "  chat through Matterpass   %s\n", d.Chat)
	}
	fmt.Fprintf(&text, "  stand-in Mattermost       %s\n", d.Mattermost)
	fmt.Fprintf(&text, "  people                    %s, %s, %s (system admin)\n", simulator.DemoEmail, simulator.DanaEmail, simulator.AdminEmail)
	fmt.Fprintf(&text, "  their password            %s\n", d.Password)
	fmt.Fprintf(&text, "  admin token               %s\n\n", d.AdminToken)
	fmt.Fprintf(&text, "  Ctrl-C stops it. Nothing is kept.\n\n")
	_, err := fmt.Fprint(c.out, text.String())
	return err
}
