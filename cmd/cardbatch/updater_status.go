package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/store"
)

// updaterStatusJSON is what updater status prints.
type updaterStatusJSON struct {
	Requests   []requestJSON    `json:"requests"`   // that are not closed
	Orders     []orderJSON      `json:"orders"`     // that gateways have still to be told
	Rejected   []updateFileJSON `json:"rejected"`   // files
	Exceptions []exceptionJSON  `json:"exceptions"` // records that mean no card
}

// requestJSON is a file that asks an account updater.
type requestJSON struct {
	Updater   string             `json:"updater"`
	Name      string             `json:"name"`
	Month     string             `json:"month"`
	State     store.RequestState `json:"state"`
	Cards     int                `json:"cards"`
	Undecided int                `json:"undecided"`
	SentAt    time.Time          `json:"sent_at,omitzero"`
	WaitUntil time.Time          `json:"wait_until,omitzero"`
	Reason    string             `json:"reason,omitempty"`
}

// orderJSON is what a gateway has still to be told of an update.
type orderJSON struct {
	Gateway  batch.GatewayName `json:"gateway"`
	Merchant batch.MerchantID  `json:"merchant"`
	Wallet   batch.WalletID    `json:"wallet_id"`
	Index    int               `json:"card_index"`
	Command  batch.Command     `json:"command"`
	State    store.OrderState  `json:"state"`
	Reason   string            `json:"reason,omitempty"`
}

// updateFileJSON is a file of a source of updates that was rejected.
type updateFileJSON struct {
	Updater string    `json:"updater"`
	Name    string    `json:"name"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

func (a *app) newUpdaterStatus() *cobra.Command {
	var days int
	c := &cobra.Command{
		Use:   "status",
		Short: "List requests without an end, and what could not be taken",
		Long: `status lists the requests that are on their way or wait for answers, what gateways have
still to be told, and, of the last days, rejected files and records that mean no card.` + exitHelp(exitNotSent, exitConfig),
		Example: "  cardbatch updater status\n  cardbatch updater status --days 90 --json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.updaterStatus(c.Context(), days) },
	}
	c.Flags().IntVar(&days, "days", 30, "rejected files and records of so many days")
	return c
}

func (a *app) updaterStatus(ctx context.Context, days int) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := in.updaterStatus(ctx, in.clock().AddDate(0, 0, -days))
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(out)
	} else {
		err = a.printUpdaterStatus(in, out)
	}
	if err == nil && len(out.Orders) > 0 {
		err = exitWith(exitNotSent)
	}
	return err
}

func (in *installation) updaterStatus(ctx context.Context, since time.Time) (out updaterStatusJSON, err error) {
	out = updaterStatusJSON{Requests: []requestJSON{}, Orders: []orderJSON{}, Rejected: []updateFileJSON{}, Exceptions: []exceptionJSON{}}
	requests, err := in.store.UpdateRequests(ctx, store.RequestQuery{States: []store.RequestState{
		store.RequestOpen, store.RequestStaged, store.RequestSent, store.RequestAccepted,
	}})
	if err != nil {
		return out, err
	}
	for _, r := range requests {
		out.Requests = append(out.Requests, requestJSON{r.Updater, r.Name, r.Month, r.State, r.Records, r.Undecided, r.SentAt.UTC(), r.WaitUntil.UTC(), r.Reason})
	}
	orders, err := in.store.CardOrders(ctx, 0, 0)
	if err != nil {
		return out, err
	}
	for _, o := range orders {
		out.Orders = append(out.Orders, orderJSON{o.Gateway, o.Merchant, o.Wallet, o.CardIndex, o.Command, o.State, o.Reason})
	}
	files, err := in.store.UpdateFiles(ctx, "", "", store.PartnerRejected)
	if err != nil {
		return out, err
	}
	for _, f := range files {
		if !f.TakenAt.Before(since) {
			out.Rejected = append(out.Rejected, updateFileJSON{f.Updater, f.Name, f.Reason, f.TakenAt.UTC()})
		}
	}
	for e, err := range in.store.UpdateExceptions(ctx, since, in.clock().Add(time.Hour)) {
		if err != nil {
			return out, err
		}
		out.Exceptions = append(out.Exceptions, exceptionJSON{e.File, e.Line, e.Alias, e.Reason, e.At.UTC()})
	}
	return out, nil
}

func (a *app) printUpdaterStatus(in *installation, s updaterStatusJSON) error {
	var blocks [][][]any
	block := func(headings []any, rows [][]any) {
		if len(rows) > 0 {
			blocks = append(blocks, append([][]any{headings}, rows...))
		}
	}
	var requests, orders, rejected, exceptions [][]any
	for _, r := range s.Requests {
		requests = append(requests, []any{r.Updater, r.Name, r.State, r.Cards, r.Undecided, in.moment(r.WaitUntil), r.Reason})
	}
	for _, o := range s.Orders {
		orders = append(orders, []any{o.Gateway, o.Wallet, o.Index, o.Command, o.State, o.Reason})
	}
	for _, f := range s.Rejected {
		rejected = append(rejected, []any{f.Updater, f.Name, in.moment(f.At), f.Reason})
	}
	for _, e := range s.Exceptions {
		exceptions = append(exceptions, []any{e.File, e.Line, in.moment(e.At), e.Reason})
	}
	block([]any{"UPDATER", "REQUEST", "STATE", "CARDS", "UNDECIDED", "WAITS UNTIL", "REASON"}, requests)
	block([]any{"GATEWAY", "WALLET", "CARD", "HAS TO", "STATE", "REASON"}, orders)
	block([]any{"UPDATER", "REJECTED FILE", "AT", "REASON"}, rejected)
	block([]any{"FILE", "LINE", "TAKEN", "MEANS NO CARD, BECAUSE"}, exceptions)
	if len(blocks) == 0 {
		a.note("Nothing waits, and nothing went wrong.")
	}
	for i, rows := range blocks {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		t := table(a.stdout)
		for _, cells := range rows {
			row(t, cells...)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}
