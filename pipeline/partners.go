package pipeline

import (
	"context"

	"cardbatch/batch"
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
	if err := r.lateEnrolments(ctx); err != nil {
		return err
	}
	return r.ingestUpdates(ctx)
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

// lateEnrolments counts the cards that wait longer for their enrolment than they should.
func (r *Run) lateEnrolments(ctx context.Context) error {
	late := 0
	for e, err := range r.Store.Enrolments(ctx, store.EnrolmentQuery{Statuses: []batch.CardStatus{batch.CardWaiting}}) {
		if err != nil {
			return err
		}
		if r.late(&e) {
			late++
		}
	}
	r.count(func(s *Summary) { s.LateEnrolments = late })
	return nil
}
