package main

import (
	"encoding/json"

	"github.com/spf13/cobra"
)

// addCommands lists every command; each lives in a file of its own.
func (a *app) addCommands(root *cobra.Command) {
	root.AddCommand(
		a.newRun(), a.newInit(), a.newDemo(),
	)
}

// printJSON writes data for machines (docs/cli-json.md).
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
