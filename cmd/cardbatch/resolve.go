package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/pipeline"
	"cardbatch/store"
)

type resolveOptions struct {
	file, line string
	as         string
	reason     string
	code       string
	txn        string
	token      string
	unknown    bool
	yes        bool
}

func (a *app) newResolve() *cobra.Command {
	var o resolveOptions
	c := &cobra.Command{
		Use:   "resolve FILE LINE",
		Short: "Decide a line that is in doubt or pending",
		Long: `resolve records your decision on a line whose outcome no lookup could find. Look
it up at the processor first: 'cardbatch explain FILE LINE' shows its key there.
The decision has the same effects on wallets, transactions and agreements as the
gateway's answer would have had; the next run tells the merchant in a SUPPLEMENT.

  --as approved   it was carried out. For a payment add the processor's
                  --transaction-id if follow-ups will name it; for a card the
                  --token that the processor gave
  --as declined   the issuer or processor said no
  --as refused    the processor never accepted the request
  --as queued     send it again under the same key. That charges twice if the
                  processor did carry it out and has forgotten the key, so it
                  also wants --gateway-says-unknown

The reason goes to the journal, with your name. It takes the lock, so no run may
be under way.` + exitHelp(exitLocked, exitConfig, exitSafety),
		Example: `  cardbatch resolve PAY-20261121-01 INV-9005 --as approved --reason 'order found captured in the merchant portal, case 4711'
  cardbatch resolve 3 7 --as queued --gateway-says-unknown --reason 'processor confirmed in writing, case 4711'`,
		GroupID: "decide",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			o.file, o.line = args[0], args[1]
			return a.resolve(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.as, "as", "", "approved, declined, refused or queued (mandatory)")
	f.StringVar(&o.reason, "reason", "", "why, for the journal (mandatory)")
	f.StringVar(&o.code, "code", "", "five-digit code of the answer (default: the usual one)")
	f.StringVar(&o.txn, "transaction-id", "", "the transaction's id (default: the key)")
	f.StringVar(&o.token, "token", "", "the gateway's token of the card, for an approved wallet line")
	f.BoolVar(&o.unknown, "gateway-says-unknown", false, "with --as queued: the processor has confirmed that it never received the key")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	return c
}

var codeForm = regexp.MustCompile(`^[0-9]{5}$`)

// decision turns the flags into a decision, and refuses what cannot be one.
func (o resolveOptions) decision() (pipeline.Decision, error) {
	none := pipeline.Decision{}
	to := batch.LineState(o.as)
	switch to {
	case batch.Approved, batch.Declined, batch.Refused, batch.Queued:
	default:
		return none, usageError("--as takes approved, declined, refused or queued")
	}
	if err := checkReason(o.reason); err != nil {
		return none, err
	}
	for _, id := range []struct {
		flag, value string
		max         int
	}{{"transaction-id", o.txn, 50}, {"token", o.token, 64}} {
		if id.value == "" {
			continue
		}
		if to != batch.Approved {
			return none, usageError("--%s goes with --as approved", id.flag)
		}
		if wrong := batch.CheckIdentifier(id.value, id.max); wrong != "" {
			return none, usageError("--%s: %s", id.flag, wrong)
		}
	}
	switch {
	case to == batch.Queued && !o.unknown:
		return none, usageError("--as queued sends the line again; add --gateway-says-unknown once the processor has confirmed that it never received the key")
	case to != batch.Queued && o.unknown:
		return none, usageError("--gateway-says-unknown goes with --as queued")
	case o.code != "" && (!codeForm.MatchString(o.code) || to == batch.Queued):
		return none, usageError("--code takes five digits, and goes with an outcome")
	}
	return pipeline.Decision{To: to, Code: o.code, TransactionID: batch.TransactionID(o.txn), Token: o.token, Reason: o.reason}, nil
}

func (a *app) resolve(ctx context.Context, o resolveOptions) (err error) {
	d, err := o.decision()
	if err != nil {
		return err
	}
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := findFile(ctx, in.store, o.file)
	if err != nil {
		return err
	}
	rec, err := findLine(ctx, in.store, f, o.line)
	if err != nil {
		return err
	}
	t := teller{file: f, rec: rec}
	question := fmt.Sprintf("Line %d of %s, %s: %s. It is %s; make it %s?", rec.Address.No, f.Name, rec.Line.Ref, t.asks(), spoken(rec.State), d.To)
	if d.To == batch.Queued {
		question += " It will be SENT AGAIN: if the processor did carry it out, that charges twice."
	}
	if err := a.confirm(question, o.yes); err != nil {
		return err
	}
	// The lock is taken after the question: nobody waits for a person's answer.
	session, err := in.begin(ctx, "resolve")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.End()) }()
	r, err := in.offline(session)
	if err != nil {
		return err
	}
	err = r.Decide(ctx, rec.Address, d)
	switch {
	case errors.Is(err, pipeline.ErrDecision):
		next := "`cardbatch explain` tells where the line stands."
		if rec.State == batch.Submitting {
			next = "A run died while it was sending: `cardbatch run --only recover,resolve` looks it up first."
		}
		return &codeError{exitFailure, err, next}
	case errors.Is(err, store.ErrStale):
		return &codeError{exitFailure, err, "A run was faster; look again with `cardbatch explain`."}
	case err != nil:
		return err
	}
	if rec, err = in.store.Line(ctx, rec.Address); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(toLineJSON(rec, f.Header.Merchant))
	}
	next := "the next run tells the merchant"
	if d.To == batch.Queued {
		next = "the next run sends it again under the same key"
	}
	_, err = fmt.Fprintf(a.stdout, "Line %d of %s is %s; %s.\n", rec.Address.No, f.Name, spoken(rec.State), next)
	return err
}
