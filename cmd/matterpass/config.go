package main

import (
	"fmt"
	"text/tabwriter"

	"matterpass/internal/config"
)

// configCmd checks the configuration and shows it. It binds no port.
type configCmd struct{}

func (configCmd) Run(c console) error {
	cfg, err := config.Load(config.Source{})
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(c.out, 0, 8, 2, ' ', 0)
	for _, s := range cfg.Effective() {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, s.Value, s.Source) // Flush reports the error
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, warning := range cfg.Warnings {
		_, _ = fmt.Fprintln(c.err, "warning:", warning)
	}
	return nil
}
