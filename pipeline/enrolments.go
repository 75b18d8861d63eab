package pipeline

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// findEnrolment reads how the line's card stands with American Express.
func (p *prepared) findEnrolment(ctx context.Context, r *Run) error {
	if p.contract == nil || p.contract.SmartBill == nil || p.wallet == nil || p.card.Index == 0 {
		return nil
	}
	for e, err := range r.Store.Enrolments(ctx, store.EnrolmentQuery{Merchant: p.merchant, Wallet: p.wallet.ID}) {
		if err != nil {
			return err
		}
		if e.CardIndex == p.card.Index {
			p.enrolment = &e
		}
	}
	return nil
}

// enrols reports whether a card of the line's contract is registered with American Express by the route.
func (p *prepared) enrols(card batch.Card, route batch.SmartBillRoute) bool {
	s := p.contract.SmartBill
	return s != nil && s.Route == route && card.Type == batch.TypeAmex
}

// enrol opens a wallet whose card American Express is asked to take up. Its number is kept,
// sealed, until American Express has answered: the enrolment file needs it.
func (p *prepared) enrol(o *store.LineOutcome, at time.Time) error {
	card := p.card
	card.Status = batch.CardWaiting
	p.keepCard(o, card, at)
	kept := &o.Changes.Wallet.Cards[0]
	sealed, err := p.vault.Seal(p.rec.Line.CardNumber.Reveal(), batch.CardBinding(p.merchant, p.rec.Line.WalletID, kept.Index))
	if err != nil {
		return fmt.Errorf("file %d line %d: seal the card number: %w", p.rec.Address.File, p.rec.Address.No, err)
	}
	kept.Sealed = sealed
	o.Changes.Enrolment = p.newEnrolment(o, at)
	return nil
}

// newEnrolment is the registration of the card that the outcome keeps.
func (p *prepared) newEnrolment(o *store.LineOutcome, at time.Time) *batch.Enrolment {
	index, _ := strconv.Atoi(o.Answer.CardIndex) // keepCard has written it
	s := p.contract.SmartBill
	return &batch.Enrolment{
		Merchant: p.merchant, Wallet: p.rec.Line.WalletID, CardIndex: index, Contract: p.contract.ID, SE: s.SE, Route: s.Route,
		Alias: batch.AliasOf(p.rec.Line.WalletID, index, s.AliasPad), Key: batch.NewKey(p.merchant, p.rec.Line.Ref, p.attempt),
		RegisteredAt: at, Status: batch.CardWaiting,
	}
}
