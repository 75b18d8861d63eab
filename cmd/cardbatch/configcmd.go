package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"cardbatch/config"
)

// configJSON is what config check prints.
type configJSON struct {
	File        string `json:"file"`
	Environment string `json:"environment"`
	Hash        string `json:"hash"`
	Merchants   int    `json:"merchants"`
	Contracts   int    `json:"contracts"`
	Gateways    int    `json:"gateways"`
	Sources     int    `json:"sources"`
}

func (a *app) newConfig() *cobra.Command {
	c := &cobra.Command{
		Use:     "config",
		Short:   "Check and show the configuration",
		Long:    "config works on the configuration file that --config names. docs/configuration.md\nexplains every setting.",
		GroupID: "setup",
	}
	c.AddCommand(
		&cobra.Command{
			Use: "check", Short: "Check the configuration, report all that is wrong",
			Long: `check reads the configuration strictly and reports everything that is wrong with it,
with line and column. It opens nothing that the configuration names; 'cardbatch
doctor' does.` + exitHelp(exitConfig),
			Example: "  cardbatch config check --config /etc/cardbatch/cardbatch.yaml",
			Args:    cobra.NoArgs,
			RunE:    func(*cobra.Command, []string) error { return a.configCheck() },
		},
		&cobra.Command{
			Use: "print", Short: "Show the effective configuration and where each setting comes from",
			Long: `print writes the effective configuration as YAML, with the origin of each setting:
the command line, an environment variable, a line of the file, or the default.
Secrets show as references. It is YAML with --json, too.` + exitHelp(exitConfig),
			Example: "  cardbatch config print --set log.level=debug",
			Args:    cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				cfg, err := a.config()
				if err != nil {
					return err
				}
				return cfg.Print(a.stdout)
			},
		},
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of the configuration, for editors",
			Long:    "schema prints the JSON Schema of the configuration file, for editors that complete\nand check as you type. It reads no configuration." + exitHelp(),
			Example: "  cardbatch config schema > cardbatch.schema.json",
			Args:    cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := a.stdout.Write(config.Schema())
				return err
			},
		},
	)
	return c
}

func (a *app) configCheck() error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	out := configJSON{cfg.File(), cfg.Environment, cfg.Hash(), len(cfg.Merchants), len(cfg.Contracts), len(cfg.Gateways), len(cfg.Sources)}
	if a.json {
		return a.printJSON(out)
	}
	_, err = fmt.Fprintf(a.stdout, "%s is good: %s, %s, %s, %s, %s\n", out.File, out.Environment,
		count(out.Merchants, "merchant"), count(out.Contracts, "contract"), count(out.Gateways, "gateway"), count(out.Sources, "source"))
	return err
}
