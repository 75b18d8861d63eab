package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/store"
)

// enrolmentJSON is a card with American Express in --json output.
type enrolmentJSON struct {
	Merchant     batch.MerchantID     `json:"merchant"`
	Contract     batch.ContractID     `json:"contract"`
	Wallet       batch.WalletID       `json:"wallet_id"`
	CardIndex    int                  `json:"card_index"`
	Alias        string               `json:"alias"`
	Route        batch.SmartBillRoute `json:"route"`
	Status       batch.CardStatus     `json:"status"`
	StatusAt     time.Time            `json:"status_at,omitzero"`
	Code         string               `json:"code,omitempty"`
	Text         string               `json:"text,omitempty"`
	RegisteredAt time.Time            `json:"registered_at"`
	AskedIn      string               `json:"asked_in,omitempty"`
	RemovedIn    string               `json:"removed_in,omitempty"`
	Late         bool                 `json:"late"`
}

// smartBillJSON is what smartbill status prints.
type smartBillJSON struct {
	Cards      map[batch.CardStatus]int `json:"cards"`
	Late       int                      `json:"late"`
	Enrolments []enrolmentJSON          `json:"enrolments"` // that are late, or all of a wallet
	Files      []partnerFileJSON        `json:"files"`      // of ours that are not sent, of theirs that are held
}

// partnerFileJSON is a file exchanged with American Express.
type partnerFileJSON struct {
	Name   string             `json:"name"`
	State  store.PartnerState `json:"state"`
	Reason string             `json:"reason,omitempty"`
}

// exceptionJSON is a record of a partner's file that says what cannot be.
type exceptionJSON struct {
	File   string    `json:"file"`
	Line   int       `json:"line"`
	Alias  string    `json:"alias"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func (a *app) newSmartBill() *cobra.Command {
	c := &cobra.Command{
		Use:     "smartbill",
		Short:   "American Express SmartBill: enrolments, statuses, charges",
		Long:    "smartbill looks at the cards that American Express keeps up to date, and does single\nsteps of the exchange with it. Runs do them all by themselves; see docs/smartbill.md.",
		GroupID: "job",
	}
	step := func(name, short, long string, steps ...string) *cobra.Command {
		return &cobra.Command{
			Use: name, Short: short,
			Long:    long + exitHelp(exitRejected, exitHeld, exitInDoubt, exitUndelivered, exitNotSent, exitLocked, exitUnreachable, exitConfig, exitSafety, exitInterrupted),
			Example: "  cardbatch smartbill " + name,
			Args:    cobra.NoArgs,
			RunE:    func(c *cobra.Command, _ []string) error { return a.run(c.Context(), runOptions{only: steps}) },
		}
	}
	c.AddCommand(a.newSmartBillStatus(), a.newSmartBillExceptions(),
		step("enrol", "Send the enrolments that wait", "enrol submits wallet lines that wait, then sends American Express the requests and\nremovals, one file for each service establishment.", "recover", "enrol"),
		step("ingest", "Take status and response files", "ingest takes the files that American Express has put into the exchange, answers the\nlines that they are about, and delivers the answers.", "recover", "ingest", "resolve", "respond", "deliver", "notify"),
		step("charge", "Send the charges that wait", "charge submits the payments and refunds that wait, also those of other gateways.", "recover", "submit"),
	)
	return c
}

func (a *app) newSmartBillStatus() *cobra.Command {
	var merchant, wallet string
	c := &cobra.Command{
		Use:     "status",
		Short:   "Count cards by status; list those that wait too long",
		Long:    "status counts the cards under SmartBill by their status and lists those that wait\nlonger for their enrolment than the contract allows. With --wallet it lists the cards\nof one wallet." + exitHelp(exitInDoubt, exitConfig),
		Example: "  cardbatch smartbill status\n  cardbatch smartbill status --merchant acme --wallet CUST-42",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.smartBillStatus(c.Context(), batch.MerchantID(merchant), batch.WalletID(wallet))
		},
	}
	c.Flags().StringVar(&merchant, "merchant", "", "only cards of this merchant")
	c.Flags().StringVar(&wallet, "wallet", "", "list the cards of this wallet")
	return c
}

func (a *app) smartBillStatus(ctx context.Context, merchant batch.MerchantID, wallet batch.WalletID) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	out := smartBillJSON{Cards: map[batch.CardStatus]int{}, Enrolments: []enrolmentJSON{}, Files: []partnerFileJSON{}}
	contracts := in.contracts()
	for e, err := range in.store.Enrolments(ctx, store.EnrolmentQuery{Merchant: merchant, Wallet: wallet}) {
		if err != nil {
			return err
		}
		out.Cards[e.Status]++
		c := contracts[e.Merchant][e.Contract]
		late := c != nil && c.SmartBill != nil && c.SmartBill.Late(&e, in.clock())
		if late {
			out.Late++
		}
		if late || wallet != "" {
			out.Enrolments = append(out.Enrolments, enrolmentJSON{
				e.Merchant, e.Contract, e.Wallet, e.CardIndex, e.Alias, e.Route, e.Status, e.StatusAt.UTC(), e.Code, e.Text, e.RegisteredAt.UTC(), e.AskedIn, e.RemovedIn, late,
			})
		}
	}
	open := store.PartnerQuery{States: []store.PartnerState{store.PartnerOpen, store.PartnerStaged, store.PartnerHeld}}
	files, err := in.store.PartnerFiles(ctx, open)
	if err != nil {
		return err
	}
	for _, f := range files {
		out.Files = append(out.Files, partnerFileJSON{f.Name, f.State, f.Reason})
	}
	if a.json {
		err = a.printJSON(out)
	} else {
		err = a.printSmartBill(in, out)
	}
	if err == nil && out.Late > 0 {
		err = exitWith(exitInDoubt)
	}
	return err
}

func (a *app) printSmartBill(in *installation, s smartBillJSON) error {
	t := table(a.stdout)
	row(t, "STATUS", "CARDS")
	for _, status := range []batch.CardStatus{batch.CardWaiting, batch.CardAccepted, batch.CardExpiryUpdated, batch.CardProductUpdated, batch.CardRefused, batch.CardCancelled} {
		row(t, string(status), fmt.Sprint(s.Cards[status]))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	t = table(a.stdout)
	if len(s.Enrolments) > 0 {
		row(t, "\nMERCHANT", "WALLET", "CARD", "STATUS", "REGISTERED", "ASKED IN", "NOTE")
	}
	for _, e := range s.Enrolments {
		note := ""
		if e.Late {
			note = "waits too long"
		}
		row(t, string(e.Merchant), string(e.Wallet), fmt.Sprint(e.CardIndex), string(e.Status), in.moment(e.RegisteredAt), e.AskedIn, note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	t = table(a.stdout)
	if len(s.Files) > 0 {
		row(t, "\nFILE", "STATE", "REASON")
	}
	for _, f := range s.Files {
		row(t, f.Name, string(f.State), f.Reason)
	}
	return t.Flush()
}

func (a *app) newSmartBillExceptions() *cobra.Command {
	var days int
	c := &cobra.Command{
		Use:     "exceptions",
		Short:   "List what American Express said and cannot be",
		Long:    "exceptions lists the records of American Express' files that say what cannot be: an\nunknown alias or charge, an unknown status, a contradiction." + exitHelp(exitConfig),
		Example: "  cardbatch smartbill exceptions --days 7",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.smartBillExceptions(c.Context(), days) },
	}
	c.Flags().IntVar(&days, "days", 30, "of files ingested in so many days")
	return c
}

func (a *app) smartBillExceptions(ctx context.Context, days int) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	all := []exceptionJSON{}
	t := table(a.stdout)
	now := in.clock()
	for e, err := range in.store.PartnerExceptions(ctx, now.AddDate(0, 0, -days), now.Add(time.Hour)) {
		if err != nil {
			return err
		}
		if len(all) == 0 {
			row(t, "FILE", "LINE", "ALIAS OR KEY", "REASON", "TAKEN")
		}
		all = append(all, exceptionJSON{e.File, e.Line, e.Alias, e.Reason, e.At.UTC()})
		row(t, e.File, fmt.Sprint(e.Line), e.Alias, e.Reason, in.moment(e.At))
	}
	if a.json {
		return a.printJSON(all)
	}
	if len(all) == 0 {
		a.note("There are no exceptions.")
	}
	return t.Flush()
}
