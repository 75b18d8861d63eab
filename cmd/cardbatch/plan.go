package main

import (
	"context"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/store"
)

// planJSON is what plan prints.
type planJSON struct {
	Rows      []planRowJSON `json:"rows"`
	Lines     int           `json:"lines"`
	FilesHeld int           `json:"files_held"`
	Unchecked int           `json:"files_unchecked"`
}

type planRowJSON struct {
	Merchant batch.MerchantID  `json:"merchant"`
	Gateway  batch.GatewayName `json:"gateway"`
	Command  batch.Command     `json:"command"`
	Lines    int               `json:"lines"`
	Total    *amountJSON       `json:"total,omitempty"`
}

func (a *app) newPlan() *cobra.Command {
	return &cobra.Command{
		Use:   "plan",
		Short: "Show what would be sent, with sums; send nothing",
		Long: `plan sums the queued lines of accepted files by merchant, gateway, command and
currency: what the next run would send. It sends nothing, takes no file from an
inbound folder, and needs no lock. Files that wait there are not in it; 'cardbatch
run --only pull,check' takes and checks them without submitting.` + exitHelp(exitConfig),
		Example: `  cardbatch plan
  cardbatch run --only pull,check; cardbatch plan --json`,
		GroupID: "look",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.plan(c.Context()) },
	}
}

func (a *app) plan(ctx context.Context) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	rows, err := in.store.Plan(ctx)
	if err != nil {
		return err
	}
	info, err := in.store.Info(ctx)
	if err != nil {
		return err
	}
	unchecked, err := in.store.Files(ctx, store.FileQuery{States: []batch.FileState{batch.FileReceived, batch.FileChecked}})
	if err != nil {
		return err
	}
	p := planJSON{Rows: []planRowJSON{}, FilesHeld: info.FilesHeld, Unchecked: len(unchecked)}
	for _, r := range rows {
		out := planRowJSON{Merchant: r.Merchant, Gateway: r.Gateway, Command: r.Command, Lines: r.Lines}
		if r.Total.Currency != "" {
			out.Total = &amountJSON{r.Total.Minor, r.Total.Currency, r.Total.String()}
		}
		p.Lines += r.Lines
		p.Rows = append(p.Rows, out)
	}
	return a.printPlan(p)
}

func (a *app) printPlan(p planJSON) error {
	if a.json {
		return a.printJSON(p)
	}
	if p.FilesHeld > 0 {
		a.note("Not in the plan: %s held, see `cardbatch files --state held`.", count(p.FilesHeld, "file"))
	}
	if p.Unchecked > 0 {
		a.note("Not in the plan: %s not checked yet.", count(p.Unchecked, "file"))
	}
	if len(p.Rows) == 0 {
		a.note("Nothing is queued.")
		return nil
	}
	t := table(a.stdout)
	row(t, "MERCHANT", "GATEWAY", "COMMAND", "LINES", "TOTAL")
	for _, r := range p.Rows {
		total := ""
		if r.Total != nil {
			total = r.Total.Text
		}
		row(t, r.Merchant, r.Gateway, r.Command, r.Lines, total)
	}
	return t.Flush()
}
