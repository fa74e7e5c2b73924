// Command matterpass signs the users of a web application into Mattermost
// inside an iframe: a JSON API, a gateway in front of Mattermost, and the tools
// to run them.
//
// It is the only place that knows every package. Each subcommand has a file of
// its own; app.go ties the packages together.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
