package main

import (
	"github.com/spf13/cobra"
)

func (a *app) newUpdater() *cobra.Command {
	c := &cobra.Command{
		Use:     "updater",
		Short:   "Account updaters: ask about cards, take answers, report",
		Long:    "updater asks account updaters about stored cards, takes what they and others tell of\ncards, and reports it. Runs do it all by themselves; see docs/updater.md.",
		GroupID: "job",
	}
	c.AddCommand(a.newUpdaterSelect(), a.newUpdaterIngest(), a.newUpdaterReport(), a.newUpdaterStatus())
	return c
}
