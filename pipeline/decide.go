package pipeline

import (
	"context"
	"errors"
	"fmt"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/store"
)

// Decision is an operator's word on a line that no lookup could end.
type Decision struct {
	To            batch.LineState     // Approved, Declined or Refused; Queued sends the line again under its key
	Code          string              // five digits; empty: the usual code of the outcome
	TransactionID batch.TransactionID // of an approved payment; empty: the key of the attempt
	Token         string              // of the card that an approved wallet line keeps
	Reason        string              // for the journal
}

// ErrDecision: the line is in no state that an operator may decide, or the decision lacks something.
var ErrDecision = errors.New("this line cannot be decided so")

// Decide ends a line by an operator's word, with the same effects on wallets,
// transactions and agreements as if a lookup had found the answer.
func (r *Run) Decide(ctx context.Context, at batch.LineAddress, d Decision) error {
	rec, err := r.Store.Line(ctx, at)
	if err != nil {
		return err
	}
	if err := d.check(rec); err != nil {
		return err
	}
	if d.To == batch.Queued {
		return r.Session.Record(ctx, []store.LineOutcome{{At: at, Expect: rec.State, To: batch.Queued, Reason: d.Reason}})
	}
	all, err := r.load(ctx, []batch.LineRecord{rec}, nil, r.Clock())
	if err != nil {
		return err
	}
	p := all[0]
	if p.contract == nil {
		// A contract that is not configured any more keeps nobody from deciding.
		p.contract = &batch.Contract{ID: rec.Line.Contract, Merchant: p.merchant, Gateway: rec.Gateway}
	}
	if err := p.build(nil); err != nil {
		return err
	}
	o := p.outcome(d.answer(p), r.Clock())
	o.Reason = d.Reason
	return r.Session.Record(ctx, []store.LineOutcome{o})
}

// check refuses decisions that the states do not know, and an approved card without its token.
func (d Decision) check(rec batch.LineRecord) error {
	if rec.State != batch.InDoubt && rec.State != batch.Pending {
		return fmt.Errorf("%w: it is %s; only what is in doubt or pending waits for a decision", ErrDecision, rec.State)
	}
	if !rec.State.CanBecome(d.To) || !d.To.Final() && d.To != batch.Queued {
		return fmt.Errorf("%w: a line that is %s cannot become %s by an operator's word", ErrDecision, rec.State, d.To)
	}
	wallet := rec.Line.Command.Phase() == batch.PhaseWallet
	if d.To == batch.Approved && wallet && len(rec.Sealed) > 0 && d.Token == "" {
		return fmt.Errorf("%w: an approved card needs the token that the gateway gave for it", ErrDecision)
	}
	return nil
}

// answer is what the gateway would have said. What it did say of a pending line is kept.
func (d Decision) answer(p *prepared) gateway.Answer {
	a := gateway.Answer{State: d.To, Answer: p.rec.Answer, Token: d.Token}
	a.Code, a.Message = d.Code, ""
	wallet := p.rec.Line.Command.Phase() == batch.PhaseWallet
	if a.Code == "" {
		switch {
		case d.To == batch.Declined:
			a.Code = batch.CodeDeclined
		case d.To == batch.Refused:
			a.Code = batch.CodeBadTransaction
		case wallet:
			a.Code = batch.CodeDone
		default:
			a.Code = batch.CodeAccepted
		}
	}
	if d.To == batch.Approved && !wallet {
		if a.TransactionID = d.TransactionID; a.TransactionID == "" {
			a.TransactionID = batch.TransactionID(p.request.Key)
		}
	}
	return a
}
