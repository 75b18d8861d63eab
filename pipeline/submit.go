package pipeline

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"cardbatch/batch"
	"cardbatch/store"
)

// enrol submits the wallet lines, then sends the enrolments that wait, and asks account updaters.
func enrol(ctx context.Context, r *Run) error {
	if err := r.submitPhases(ctx, batch.PhaseWallet); err != nil {
		return err
	}
	if err := r.enrolPartners(ctx); err != nil {
		return err
	}
	return r.requestUpdates(ctx)
}

// submit submits payments, then what follows up on payments.
func submit(ctx context.Context, r *Run) error {
	if err := r.submitPhases(ctx, batch.PhasePayment, batch.PhaseFollowUp); err != nil {
		return err
	}
	return r.askDoubted(ctx)
}

// submitPhases runs the phases one after another at every gateway. Gateways do
// not wait for each other: one that is down or slow holds up nobody else.
func (r *Run) submitPhases(ctx context.Context, phases ...batch.Phase) error {
	if err := r.expectWork(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	names := []batch.GatewayName{""} // lines whose contract is not configured
	for name := range r.Gateways {
		names = append(names, name)
	}
	for _, name := range names {
		group.Go(func() error {
			for _, phase := range phases {
				if phase == batch.PhasePayment {
					// Payments wait for the wallet lines of their file; where some could not
					// be sent, none of this gateway's payments is.
					left, err := r.Store.NextQueued(ctx, store.QueueQuery{Phase: batch.PhaseWallet, Gateway: name, Limit: 1})
					if err != nil {
						return err
					}
					if len(left) > 0 {
						r.Log.Warn("wallet lines are still queued; payments of this gateway wait", "gateway", string(name))
						continue
					}
				}
				if err := newDispatcher(r, name, phase).run(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// expectWork starts the progress of a submission.
func (r *Run) expectWork(ctx context.Context) error {
	info, err := r.Store.Info(ctx)
	if err != nil {
		return err
	}
	if r.Progress.started.CompareAndSwap(0, time.Now().UnixNano()) {
		r.Progress.total.Store(int64(info.LinesQueued))
	}
	return nil
}

// stopGateway takes nothing more to a gateway in this run.
func (r *Run) stopGateway(name batch.GatewayName, cause error) {
	r.mu.Lock()
	_, stopped := r.stopped[name]
	if !stopped {
		r.stopped[name] = cause
	}
	r.mu.Unlock()
	if !stopped {
		// Only what the run cannot go on after comes back; this never is.
		_ = r.trouble("gateway "+string(name), cause)
	}
}

func (r *Run) gatewayStopped(name batch.GatewayName) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopped[name] != nil
}
