package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/store"
)

// Updater is a source of card updates: an account updater, or another processor's files.
type Updater struct {
	Name     string
	Exchange UpdaterExchange
}

// UpdaterExchange is what a run does with a source of card updates.
type UpdaterExchange interface {
	// Ingest takes the acknowledgements and answers that have come, and closes requests whose
	// time is over. What is wrong with one file keeps none of the others from being taken.
	Ingest(ctx context.Context) (Updated, error)
	// Request sends the requests that wait, and once a month those of the month; it returns how
	// many cards were asked about.
	Request(ctx context.Context) (int, error)
}

// Updated is what a source of card updates brought.
type Updated struct {
	Taken, Rejected int // files
	Changed         int // cards with newer data, those included that their gateway has to take first
	Disabled        int // cards that may not be charged any more
	Exceptions      int // records that mean no card of ours
	Refused         int // records that the provider refused as they were
	GivenUp         int // records without a decision in time
}

// Add adds what another file brought.
func (u *Updated) Add(more Updated) {
	u.Taken += more.Taken
	u.Rejected += more.Rejected
	u.Changed += more.Changed
	u.Disabled += more.Disabled
	u.Exceptions += more.Exceptions
	u.Refused += more.Refused
	u.GivenUp += more.GivenUp
}

// ingestUpdates takes what updaters tell of cards, and tells the gateways that keep them.
func (r *Run) ingestUpdates(ctx context.Context) error {
	for _, u := range r.Updaters {
		brought, err := u.Exchange.Ingest(ctx)
		r.count(func(s *Summary) {
			s.PartnerFiles += brought.Taken
			s.Rejected += brought.Rejected
			s.CardsUpdated += brought.Changed
			s.CardsDisabled += brought.Disabled
			s.UpdateExceptions += brought.Exceptions
			s.UpdatesRefused += brought.Refused
			s.UpdatesGivenUp += brought.GivenUp
		})
		if err := r.trouble("updater "+u.Name, err); err != nil {
			return err
		}
	}
	return r.tellGateways(ctx)
}

// requestUpdates asks updaters about cards.
func (r *Run) requestUpdates(ctx context.Context) error {
	for _, u := range r.Updaters {
		if r.stopping() {
			return nil
		}
		asked, err := u.Exchange.Request(ctx)
		r.count(func(s *Summary) { s.UpdatesAsked += asked })
		if err := r.trouble("updater "+u.Name, err); err != nil {
			return err
		}
	}
	return nil
}

// TakeTerms are the terms on which the run takes what updaters tell.
func (r *Run) TakeTerms(shadow bool) store.TakeTerms {
	return store.TakeTerms{At: r.Clock(), Shadow: shadow, Zone: r.zoneOf, Keeps: r.keeps, Unkept: r.unkept}
}

// zoneOf is the time zone of a merchant: that of any of its contracts.
func (r *Run) zoneOf(merchant batch.MerchantID) *time.Location {
	for _, c := range r.Contracts[merchant] {
		if c.Zone != nil {
			return c.Zone
		}
	}
	return time.UTC
}

// keeps reports whether a gateway has to carry the command out before a card changes here.
func (r *Run) keeps(name batch.GatewayName, command batch.Command, number bool) bool {
	g, ok := r.Gateways[name]
	if !ok {
		return false
	}
	operation, known := g.Connector.Profile().Commands[command]
	return known && !operation.Local && (number || !operation.CardOnly)
}

// unkept reports whether a contract keeps no card numbers: its cards are not asked about.
func (r *Run) unkept(merchant batch.MerchantID, id batch.ContractID) bool {
	c := r.contract(merchant, id)
	return c == nil || c.Updater == ""
}

// tellGateways carries out what gateways that keep cards have to be told of updates: the newer
// data first, and only what a gateway took is written here. Orders of one wallet go one after
// the other, so it goes through them again as long as any came to an end.
//
// None of it moves money, so a doubt is cheap: what may have reached the gateway is looked up
// where that is possible, and otherwise told again under the same key, which leaves at worst a token that nobody uses.
func (r *Run) tellGateways(ctx context.Context) error {
	tried := map[int64]bool{}
	for ended := true; ended; {
		ended = false
		for after := int64(0); !r.stopping(); {
			orders, err := r.Store.CardOrders(ctx, after, max(r.Chunk, 1))
			if err != nil {
				return err
			}
			if len(orders) == 0 {
				break
			}
			after = orders[len(orders)-1].ID
			orders = slices.DeleteFunc(orders, func(o store.CardOrder) bool { return tried[o.ID] })
			told, err := r.ordered(ctx, orders)
			if err != nil {
				return err
			}
			for _, o := range told {
				tried[o.ID], ended = true, true
			}
			if err := r.carryOut(ctx, told); err != nil {
				return err
			}
		}
	}
	return nil
}

// order is an order with the request that carries it out.
type order struct {
	store.CardOrder
	request gateway.Request
	over    bool // the gateway need not be told: the card has left it behind, or it waited for its turn alone
}

// ordered makes the requests of orders; those whose wallet waits for a line of its own, or is at
// a gateway that is not configured, are left for later.
func (r *Run) ordered(ctx context.Context, orders []store.CardOrder) ([]order, error) {
	names := map[batch.MerchantID][]batch.WalletID{}
	for _, o := range orders {
		names[o.Merchant] = append(names[o.Merchant], o.Wallet)
	}
	wallets := map[batch.MerchantID]map[batch.WalletID]*batch.Wallet{}
	for merchant, ids := range names {
		found, err := r.Store.Wallets(ctx, merchant, ids)
		if err != nil {
			return nil, err
		}
		wallets[merchant] = found
	}
	var told []order
	taken := map[batch.GatewayName]map[batch.WalletID]bool{}
	for _, o := range orders {
		w := wallets[o.Merchant][o.Wallet]
		if _, ok := r.Gateways[o.Gateway]; !ok || w == nil || w.OpenLine != (batch.LineAddress{}) || r.gatewayStopped(o.Gateway) {
			continue
		}
		if taken[o.Gateway][o.Wallet] {
			continue
		}
		if taken[o.Gateway] == nil {
			taken[o.Gateway] = map[batch.WalletID]bool{}
		}
		taken[o.Gateway][o.Wallet] = true
		request, err := r.orderRequest(o, w)
		if err != nil {
			return nil, err
		}
		told = append(told, order{o, request, r.isOver(o, w) || !r.keeps(o.Gateway, o.Command, len(o.Sealed) > 0)})
	}
	return told, nil
}

// isOver reports whether an order is about data that its card has left behind. Also one that may have
// been carried out is then not given again: a line of the merchant's has told the gateway what counts now.
func (r *Run) isOver(o store.CardOrder, w *batch.Wallet) bool {
	if o.Command != batch.UpdateWallet {
		return false
	}
	card, _ := w.Card(o.CardIndex)
	_, effect, _ := batch.UpdatedCard(card, o.Told, r.Clock().In(r.zoneOf(o.Merchant)))
	return effect != batch.EffectChanged
}

// orderRequest is what the gateway is asked to carry out.
func (r *Run) orderRequest(o store.CardOrder, w *batch.Wallet) (gateway.Request, error) {
	request := gateway.Request{
		Key: o.Key, Command: o.Command, Contract: o.Contract, Wallet: w, CardIndex: o.CardIndex, PaymentRecord: o.Record, SubmittedAt: o.TriedAt,
	}
	if o.Command != batch.UpdateWallet {
		return request, nil
	}
	card, _ := w.Card(o.CardIndex)
	shall, _, _ := batch.UpdatedCard(card, o.Told, r.Clock().In(r.zoneOf(o.Merchant)))
	request.Card = gateway.Card{Token: card.Token, Expiry: shall.Expiry, Cardholder: card.Cardholder, Type: card.Type}
	if len(o.Sealed) > 0 {
		number, err := r.Vault.Unseal(o.Sealed, batch.CardBinding(o.Merchant, o.Wallet, o.CardIndex))
		if err != nil {
			return request, fmt.Errorf("wallet %s card %d: unseal the number that an updater told; is this the key set that sealed it? %w", o.Wallet, o.CardIndex, err)
		}
		request.Card.Number, request.Card.Token = batch.NewPAN(number), ""
	}
	return request, nil
}

// carryOut tells the gateways, as many at a time as the busiest of them allows.
func (r *Run) carryOut(ctx context.Context, told []order) error {
	if len(told) == 0 {
		return nil
	}
	ids := make([]int64, len(told))
	for i, o := range told {
		ids[i] = o.ID
	}
	if err := r.Session.SubmitOrders(ctx, ids, r.Clock()); err != nil {
		return err
	}
	r.reached("orders submitting")
	outcomes := make([]store.OrderOutcome, len(told))
	var group errgroup.Group
	group.SetLimit(r.callsAtOnce())
	for i, o := range told {
		group.Go(func() error {
			outcomes[i] = r.carry(ctx, o)
			r.reached("order called")
			if outcomes[i].To == store.OrderRefused {
				r.Log.Warn("a gateway refused what an updater told of a card", "gateway", string(o.Gateway), "wallet", string(o.Wallet), "card", o.CardIndex, "reason", outcomes[i].Reason)
			}
			return nil
		})
	}
	_ = group.Wait() // no call fails: each has an outcome
	// What gateways said is recorded, also when somebody wants an end.
	if err := r.Session.RecordOrders(context.WithoutCancel(ctx), outcomes, r.Clock(), r.TakeTerms(false)); err != nil {
		return err
	}
	r.reached("orders recorded")
	return ctx.Err()
}

// carry makes the call of one order.
func (r *Run) carry(ctx context.Context, o order) store.OrderOutcome {
	outcome := store.OrderOutcome{ID: o.ID, To: store.OrderWaiting}
	if r.gatewayStopped(o.Gateway) {
		return outcome
	}
	if o.over {
		outcome.To = store.OrderDone
		return outcome
	}
	answer, err := r.call(ctx, o)
	switch {
	case errors.Is(err, gateway.ErrCircuitOpen) || errors.Is(err, gateway.ErrCredentials):
		r.stopGateway(o.Gateway, err) // as it would at the next line; it is told once
		outcome.Reason = err.Error()
	case err != nil:
		outcome.Reason = err.Error()
		if !gateway.IsNotSent(err) {
			outcome.To = store.OrderSubmitting
		}
	case answer.State == batch.Approved:
		outcome.To, outcome.Token = store.OrderDone, answer.Token
	case answer.State == batch.Declined || answer.State == batch.Refused:
		outcome.To, outcome.Reason = store.OrderRefused, batch.MaskCardNumbers(answer.Code+" "+answer.Message)
	default:
		outcome.To, outcome.Reason = store.OrderSubmitting, "the gateway does not know yet"
	}
	return outcome
}

// call asks what became of an order that may have been carried out by a run that died, and otherwise gives it.
func (r *Run) call(ctx context.Context, o order) (gateway.Answer, error) {
	connector := r.Gateways[o.Gateway].Connector
	if o.State == store.OrderSubmitting && connector.Profile().Commands[o.Command].Lookup {
		if answer, err := connector.Lookup(ctx, o.request); !errors.Is(err, gateway.ErrUnknownKey) {
			return answer, err
		}
	}
	return connector.Do(ctx, o.request)
}

// updateTold takes over what a gateway's answer tells of the stored card that it charged: a
// later expiry. The processor keeps its own token up to date; here the copy follows. An
// earlier date is no news: the processor may not have heard of ours.
func (p *prepared) updateTold(o *store.LineOutcome, told batch.Answer, at time.Time) batch.Card {
	card := p.card
	if p.wallet == nil || card.Index == 0 || card.Status != batch.CardActive || !o.To.Final() || !batch.ExpiresLater(told.CardExpiry, card.Expiry) {
		return card
	}
	news := batch.ToldUpdate{Outcome: batch.NewExpiry, At: at, Expiry: told.CardExpiry}
	changed, effect, note := batch.UpdatedCard(card, news, at.In(p.contract.Zone))
	if effect != batch.EffectChanged {
		return card
	}
	o.Changes.Updates = append(o.Changes.Updates, batch.CardUpdate{
		Merchant: p.merchant, Wallet: p.wallet.ID, CardIndex: card.Index, Source: string(p.rec.Gateway), Scheme: batch.SchemeOf(card),
		Outcome: news.Outcome, At: at, TakenAt: at, SettledAt: at, Effect: effect, Note: note, Status: batch.BillingActive,
		Old: batch.DataOf(card), New: batch.DataOf(changed),
	})
	return changed
}
