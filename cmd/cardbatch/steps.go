package main

import "github.com/spf13/cobra"

// newStep is a command that is one step of the run alone: the same code, the same summary.
func (a *app) newStep(step, short, long, example string) *cobra.Command {
	return &cobra.Command{
		Use:   step,
		Short: short,
		Long: long + "\n\nIt is 'cardbatch run --only " + step + "': it takes the lock and prints the same summary." +
			exitHelp(exitUndelivered, exitInDoubt, exitNotSent, exitLocked, exitUnreachable, exitConfig, exitSafety, exitInterrupted),
		Example: example,
		GroupID: "job",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.run(c.Context(), runOptions{only: []string{step}})
		},
	}
}

func (a *app) newDeliver() *cobra.Command {
	return a.newStep("deliver", "Deliver the answers that wait", `deliver puts the answers that wait into their outbound folders, proves that they
lie there, and clears the inbound folders of what is answered. Nothing is sent to
a gateway. Use it when a partner's server was out of reach during the run.`, "  cardbatch deliver")
}

func (a *app) newPurge() *cobra.Command {
	return a.newStep("purge", "Delete what was kept long enough", `purge deletes originals whose answers were delivered and lines of files that
ended, once their retention is over, and re-encrypts card numbers that an old key
sealed. Every run does that at its end.`, "  cardbatch purge")
}
