package pipeline

import (
	"context"
	"slices"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// Notices leave in two steps: they are put into the outbox in the transaction of what they
// tell of, and the notify step delivers what is due there (smartbill, section 5).

// tellCreation tells that the line's wallet was created.
func (p *prepared) tellCreation(o *store.LineOutcome, at time.Time) {
	if p.rec.Line.Command == batch.CreateWallet && o.Changes.Wallet != nil {
		o.Notify = p.contract.Notices.Notifications(batch.CreationNotice(o.Changes.Wallet), at)
	}
}

// tellPayment tells of an approved wallet payment.
func (p *prepared) tellPayment(o *store.LineOutcome, at time.Time) {
	if p.rec.Line.Command == batch.DoImmediateWalletPayment && p.wallet != nil {
		o.Notify = p.contract.Notices.Notifications(batch.PaymentNotice(p.wallet, p.request.Key, o.Answer.TransactionID), at)
	}
}

// tellStatuses puts what American Express said of cards into the outbox. It goes before the
// record of the events: dying in between, a run finds the same events again, and the outbox
// leaves out what it knows.
func (r *Run) tellStatuses(ctx context.Context, events []batch.StatusEvent, enrolments []batch.Enrolment) error {
	type whose struct { // two merchants may have a wallet of the same name
		merchant batch.MerchantID
		alias    string
	}
	byAlias := map[whose]batch.Enrolment{}
	wallets := map[batch.MerchantID][]batch.WalletID{}
	for _, e := range enrolments {
		byAlias[whose{e.Merchant, e.Alias}] = e
		wallets[e.Merchant] = append(wallets[e.Merchant], e.Wallet)
	}
	found := map[batch.MerchantID]map[batch.WalletID]*batch.Wallet{}
	for merchant, ids := range wallets {
		known, err := r.Store.Wallets(ctx, merchant, ids)
		if err != nil {
			return err
		}
		found[merchant] = known
	}
	var all []batch.Notification
	for _, event := range events {
		e, enrolled := byAlias[whose{event.Merchant, event.Alias}]
		contract, w := r.contract(e.Merchant, e.Contract), found[e.Merchant][e.Wallet]
		if !enrolled || contract == nil || w == nil || event.Status == batch.CardWaiting {
			continue // an exception, nobody to tell, or no news
		}
		if contradicts, err := r.contradicts(ctx, e, event); err != nil {
			return err
		} else if contradicts {
			continue
		}
		all = append(all, contract.Notices.Notifications(noticeOf(w, e.CardIndex, event), r.Clock())...)
	}
	if len(all) == 0 {
		return nil
	}
	return r.Session.Notify(ctx, all)
}

// contradicts reports whether a status that is no end cannot be after what is known of the card.
func (r *Run) contradicts(ctx context.Context, e batch.Enrolment, event batch.StatusEvent) (bool, error) {
	if event.Status.Ended() {
		return false, nil // an end is believed always
	}
	events := []batch.StatusEvent{event}
	for known, err := range r.Store.StatusEvents(ctx, e.ID) {
		if err != nil {
			return false, err
		}
		events = append(events, known)
	}
	_, _, contradictions := batch.Fold(e, events)
	return slices.ContainsFunc(contradictions, func(c batch.Contradiction) bool { return c.Event.Status == event.Status && c.Event.At.Equal(event.At) }), nil
}

func noticeOf(w *batch.Wallet, index int, event batch.StatusEvent) batch.Notice {
	if event.Status == batch.CardCancelled {
		return batch.CancellationNotice(w, index, event)
	}
	return batch.EnrolmentNotice(w, index, event)
}

// TellStatuses implements what an exchange wants to be told before it records events.
func (r *Run) TellStatuses(ctx context.Context, se string, events []batch.StatusEvent) error {
	aliases := make([]string, 0, len(events))
	for _, e := range events {
		aliases = append(aliases, e.Alias)
	}
	if len(aliases) == 0 {
		return nil
	}
	var enrolments []batch.Enrolment
	for e, err := range r.Store.Enrolments(ctx, store.EnrolmentQuery{SE: se, Aliases: aliases}) {
		if err != nil {
			return err
		}
		enrolments = append(enrolments, e)
	}
	return r.tellStatuses(ctx, events, enrolments)
}

// notifyDue tells cardholders of cards that are about to expire, then delivers what is due.
func notifyDue(ctx context.Context, r *Run) error {
	if err := r.tellExpiries(ctx); err != nil {
		return err
	}
	if r.Deliver == nil {
		return nil
	}
	sent, err := r.Deliver(ctx)
	r.count(func(s *Summary) { s.Notified += sent })
	return r.trouble("notifications", err)
}

// tellExpiries puts a notice into the outbox for every card that expires this month.
func (r *Run) tellExpiries(ctx context.Context) error {
	for merchant, contracts := range r.Contracts {
		if !anyTellsExpiry(contracts) {
			continue
		}
		var all []batch.Notification
		for w, err := range r.Store.ListWallets(ctx, merchant) {
			if err != nil {
				return err
			}
			contract := contracts[w.Contract]
			if contract == nil || w.Status != batch.WalletActive {
				continue
			}
			month := r.Clock().In(contract.Zone).Format("0106")
			for _, c := range w.Cards {
				if c.Expiry == month && c.Status.Usable() {
					all = append(all, contract.Notices.Notifications(batch.ExpiryNotice(&w, c), r.Clock())...)
				}
			}
			if len(all) >= r.Chunk {
				if err := r.Session.Notify(ctx, all); err != nil {
					return err
				}
				all = all[:0]
			}
		}
		if len(all) > 0 {
			if err := r.Session.Notify(ctx, all); err != nil {
				return err
			}
		}
	}
	return nil
}

func anyTellsExpiry(contracts map[batch.ContractID]*batch.Contract) bool {
	for _, c := range contracts {
		for _, kind := range c.Notices.Mail {
			if kind == batch.NoticeExpiring {
				return true
			}
		}
	}
	return false
}
