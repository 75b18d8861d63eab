package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/store"
)

// Via payline nobody tells us how a card stands with American Express: the processor answers
// when it is asked (smartbill, section 1). It is asked
//
//   - at each run for a card that waits for its enrolment, until its deadline;
//   - by a getWallet line of a merchant, whose answer is taken as well;
//   - after a payment that it refused because the wallet or card is disabled, or not enrolled;
//   - once in recheckEvery for every other card whose enrolment has not ended.
//
// An answer becomes a fact with the date of its asking, as a record of a status file is one. One
// that says what is known already is kept only where it answers the last kind of question: it
// tells when the next is due.

// recheckEvery is how long what the processor said of an enrolled card is believed. A cancelled
// card costs nothing meanwhile, as its payments are refused; a new expiry is for people to know.
const recheckEvery = 7 * 24 * time.Hour

// toldByPayline marks events that the processor told.
const toldByPayline = "payline"

// standing is an enrolment with what the processor says of its card.
type standing struct {
	batch.Enrolment
	card   batch.Card   // as we know it
	answer batch.Answer // to getWallet
	keep   bool         // the answer, also when it says what is known
}

// askPayline asks for the cards whose question is due.
func (r *Run) askPayline(ctx context.Context) error {
	var due []standing
	for e, err := range r.Store.Enrolments(ctx, store.EnrolmentQuery{Route: batch.ViaPayline, Statuses: []batch.CardStatus{batch.CardWaiting}}) {
		if err != nil {
			return err
		}
		if !r.late(&e) {
			due = append(due, standing{Enrolment: e})
		}
	}
	unended := []batch.CardStatus{batch.CardWaiting, batch.CardAccepted, batch.CardExpiryUpdated, batch.CardProductUpdated}
	for e, err := range r.Store.Enrolments(ctx, store.EnrolmentQuery{Route: batch.ViaPayline, Statuses: unended, ToldBefore: r.Clock().Add(-recheckEvery)}) {
		if err != nil {
			return err
		}
		if e.Status != batch.CardWaiting || r.late(&e) {
			due = append(due, standing{Enrolment: e, keep: true})
		}
	}
	return r.ask(ctx, due)
}

// late reports whether a card waits longer for its enrolment than it should.
func (r *Run) late(e *batch.Enrolment) bool {
	c := r.contract(e.Merchant, e.Contract)
	return c != nil && c.SmartBill != nil && c.SmartBill.Late(e, r.Clock())
}

// doubt remembers the enrolment of a card that the processor has refused to charge.
func (r *Run) doubt(e batch.Enrolment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubted = append(r.doubted, standing{Enrolment: e})
}

// askDoubted asks for the cards whose payments were refused.
func (r *Run) askDoubted(ctx context.Context) error {
	r.mu.Lock()
	doubted := r.doubted
	r.doubted = nil
	r.mu.Unlock()
	seen := map[int64]bool{}
	var due []standing
	for _, s := range doubted {
		if !seen[s.ID] {
			seen[s.ID] = true
			due = append(due, s)
		}
	}
	return r.ask(ctx, due)
}

// ask asks for cards, a chunk at a time, and takes what was answered.
func (r *Run) ask(ctx context.Context, due []standing) error {
	for chunk := max(r.Chunk, 1); len(due) > 0 && !r.stopping(); {
		n := min(chunk, len(due))
		answered, err := r.askChunk(ctx, due[:n])
		if err != nil {
			return err
		}
		if err := r.takeStatuses(ctx, answered); err != nil {
			return err
		}
		due = due[n:]
	}
	return nil
}

// askChunk asks for cards side by side, as many at a time as their gateway allows, and returns
// those that were answered.
func (r *Run) askChunk(ctx context.Context, due []standing) ([]standing, error) {
	wallets := map[batch.MerchantID][]batch.WalletID{}
	for _, s := range due {
		wallets[s.Merchant] = append(wallets[s.Merchant], s.Wallet)
	}
	found := map[batch.MerchantID]map[batch.WalletID]*batch.Wallet{}
	for merchant, ids := range wallets {
		known, err := r.Store.Wallets(ctx, merchant, ids)
		if err != nil {
			return nil, err
		}
		found[merchant] = known
	}
	var mu sync.Mutex
	var answered []standing
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.callsAtOnce())
	for _, s := range due {
		w := found[s.Merchant][s.Wallet]
		contract := r.contract(s.Merchant, s.Contract)
		if w == nil || contract == nil || s.keep && w.Status != batch.WalletActive {
			continue // nothing is charged there
		}
		name := contract.KeptAt()
		gw, ok := r.Gateways[name]
		if !ok {
			continue
		}
		group.Go(func() error {
			if r.stopping() || r.gatewayStopped(name) {
				return nil
			}
			answer, err := gw.Connector.Do(ctx, gateway.Request{
				Key: s.Key, Command: batch.GetWallet, Contract: s.Contract, Wallet: w, CardIndex: s.CardIndex,
			})
			if errors.Is(err, gateway.ErrCircuitOpen) || errors.Is(err, gateway.ErrCredentials) {
				r.stopGateway(name, err) // as it would at the next line; it is told once
				return nil
			}
			if err != nil {
				return r.trouble("wallet "+string(s.Wallet), err)
			}
			if answer.State == batch.Approved {
				s.answer = answer.Answer
			} else {
				r.Log.Warn("the processor does not show a wallet under SmartBill", "wallet", string(s.Wallet), "code", answer.Code)
			}
			s.card, _ = w.Card(s.CardIndex)
			mu.Lock()
			defer mu.Unlock()
			answered = append(answered, s)
			return nil
		})
	}
	return answered, group.Wait()
}

// callsAtOnce is the highest concurrency of a gateway; each bounds its own.
func (r *Run) callsAtOnce() int {
	most := 1
	for _, g := range r.Gateways {
		most = max(most, g.Concurrency)
	}
	return most
}

// takeStatuses records what the processor said of cards: told before it is recorded, as what
// files say is.
func (r *Run) takeStatuses(ctx context.Context, told []standing) error {
	now := r.Clock()
	var events []batch.StatusEvent
	var enrolments []batch.Enrolment
	for _, s := range told {
		if more := s.events(now); len(more) > 0 {
			events = append(events, more...)
			enrolments = append(enrolments, s.Enrolment)
		}
	}
	if len(events) == 0 {
		return nil
	}
	if err := r.tellStatuses(ctx, events, enrolments); err != nil {
		return err
	}
	_, err := r.Session.Ingest(ctx, store.PartnerFile{Kind: store.StatusFile, State: store.PartnerTaken}, events, nil, nil, now)
	return err
}

// events are the facts in the processor's answer. It shows where a card stands now, not how
// it came there: one that was changed or cancelled was accepted before.
func (s *standing) events(now time.Time) []batch.StatusEvent {
	status := s.answer.CardStatus
	if status != batch.CardWaiting && !status.Enrolled() && !status.Ended() {
		status = s.Status // disabled, expired, or nothing at all: no word of American Express
	}
	updated := status == batch.CardExpiryUpdated || status == batch.CardProductUpdated
	changed := status != s.Status || updated && s.answer.CardExpiry != "" && s.answer.CardExpiry != s.card.Expiry
	if !changed && !s.keep {
		return nil
	}
	// Later than what it follows, whatever clocks say: it was asked after that was known.
	if !now.After(s.StatusAt) {
		now = s.StatusAt.Add(time.Microsecond)
	}
	event := batch.StatusEvent{Merchant: s.Merchant, Alias: s.Alias, Status: status, At: now, File: toldByPayline}
	if updated {
		event.NewExpiry = s.answer.CardExpiry
	}
	if s.Status == batch.CardWaiting && (updated || status == batch.CardCancelled) {
		accepted := event
		accepted.Status, accepted.NewExpiry = batch.CardAccepted, ""
		return []batch.StatusEvent{accepted, event}
	}
	return []batch.StatusEvent{event}
}

// learnStatuses takes from lines that have their outcome what they tell of cards under
// SmartBill. Dying before it, a run learns it by the next question.
func (r *Run) learnStatuses(ctx context.Context, group []done) error {
	var told []standing
	for _, g := range group {
		if g.enrolment == nil || g.enrolment.Route != batch.ViaPayline {
			continue
		}
		switch l := &g.rec.Line; {
		case l.Command == batch.GetWallet && g.To == batch.Approved:
			told = append(told, standing{Enrolment: *g.enrolment, card: g.card, answer: g.Answer})
		case l.Command.Phase() == batch.PhasePayment && g.To == batch.Refused && g.Answer.GatewayCode != "" &&
			(g.Answer.Code == batch.CodeWalletDisabled || g.Answer.Code == batch.CodeNotEnrolled):
			r.doubt(*g.enrolment)
		}
	}
	return r.takeStatuses(ctx, told)
}
