package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"cardbatch/store/sqlite"
)

type migrateOptions struct {
	dryRun  bool
	showSQL bool
}

// migrateJSON is what migrate prints.
type migrateJSON struct {
	Migrations []migrationJSON `json:"migrations"`
	Applied    bool            `json:"applied"`
}

type migrationJSON struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	SQL     string `json:"sql,omitempty"`
}

func (a *app) newMigrate() *cobra.Command {
	var o migrateOptions
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the store to this program's schema",
		Long: `migrate applies the migrations that the store lacks, each in a transaction. Every
command that opens the store does the same; --dry-run shows first what would
happen. There is no way back: take a backup before.` + exitHelp(exitConfig, exitSafety),
		Example: `  cardbatch migrate --dry-run --sql
  cardbatch migrate`,
		GroupID: "setup",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.migrate(c.Context(), o) },
	}
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "show what would be applied, apply nothing")
	c.Flags().BoolVar(&o.showSQL, "sql", false, "show the SQL")
	return c
}

func (a *app) migrate(ctx context.Context, o migrateOptions) error {
	in, err := a.load()
	if err != nil {
		return err
	}
	defer in.Close()
	pending, err := sqlite.Pending(ctx, string(in.cfg.Store))
	if err != nil {
		return err
	}
	out := migrateJSON{Migrations: []migrationJSON{}, Applied: !o.dryRun}
	for _, m := range pending {
		step := migrationJSON{Version: m.Version, Name: m.Name}
		if o.showSQL {
			step.SQL = m.SQL
		}
		out.Migrations = append(out.Migrations, step)
	}
	if !o.dryRun {
		if err := in.openStore(ctx, sqlite.Options{}); err != nil {
			return err
		}
	}
	if a.json {
		return a.printJSON(out)
	}
	if len(pending) == 0 {
		a.note("The store has this program's schema.")
	}
	for _, m := range out.Migrations {
		if _, err := fmt.Fprintf(a.stdout, "%s\n%s", m.Name, m.SQL); err != nil {
			return err
		}
	}
	return nil
}
