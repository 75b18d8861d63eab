package main

import (
	"encoding/json"

	"github.com/spf13/cobra"
)

// addCommands lists every command; each lives in a file of its own.
func (a *app) addCommands(root *cobra.Command) {
	root.AddCommand(
		a.newRun(), a.newDeliver(), a.newPurge(), a.newSmartBill(), a.newUpdater(),
		a.newValidate(), a.newPlan(), a.newStatus(), a.newFiles(), a.newLines(), a.newShow(), a.newExplain(),
		a.newReport(), a.newNotify(), a.newWallet(), a.newAudit(), a.newDoctor(),
	)
	for _, m := range movements {
		root.AddCommand(a.newMove(m))
	}
	root.AddCommand(
		a.newResolve(), a.newRebuild(), a.newAdopt(),
		a.newInit(), a.newDemo(), a.newConfig(), a.newLayout(), a.newVault(), a.newMigrate(), a.newSimulate(), a.newMan(), a.newVersion(),
		a.newExitCodes(),
	)
	root.SetHelpCommandGroupID("setup")
	root.SetCompletionCommandGroupID("setup")
}

// printJSON writes data for machines (docs/cli-json.md).
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
