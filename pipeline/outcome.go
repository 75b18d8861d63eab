package pipeline

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/store"
)

// givenBack: provably nothing was sent; the line is queued again.
func (p *prepared) givenBack() store.LineOutcome {
	return store.LineOutcome{At: p.rec.Address, Expect: batch.Submitting, To: batch.Queued}
}

// inDoubt: something was sent and no trusted answer came.
func (p *prepared) inDoubt(at time.Time) store.LineOutcome {
	return store.LineOutcome{
		At: p.rec.Address, Expect: batch.Submitting, To: batch.InDoubt, CompletedAt: at,
		Answer: batch.Answer{Code: batch.CodeNoAnswer},
	}
}

// refused: a rule ends the line before anything is sent.
func (p *prepared) refused(ruling batch.Ruling, at time.Time) store.LineOutcome {
	return store.LineOutcome{
		At: p.rec.Address, Expect: batch.Queued, To: batch.Refused, CompletedAt: at,
		Answer: batch.Answer{Code: ruling.Code, Message: ruling.Message},
	}
}

// outcome turns a gateway's answer into the line's outcome and all that follows from it.
func (p *prepared) outcome(answer gateway.Answer, at time.Time) store.LineOutcome {
	expect := p.expect
	if expect == batch.Queued {
		expect = batch.Submitting
	}
	o := store.LineOutcome{At: p.rec.Address, Expect: expect, To: answer.State, Answer: answer.Answer, CompletedAt: at}
	l := &p.rec.Line
	if o.Answer.Card == "" {
		o.Answer.Card = p.card.Masked()
	}
	if o.Answer.CardExpiry == "" {
		o.Answer.CardExpiry = p.card.Expiry
	}
	switch l.Command.Phase() {
	case batch.PhaseWallet:
		p.walletOutcome(&o, answer, at)
	case batch.PhasePayment:
		p.paymentOutcome(&o, answer, at)
	case batch.PhaseFollowUp:
		p.followUpOutcome(&o)
	}
	return o
}

// walletOutcome keeps the card of an approved wallet line, or takes back the wallet that was opening.
func (p *prepared) walletOutcome(o *store.LineOutcome, answer gateway.Answer, at time.Time) {
	l := &p.rec.Line
	if !o.To.Final() {
		return
	}
	if o.To != batch.Approved {
		if l.Command == batch.CreateWallet {
			o.Changes.CloseWallet = &l.WalletID
		} else {
			o.Changes.ClearOpen = &l.WalletID
		}
		return
	}
	if l.Command != batch.CreateWallet && l.Command != batch.UpdateWallet {
		p.switchWallet(o, at)
		if l.Command == batch.GetWallet {
			p.learn(o, answer.Answer, at)
		}
		return
	}
	card := p.card
	if l.Command == batch.CreateWallet || !l.CardNumber.IsZero() || l.CardToken != "" {
		card.Status = batch.CardActive // a card that stays keeps its own
	}
	if answer.Token != "" || !l.CardNumber.IsZero() {
		card.Token = answer.Token
	}
	if answer.CardType != "" && card.Type == "" {
		card.Type = answer.CardType
	}
	if answer.NetworkTransaction != "" {
		card.NetworkTransaction = answer.NetworkTransaction
	}
	p.changeCard(&card)
	if l.Command == batch.CreateWallet && p.enrols(card, batch.ViaPayline) {
		card.Status = batch.CardWaiting // what more is known, the next question tells
	}
	p.keepCard(o, card, at)
	if l.Command == batch.CreateWallet && p.enrols(card, batch.ViaPayline) {
		o.Changes.Enrolment = p.newEnrolment(o, at)
	}
	p.tellCreation(o, at)
}

// changeCard gives a card that stays the details that an updateWallet line gives.
func (p *prepared) changeCard(card *batch.Card) {
	l := &p.rec.Line
	card.Expiry = cmp.Or(l.CardExpiry, card.Expiry)
	card.Cardholder = cmp.Or(l.Cardholder, card.Cardholder)
}

// keepCard writes the line's wallet with the card at the index that the gateway chose,
// or else the one that the line means.
func (p *prepared) keepCard(o *store.LineOutcome, card batch.Card, at time.Time) {
	l := &p.rec.Line
	chosen, _ := strconv.Atoi(o.Answer.CardIndex) // empty unless the gateway chooses
	var w batch.Wallet
	if l.Command == batch.CreateWallet {
		w = *p.opening()
		w.CreatedAt = at
		if chosen > 0 {
			w.DefaultCard = chosen
		}
		card.Index = w.DefaultCard
	} else {
		w = p.changedWallet()
		card.Index = cmp.Or(chosen, batch.CardIndexOf(l), w.DefaultCard)
	}
	w.Status, w.OpenLine, w.UpdatedAt = batch.WalletActive, batch.LineAddress{}, at
	if old, known := w.Card(card.Index); known && batch.DataOf(old) != batch.DataOf(card) {
		card.ChangedAt = at
	}
	p.keepNumber(&card)
	w.PutCard(card)
	o.Changes.Wallet = &w
	o.Answer.CardIndex = strconv.Itoa(card.Index)
	o.Answer.CardStatus = card.Status
	o.Answer.Card, o.Answer.CardExpiry, o.Answer.CardType = card.Masked(), card.Expiry, card.Type
}

// keepNumber seals the card's number for the account updater of the contract, which is asked by
// number. One that cannot be sealed is not kept, and the updater not asked about it.
func (p *prepared) keepNumber(card *batch.Card) {
	l := &p.rec.Line
	number, copied := l.CardNumber.Reveal(), p.original != nil && l.Command == batch.CreateWallet
	if number == "" && !copied {
		return // it stays as it is
	}
	sealed := card.Sealed
	card.Sealed = nil
	if p.contract.Updater == "" {
		return
	}
	if number == "" && len(sealed) > 0 {
		number, _ = p.vault.Unseal(sealed, batch.CardBinding(p.merchant, p.original.WalletID, p.original.CardIndex))
	}
	if number != "" {
		card.Sealed, _ = p.vault.Seal(number, batch.CardBinding(p.merchant, l.WalletID, card.Index))
	}
}

// changedWallet is the wallet with the buyer's details that an updateWallet line gives.
func (p *prepared) changedWallet() batch.Wallet {
	w, l := *p.wallet, &p.rec.Line
	w.Cards = slices.Clone(w.Cards)
	for _, change := range []struct {
		to   *string
		from string
	}{{&w.LastName, l.LastName}, {&w.FirstName, l.FirstName}, {&w.Email, l.Email}, {&w.Language, l.Language}} {
		if change.from != "" {
			*change.to = change.from
		}
	}
	return w
}

// localOutcome carries out a wallet line that needs no call.
func (p *prepared) localOutcome(at time.Time) (store.LineOutcome, error) {
	o := store.LineOutcome{
		At: p.rec.Address, Expect: batch.Queued, To: batch.Approved, CompletedAt: at,
		Answer: batch.Answer{Code: batch.CodeDone},
	}
	l := &p.rec.Line
	switch l.Command {
	case batch.CreateWallet:
		if !p.enrols(p.card, batch.ViaFiles) {
			p.keepCard(&o, p.card, at)
		} else if err := p.enrol(&o, at); err != nil {
			return o, err
		}
		p.tellCreation(&o, at)
	case batch.UpdateWallet:
		card, _ := l.CardOf(p.wallet)
		if l.CardToken != "" {
			card = p.card
		}
		p.changeCard(&card)
		p.keepCard(&o, card, at)
	default:
		p.switchWallet(&o, at)
	}
	return o, nil
}

// switchWallet disables or enables a wallet or one of its cards, or only shows it.
func (p *prepared) switchWallet(o *store.LineOutcome, at time.Time) {
	l := &p.rec.Line
	w := p.changedWallet()
	w.UpdatedAt, w.OpenLine = at, batch.LineAddress{}
	card, _ := l.CardOf(&w)
	switch status := map[batch.Command]batch.CardStatus{batch.DisableWallet: batch.CardDisabled, batch.EnableWallet: batch.CardActive}[l.Command]; {
	case status == "": // getWallet
		o.Changes.ClearOpen = &l.WalletID
	case l.CardIndex != "":
		card.Status = status
		if status == batch.CardActive && p.enrolment != nil {
			card.Status = p.enrolment.Status // it stands with American Express as it did
		}
		w.PutCard(card)
		o.Changes.Wallet = &w
	case status == batch.CardDisabled:
		w.Status = batch.WalletDisabled
		o.Changes.Wallet = &w
	default:
		w.Status = batch.WalletActive
		o.Changes.Wallet = &w
	}
	o.Answer.CardIndex, o.Answer.CardStatus = strconv.Itoa(card.Index), card.Status
	if w.Status == batch.WalletDisabled && !card.Status.Ended() {
		o.Answer.CardStatus = batch.CardDisabled
	}
	o.Answer.Card, o.Answer.CardExpiry, o.Answer.CardType = card.Masked(), card.Expiry, card.Type
}

// learn takes over what a gateway that keeps the card tells of it.
func (p *prepared) learn(o *store.LineOutcome, told batch.Answer, at time.Time) {
	w := p.changedWallet()
	card, known := p.rec.Line.CardOf(&w)
	if !known {
		return
	}
	before := card
	card = p.updateTold(o, told, at)
	card.Expiry, card.Type = cmp.Or(told.CardExpiry, card.Expiry), cmp.Or(told.CardType, card.Type)
	o.Answer.CardExpiry, o.Answer.CardType = card.Expiry, card.Type
	o.Answer.Card, o.Answer.CardStatus = cmp.Or(told.Card, o.Answer.Card), cmp.Or(told.CardStatus, o.Answer.CardStatus)
	if card.Expiry != before.Expiry || card.Type != before.Type {
		w.UpdatedAt, w.OpenLine = at, batch.LineAddress{}
		w.PutCard(card)
		o.Changes.Wallet, o.Changes.ClearOpen = &w, nil
	}
}

// paymentOutcome moves the series on, and stops what the issuer has revoked.
func (p *prepared) paymentOutcome(o *store.LineOutcome, answer gateway.Answer, at time.Time) {
	l := &p.rec.Line
	card := p.updateTold(o, answer.Answer, at)
	if p.card.Index > 0 {
		o.Answer.CardIndex, o.Answer.CardStatus = strconv.Itoa(p.card.Index), p.card.Status
	}
	if o.To == batch.Approved {
		p.tellPayment(o, at)
		if a, ok := batch.Series(l, p.merchant, p.agreement, p.request.Key, p.fingerprint, &answer.Answer, at); ok {
			o.Changes.Agreement = &a
		}
		// The first transaction that the cardholder made with a kept card is what later ones refer to.
		if p.wallet != nil && p.card.Index > 0 && p.card.NetworkTransaction == "" && answer.NetworkTransaction != "" && l.SourceOf() != batch.SourceMerchant {
			card.NetworkTransaction = answer.NetworkTransaction
		}
	}
	if (answer.StopSeries || answer.StopCard) && p.agreement != nil {
		a := *p.agreement
		a.Stopped = true
		o.Changes.Agreement = &a
	}
	if answer.StopCard && p.wallet != nil && p.card.Index > 0 {
		card.Status = batch.CardDisabled
		o.Answer.CardStatus = card.Status
	}
	if learned := card.Status != p.card.Status || card.NetworkTransaction != p.card.NetworkTransaction || card.Expiry != p.card.Expiry; learned {
		o.Changes.Wallet = withCard(p.wallet, card, at)
	}
}

// record commits the outcomes of a group of lines.
func (r *Run) record(ctx context.Context, group []done) error {
	if err := r.refreshWallets(ctx, group); err != nil {
		return err
	}
	outcomes := make([]store.LineOutcome, len(group))
	for i, g := range group {
		outcomes[i] = g.LineOutcome
	}
	if err := r.Session.Record(ctx, outcomes); err != nil {
		return err
	}
	return r.learnStatuses(ctx, group)
}

// refreshWallets carries what payments learned of their cards over to the wallets as
// they stand now. Payments of one wallet may fly side by side, and the one that lands
// last must not bring back a card that another has stopped.
func (r *Run) refreshWallets(ctx context.Context, group []done) error {
	stale := map[batch.MerchantID][]batch.WalletID{}
	for _, g := range group {
		if w := g.Changes.Wallet; w != nil && g.rec.Line.Command.Phase() == batch.PhasePayment {
			stale[g.merchant] = append(stale[g.merchant], w.ID)
		}
	}
	for merchant, ids := range stale {
		fresh, err := r.Store.Wallets(ctx, merchant, ids)
		if err != nil {
			return err
		}
		for i := range group {
			g := &group[i]
			learned := g.Changes.Wallet
			if learned == nil || g.merchant != merchant || g.rec.Line.Command.Phase() != batch.PhasePayment || fresh[learned.ID] == nil {
				continue
			}
			changed, _ := learned.Card(g.card.Index)
			card, ok := fresh[learned.ID].Card(g.card.Index)
			if !ok || card.Token != changed.Token { // another card has its place by now
				g.Changes.Wallet, g.Changes.Updates = nil, nil
				continue
			}
			if changed.Status == batch.CardDisabled {
				card.Status = changed.Status
			}
			if card.NetworkTransaction == "" {
				card.NetworkTransaction = changed.NetworkTransaction
			}
			if batch.ExpiresLater(changed.Expiry, card.Expiry) {
				card.Expiry, card.ChangedAt = changed.Expiry, changed.ChangedAt
			} else {
				g.Changes.Updates = nil // another answer has told it
			}
			g.Changes.Wallet = withCard(fresh[learned.ID], card, learned.UpdatedAt)
			fresh[learned.ID] = g.Changes.Wallet
		}
	}
	return nil
}

// withCard is the wallet with one card changed; the wallet given stays as it is.
func withCard(w *batch.Wallet, card batch.Card, at time.Time) *batch.Wallet {
	changed := *w
	changed.Cards = slices.Clone(w.Cards)
	changed.PutCard(card)
	changed.UpdatedAt = at
	return &changed
}

// followUpOutcome moves the original on.
func (p *prepared) followUpOutcome(o *store.LineOutcome) {
	if o.To != batch.Approved {
		return
	}
	l := &p.rec.Line
	amount, _ := l.Amount()
	f := &batch.FollowUp{}
	switch l.Command {
	case batch.DoReAuthorization, batch.DisablePaymentRecord:
		return // the one makes a transaction of its own, the other acts on none
	case batch.DoCapture:
		f.Captured, f.Key, f.ID = amount.Minor, p.request.Key, o.Answer.TransactionID
	case batch.DoRefund:
		f.Refunded = amount.Minor
	case batch.DoReset:
		f.Cancelled = true
	}
	f.Original = p.original.Line
	o.Changes.Transaction = f
}
