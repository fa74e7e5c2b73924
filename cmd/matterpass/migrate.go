package main

import (
	"context"
	"fmt"

	"matterpass/internal/config"
	"matterpass/internal/store"
)

// migrateCmd changes the schema of a database. Serving does that by itself; this
// is for those who want to see it happen, and for the way back to an older version.
type migrateCmd struct {
	Database string `help:"sqlite:///absolute/file or postgres://user@host/name; without it the configured one. A password belongs into DATABASE_URL_FILE or PGPASSFILE, not here: other users can see the command line."`

	Status migrateStatus `cmd:"" help:"Show how far the database is migrated."`
	Up     migrateUp     `cmd:"" help:"Bring the database up to date."`
	Down   migrateDown   `cmd:"" help:"Take the last step back, with everything that is stored in it."`
}

type (
	migrateStatus struct{}
	migrateUp     struct{}
	migrateDown   struct {
		Yes bool `required:"" help:"Say that losing what the step stored is meant."`
	}
)

func (migrateStatus) Run(ctx context.Context, m *migrateCmd, c console) error {
	return m.run(ctx, c, store.Status)
}

func (migrateUp) Run(ctx context.Context, m *migrateCmd, c console) error {
	return m.run(ctx, c, store.MigrateUp)
}

func (migrateDown) Run(ctx context.Context, m *migrateCmd, c console) error {
	return m.run(ctx, c, store.MigrateDown)
}

func (m *migrateCmd) run(ctx context.Context, c console, change func(context.Context, store.Options) (store.Schema, error)) error {
	address := m.Database
	if address == "" {
		cfg, err := config.Load(config.Source{})
		if err != nil {
			return err
		}
		if address, err = makeDatabaseOf(cfg); err != nil {
			return err
		}
	}
	schema, err := change(ctx, store.Options{Address: address})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "the database is at step %d of the %d that this version knows\n", schema.Current, schema.Known)
	return err
}
