package pipeline

import (
	"context"
	"fmt"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/store"
)

// Partner is somebody outside the gateways with whom files are exchanged: American Express.
type Partner struct {
	Name     string
	Exchange Exchange
}

// Exchange is what a run does with a partner.
type Exchange interface {
	// Ingest takes the files that have come.
	Ingest(ctx context.Context) (Ingestion, error)
	// Enrol sends the requests and removals that wait; it returns how many.
	Enrol(ctx context.Context) (int, error)
}

// Ingestion is what an exchange brought.
type Ingestion struct {
	Taken, Held, Rejected int
	Exceptions            int
}

// ingest takes what partners tell: status and response files, and what Payline tells of
// the cards that it enrols.
func ingest(ctx context.Context, r *Run) error {
	for _, p := range r.Partners {
		brought, err := p.Exchange.Ingest(ctx)
		r.count(func(s *Summary) {
			s.PartnerFiles += brought.Taken
			s.Rejected += brought.Rejected
			s.Held += brought.Held
			s.Exceptions += brought.Exceptions
		})
		if err := r.trouble("exchange "+p.Name, err); err != nil {
			return err
		}
	}
	if err := r.askPayline(ctx); err != nil {
		return err
	}
	return r.lateEnrolments(ctx)
}

// enrolPartners sends the enrolments that wait.
func (r *Run) enrolPartners(ctx context.Context) error {
	for _, p := range r.Partners {
		if r.stopping() {
			return nil
		}
		sent, err := p.Exchange.Enrol(ctx)
		r.count(func(s *Summary) { s.Enrolled += sent })
		if err := r.trouble("exchange "+p.Name, err); err != nil {
			return err
		}
	}
	return nil
}

// askPayline asks the processor for the status of cards that wait for their enrolment by
// its route (smartbill, section 1, via: payline).
func (r *Run) askPayline(ctx context.Context) error {
	var waiting []batch.Enrolment
	for e, err := range r.Store.Enrolments(ctx, store.EnrolmentQuery{Route: batch.ViaPayline, Statuses: []batch.CardStatus{batch.CardWaiting}}) {
		if err != nil {
			return err
		}
		waiting = append(waiting, e)
	}
	var events []batch.StatusEvent
	for _, e := range waiting {
		if r.stopping() {
			break
		}
		event, err := r.askStatus(ctx, e)
		if err := r.trouble("wallet "+string(e.Wallet), err); err != nil {
			return err
		}
		if event != nil {
			events = append(events, *event)
		}
	}
	if len(events) == 0 {
		return nil
	}
	if err := r.tellStatuses(ctx, events, waiting); err != nil {
		return err
	}
	told := store.PartnerFile{Kind: store.StatusFile, State: store.PartnerTaken} // no file: the processor's answers
	_, err := r.Session.Ingest(ctx, told, events, nil, nil, r.Clock())
	return err
}

// askStatus asks for one card; nil when its status is still the one we know.
func (r *Run) askStatus(ctx context.Context, e batch.Enrolment) (*batch.StatusEvent, error) {
	contract := r.contract(e.Merchant, e.Contract)
	if contract == nil {
		return nil, fmt.Errorf("its contract %s is not configured any more", e.Contract)
	}
	gw, ok := r.Gateways[contract.Gateway]
	if !ok || r.gatewayStopped(contract.Gateway) {
		return nil, nil
	}
	wallets, err := r.Store.Wallets(ctx, e.Merchant, []batch.WalletID{e.Wallet})
	if err != nil {
		return nil, fatal(err)
	}
	if wallets[e.Wallet] == nil {
		return nil, nil
	}
	answer, err := gw.Connector.Do(ctx, gateway.Request{
		Key: e.Key, Command: batch.GetWallet, Contract: e.Contract, Wallet: wallets[e.Wallet], CardIndex: e.CardIndex,
	})
	if err != nil {
		return nil, err
	}
	if answer.State != batch.Approved || answer.CardStatus == "" || answer.CardStatus == e.Status {
		return nil, nil
	}
	return &batch.StatusEvent{
		Merchant: e.Merchant, Alias: e.Alias, Status: answer.CardStatus, Code: answer.GatewayCode, NewExpiry: answer.CardExpiry, At: r.Clock(), File: "payline",
	}, nil
}

// lateEnrolments counts the cards that wait longer for their enrolment than they should.
func (r *Run) lateEnrolments(ctx context.Context) error {
	late := 0
	for e, err := range r.Store.Enrolments(ctx, store.EnrolmentQuery{Statuses: []batch.CardStatus{batch.CardWaiting}}) {
		if err != nil {
			return err
		}
		if c := r.contract(e.Merchant, e.Contract); c != nil && c.SmartBill != nil && !r.Clock().Before(c.SmartBill.Deadline(e.RegisteredAt)) {
			late++
		}
	}
	r.count(func(s *Summary) { s.LateEnrolments = late })
	return nil
}
