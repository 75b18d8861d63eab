package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cardbatch/batch"
)

// rehearsedJSON is what an update would do.
type rehearsedJSON struct {
	File     string              `json:"file"`
	Line     int                 `json:"line"`
	Merchant batch.MerchantID    `json:"merchant"`
	Wallet   batch.WalletID      `json:"wallet_id"`
	Index    int                 `json:"card_index"`
	Code     string              `json:"code"`
	Outcome  batch.UpdateOutcome `json:"outcome"`
	Effect   batch.UpdateEffect  `json:"effect"`
	Old      string              `json:"old"` // last four digits and expiry
	New      string              `json:"new"`
	Note     string              `json:"note,omitempty"`
}

func (a *app) newUpdaterIngest() *cobra.Command {
	var shadow bool
	c := &cobra.Command{
		Use:   "ingest",
		Short: "Take what account updaters have answered",
		Long: `ingest takes acknowledgements, responses and update files, changes the cards, and tells
the gateways that keep them. It takes the files of other partners as well, as the step
of a run does. With --shadow it only tells what would be done: no card is changed, and
the files stay where they are.` + exitHelp(exitRejected, exitUndelivered, exitNotSent, exitLocked, exitUnreachable, exitConfig, exitSafety, exitInterrupted),
		Example: "  cardbatch updater ingest\n  cardbatch updater ingest --shadow",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if shadow {
				return a.updaterRehearse(c.Context())
			}
			return a.run(c.Context(), runOptions{only: []string{"recover", "ingest", "notify"}})
		},
	}
	c.Flags().BoolVar(&shadow, "shadow", false, "only tell what would be done")
	return c
}

func (a *app) updaterRehearse(ctx context.Context) (err error) {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	session, err := in.begin(ctx, "updater ingest --shadow")
	if err != nil {
		return err
	}
	defer func() { err = endWith(session, err) }()
	r, err := in.run(session)
	if err != nil {
		return err
	}
	all, err := in.updaters(r)
	if err != nil {
		return err
	}
	var failed error
	t, n := table(a.stdout), 0
	for _, x := range all {
		err := x.Rehearse(ctx, func(u batch.CardUpdate) error {
			n++
			if a.json {
				return a.printJSONLine(rehearsedJSON{
					u.File, u.Line, u.Merchant, u.Wallet, u.CardIndex, u.Code, u.Outcome, u.Effect, shown(u.Old), shown(u.New), u.Note,
				})
			}
			if n%tableBlock == 1 {
				if err := t.Flush(); err != nil {
					return err
				}
				row(t, "FILE", "LINE", "WALLET", "CARD", "CODE", "OUTCOME", "WOULD BE", "OLD", "NEW", "NOTE")
			}
			row(t, u.File, u.Line, u.Wallet, u.CardIndex, u.Code, u.Outcome, u.Effect, shown(u.Old), shown(u.New), u.Note)
			return nil
		})
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("updater %s: %w", x.Name, err))
		}
	}
	if n == 0 && failed == nil {
		a.note("No file tells anything of a card.")
	}
	return errors.Join(t.Flush(), failed)
}

// shown is the data of a card for people.
func shown(d batch.CardData) string {
	if d == (batch.CardData{}) {
		return ""
	}
	return "…" + d.LastFour + " " + d.Expiry
}
