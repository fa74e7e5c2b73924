package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"

	"matterpass/internal/config"
)

// version is set by the build.
var version = "dev"

// Exit codes of every subcommand.
const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2 // usage or configuration
)

// commands is the command line. Configuration comes from the environment, so
// that a container and a shell start the same program.
type commands struct {
	Serve       serveCmd       `cmd:"" default:"1" help:"Serve the API, the gateway and the widget (default)."`
	Demo        demoCmd        `cmd:"" help:"Run everything on this machine: a stand-in Mattermost, a demo ERP page, and Matterpass."`
	Simulator   simulatorCmd   `cmd:"" help:"Run the stand-in Mattermost alone, for the tests of an ERP."`
	Doctor      doctorCmd      `cmd:"" help:"Look at everything that chat in a page rests on; say what is wrong, and the one setting to change."`
	Provision   provisionCmd   `cmd:"" help:"Bring the accounts, teams and channels of the people in a file in line."`
	Config      configCmd      `cmd:"" help:"Check the configuration and show what is in force, secrets masked."`
	Migrate     migrateCmd     `cmd:"" help:"Look at the database's schema, bring it up to date, or take its last step back."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running Matterpass whether it is alive; for containers without a shell."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

// console is what a subcommand may write to: out for what was asked for, err
// for people and logs.
type console struct{ out, err io.Writer }

type versionCmd struct{}

func (versionCmd) Run(c console) error {
	_, err := fmt.Fprintln(c.out, "matterpass", version)
	return err
}

// run parses the arguments and runs one subcommand.
func run(ctx context.Context, args []string, out, err io.Writer) int {
	c := console{out, err}
	exited := -1 // kong exits for --help
	parser, failure := kong.New(&commands{},
		kong.Name("matterpass"),
		kong.Description("Signs the users of a web application into Mattermost inside an iframe. Configured by environment variables; see docs/configuration.md."),
		kong.Writers(out, err),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(c),
	)
	if failure != nil {
		return report(c, failure)
	}
	parsed, failure := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if failure != nil {
		_, _ = fmt.Fprintf(err, "matterpass: %v\nTry: matterpass --help\n", failure)
		return exitUsage
	}
	return report(c, parsed.Run())
}

// report prints what went wrong and chooses the exit code.
func report(c console, err error) int {
	var problems config.Problems
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &problems):
		_, _ = fmt.Fprintf(c.err, "matterpass: the configuration has %s:\n%v\n", count(len(problems), "problem"), problems)
		return exitUsage
	default:
		_, _ = fmt.Fprintf(c.err, "matterpass: %v\n", err)
		return exitFailed
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
