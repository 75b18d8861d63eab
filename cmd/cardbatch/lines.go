package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/store"
)

type linesOptions struct {
	file   string
	states []string
	limit  int
}

// lineJSON is a line in --json output. It never holds a card number beyond first six and last four.
type lineJSON struct {
	File           batch.FileID        `json:"file"`
	Line           int                 `json:"line"`
	Ref            batch.LineRef       `json:"line_ref"`
	Command        batch.Command       `json:"command"`
	State          batch.LineState     `json:"state"`
	Outcome        batch.Outcome       `json:"outcome"`
	Code           string              `json:"code,omitempty"`
	Message        string              `json:"message,omitempty"`
	Contract       batch.ContractID    `json:"contract,omitempty"`
	WalletID       batch.WalletID      `json:"wallet_id,omitempty"`
	OrderRef       string              `json:"order_ref,omitempty"`
	Amount         *amountJSON         `json:"amount,omitempty"`
	Gateway        batch.GatewayName   `json:"gateway,omitempty"`
	GatewayCode    string              `json:"gateway_code,omitempty"`
	Key            batch.Key           `json:"key,omitempty"`
	Batch          string              `json:"batch,omitempty"`
	Attempts       int                 `json:"attempts"`
	TransactionID  batch.TransactionID `json:"transaction_id,omitempty"`
	Authorization  string              `json:"authorization_number,omitempty"`
	PaymentRecord  string              `json:"payment_record_id,omitempty"`
	Card           string              `json:"card,omitempty"`
	CardExpiry     string              `json:"card_expiry,omitempty"`
	Agreement      batch.AgreementID   `json:"agreement_id,omitempty"`
	IsDuplicate    bool                `json:"is_duplicate,omitempty"`
	SubmittedAt    time.Time           `json:"submitted_at,omitzero"`
	CompletedAt    time.Time           `json:"completed_at,omitzero"`
	RetryNotBefore time.Time           `json:"retry_not_before,omitzero"`
}

func toLineJSON(rec batch.LineRecord, merchant batch.MerchantID) lineJSON {
	l, n := &rec.Line, &rec.Answer
	out := lineJSON{
		File: rec.Address.File, Line: rec.Address.No, Ref: l.Ref, Command: l.Command, State: rec.State, Outcome: rec.State.Outcome(),
		Code: n.Code, Message: message(n), Contract: l.Contract, WalletID: l.WalletID, OrderRef: l.OrderRef,
		Gateway: rec.Gateway, GatewayCode: n.GatewayCode, Key: rec.Key(merchant), Batch: rec.Batch, Attempts: rec.Attempt,
		TransactionID: n.TransactionID, Authorization: n.AuthorizationNumber, PaymentRecord: n.PaymentRecord, Card: n.Card, CardExpiry: n.CardExpiry,
		Agreement: l.AgreementID, IsDuplicate: n.IsDuplicate,
		SubmittedAt: rec.SubmittedAt.UTC(), CompletedAt: rec.CompletedAt.UTC(), RetryNotBefore: n.RetryNotBefore.UTC(),
	}
	if rec.State.Final() && rec.Attempt == 0 {
		out.Key = "" // no gateway ever saw it
	}
	if amount, ok := l.Amount(); ok {
		out.Amount = &amountJSON{amount.Minor, amount.Currency, amount.String()}
	}
	return out
}

// message is the long text of an answer: its own, or else its code's.
func message(a *batch.Answer) string {
	if a.Message != "" || a.Code == "" {
		return a.Message
	}
	_, long := batch.CodeText(a.Code)
	return long
}

func (a *app) newLines() *cobra.Command {
	var o linesOptions
	c := &cobra.Command{
		Use:   "lines [FILE]",
		Short: "List lines, of one file or by state",
		Long: `lines lists lines by file and line number, with the key under which the gateway
knows each. With --json every line is an object of its own, streamed.` + exitHelp(exitConfig),
		Example: `  cardbatch lines --state in_doubt
  cardbatch lines PAY-20261121-01 --limit 0 --json`,
		GroupID: "look",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.file = args[0]
			}
			return a.lines(c.Context(), o)
		},
	}
	c.Flags().StringSliceVar(&o.states, "state", nil, "only lines in these states: "+joined(batch.LineStates))
	c.Flags().IntVar(&o.limit, "limit", 100, "at most so many, 0 for all")
	return c
}

// tableBlock is how many rows are set at once: a table's memory does not grow with its length.
const tableBlock = 500

func (a *app) lines(ctx context.Context, o linesOptions) error {
	if o.file == "" && len(o.states) == 0 {
		return usageError("name a file, or --state")
	}
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	var q store.LineQuery
	if o.limit > 0 {
		q.Limit = o.limit + 1
	}
	if q.States, err = statesOf(o.states, batch.LineStates); err != nil {
		return err
	}
	files := map[batch.FileID]batch.File{}
	if o.file != "" {
		f, err := findFile(ctx, in.store, o.file)
		if err != nil {
			return err
		}
		q.File, files[f.ID] = f.ID, f
	}
	t, n := table(a.stdout), 0
	for rec, err := range in.store.Lines(ctx, q) {
		if err != nil {
			return err
		}
		if o.limit > 0 && n == o.limit {
			a.note("There are more; see --limit.")
			break
		}
		f, known := files[rec.Address.File]
		if !known {
			if f, err = in.store.File(ctx, rec.Address.File); err != nil {
				return err
			}
			files[f.ID] = f
		}
		l := toLineJSON(rec, f.Header.Merchant)
		n++
		if a.json {
			if err := a.printJSONLine(l); err != nil {
				return err
			}
			continue
		}
		if n%tableBlock == 1 {
			if err := t.Flush(); err != nil {
				return err
			}
			row(t, "FILE", "LINE", "REFERENCE", "COMMAND", "AMOUNT", "STATE", "CODE", "GATEWAY", "KEY")
		}
		amount := ""
		if l.Amount != nil {
			amount = l.Amount.Text
		}
		row(t, l.File, l.Line, l.Ref, l.Command, amount, l.State, l.Code, l.Gateway, l.Key)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if n == 0 {
		a.note("There is no such line.")
	}
	return nil
}
