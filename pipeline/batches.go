package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/store"
)

// Lines of a gateway that works in batches travel together:
//
//	queued lines ─chunk─▶ rules ─▶ batches, named by their keys ─▶ store: submitting, in which batch
//	                                                                  │
//	        store: outcomes ◀─ resolve: status, answers ◀─ pending ◀─ upload
//
// A batch is in doubt as a whole until its status is known. Its name is durable before
// its first byte leaves, so a run that comes after a crash asks for the same batch. What
// a batch does not tell of a line, the look-up of that line does.

// How long a run waits before it asks again for a batch under way: the first time, and at most.
const (
	firstPoll = 100 * time.Millisecond
	maxPoll   = 5 * time.Second
)

// gatherBatches cuts the lines that the gateway takes in batches into such batches, and
// names them.
func (d *dispatcher) gatherBatches(sending []*prepared) (batches [][]*prepared) {
	batcher, ok := d.connector.(gateway.Batcher)
	if !ok {
		return nil
	}
	commands := batcher.Profile().Commands
	var waiting []*prepared
	for _, p := range sending {
		if commands[p.rec.Line.Command].Batched {
			waiting = append(waiting, p)
		}
	}
	for len(waiting) > 0 {
		n := batcher.Fit(requestsOf(waiting))
		group := waiting[:n:n]
		waiting = waiting[n:]
		keys := make([]batch.Key, n)
		for i, p := range group {
			keys[i] = p.request.Key
		}
		for _, p := range group {
			p.batch = batch.BatchName(keys)
		}
		batches = append(batches, group)
	}
	return batches
}

func requestsOf(lines []*prepared) []gateway.Request {
	reqs := make([]gateway.Request, len(lines))
	for i, p := range lines {
		reqs[i] = p.request
	}
	return reqs
}

// upload sends one batch. Its lines are pending then, in doubt together, or given back together.
func (d *dispatcher) upload(ctx context.Context, lines []*prepared) {
	end, err := unsent, error(nil)
	if !d.stopping(ctx) {
		b := gateway.Batch{Name: lines[0].batch, Requests: requestsOf(lines)}
		end, err = d.ask(ctx, func() error { return d.connector.(gateway.Batcher).Send(ctx, b) })
		d.owner.reached("called")
	}
	if end == doubtful {
		d.owner.Log.Warn("a batch is in doubt", "gateway", string(d.gateway), "batch", lines[0].batch, "lines", len(lines), "error", err.Error())
	}
	now := d.owner.Clock()
	for _, p := range lines {
		var outcome store.LineOutcome
		switch end {
		case answered:
			outcome = p.outcome(gateway.Answer{State: batch.Pending, Answer: batch.Answer{Code: batch.CodePending}}, now)
		case unsent:
			outcome = p.givenBack()
		case doubtful:
			outcome = p.inDoubt(now)
		}
		d.outcomes <- done{p, outcome}
	}
}

// batchName is a batch at a gateway.
type batchName struct {
	gateway batch.GatewayName
	name    string
}

// setBatchedAside notes the batches of lines and returns the lines that travelled alone.
func (r *Run) setBatchedAside(lines []batch.LineRecord, batches map[batchName]bool) []batch.LineRecord {
	return slices.DeleteFunc(lines, func(rec batch.LineRecord) bool {
		_, batcher := r.Gateways[rec.Gateway].Connector.(gateway.Batcher)
		if !batcher || rec.Batch == "" {
			return false
		}
		batches[batchName{rec.Gateway, rec.Batch}] = true
		return true
	})
}

// fetchAll asks for every batch that has lines in doubt or pending. A batch is read
// whole: its answers are matched by position.
func (r *Run) fetchAll(ctx context.Context, batches map[batchName]bool, total *resolution) error {
	names := slices.SortedFunc(maps.Keys(batches), func(a, b batchName) int {
		return cmp.Or(cmp.Compare(a.gateway, b.gateway), cmp.Compare(a.name, b.name))
	})
	for _, b := range names {
		if r.stopping() {
			return nil
		}
		if err := r.fetch(ctx, b, total); err != nil {
			return err
		}
		if err := r.recordFound(ctx, total); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) fetch(ctx context.Context, b batchName, total *resolution) error {
	gw := r.Gateways[b.gateway]
	var recs []batch.LineRecord
	for rec, err := range r.Store.Lines(ctx, store.LineQuery{Batch: b.name}) {
		if err != nil {
			return err
		}
		recs = append(recs, rec)
	}
	lines, err := r.load(ctx, recs, gw.Connector, r.Clock())
	if err != nil {
		return err
	}
	// load groups by merchant; the batch was made in the order of its lines.
	slices.SortFunc(lines, func(a, b *prepared) int { return batch.CompareAddresses(a.rec.Address, b.rec.Address) })
	for _, p := range lines {
		if p.contract == nil {
			return r.trouble("gateway "+string(b.gateway), fmt.Errorf("line %d of file %d is in a batch under a contract that is not configured any more; put it back", p.rec.Address.No, p.rec.Address.File))
		}
		if err := p.build(gw.Connector); err != nil {
			return err
		}
	}
	asked := gateway.Batch{Name: b.name, Requests: requestsOf(lines), Closed: slices.ContainsFunc(lines, func(p *prepared) bool { return !p.open() })}
	replies, err := gw.Connector.(gateway.Batcher).Fetch(ctx, asked)
	switch {
	case errors.Is(err, gateway.ErrUnknownKey):
		// It never arrived, or the gateway forgot it: each line's own look-up decides.
		replies = make([]gateway.Reply, len(lines))
		for i := range replies {
			replies[i].Err = err
		}
	case errors.Is(err, gateway.ErrCredentials):
		r.stopGateway(b.gateway, err)
		return nil
	case err != nil:
		r.Log.Warn("a batch could not be fetched; its lines stay as they are", "gateway", string(b.gateway), "batch", b.name, "lines", len(lines), "error", err.Error())
		return nil
	}
	return r.settle(ctx, gw, lines, replies, total)
}

// open reports whether the gateway still owes the line an answer.
func (p *prepared) open() bool {
	return p.rec.State == batch.InDoubt || p.rec.State == batch.Pending
}

// settle gives every open line of a batch its reply.
func (r *Run) settle(ctx context.Context, gw Gateway, lines []*prepared, replies []gateway.Reply, total *resolution) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(max(gw.Concurrency, 1))
	for i, p := range lines {
		reply := &replies[i]
		switch {
		case !p.open():
			// Its end is known, or it is on its way again.
		case reply.Err != nil || reply.State == batch.InDoubt:
			group.Go(func() error {
				r.lookUp(gctx, gw.Connector, p, total)
				return nil
			})
		case reply.State == batch.Pending:
			if gw.Connector.Profile().Commands[p.rec.Line.Command].Prompt {
				total.wait(total.poll)
			}
			if p.rec.State == batch.InDoubt {
				r.found(p, reply.Answer, total)
			}
		default:
			r.found(p, reply.Answer, total)
		}
	}
	return group.Wait()
}
