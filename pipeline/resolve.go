package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/store"
)

// resolveRounds bounds how often lines that the gateway proved not to know are
// sent again within one run.
const resolveRounds = 3

// shortestWait bounds how often a run asks again while it waits for a gateway to settle.
const shortestWait = 100 * time.Millisecond

// resolve ends doubts: by a lookup with our key, or by sending the same key again
// where the gateway's replay window allows it or the gateway has proved that it
// does not know the key. Time alone never ends one. Lines that may go again, and
// lines that waited for a wallet, are submitted before the next round.
func resolve(ctx context.Context, r *Run) error {
	waited, poll := time.Duration(0), firstPoll
	for rounds := 0; ; {
		if r.stopping() {
			return nil
		}
		found, err := r.lookUpAll(ctx, rounds < resolveRounds, poll)
		if err != nil {
			return err
		}
		if found.ended+found.requeued > 0 && rounds < resolveRounds {
			rounds++
			if err := enrol(ctx, r); err != nil {
				return err
			}
			if err := submit(ctx, r); err != nil {
				return err
			}
			continue
		}
		// Some keys are unknown to a gateway that may still carry them out: ask again once it has settled.
		if found.settles == 0 || waited+found.settles > r.ResolveWait {
			return nil
		}
		waited += found.settles
		poll = min(2*poll, maxPoll)
		if err := r.Sleep(ctx, found.settles); err != nil {
			return err
		}
	}
}

// resolution is what one round of lookups found.
type resolution struct {
	again    bool          // lines that it gives back are sent again in this run
	poll     time.Duration // until a batch under way is asked for again
	mu       sync.Mutex
	ended    int           // lines with a final outcome now
	requeued int           // lines that may be sent again under the same key
	settles  time.Duration // the longest wait until an unknown key counts as proof; 0: none waits
	outcomes []done
}

// lookUpAll asks for every line that is in doubt or pending, a chunk at a time.
func (r *Run) lookUpAll(ctx context.Context, again bool, poll time.Duration) (*resolution, error) {
	total := &resolution{again: again, poll: poll}
	q := store.LineQuery{States: []batch.LineState{batch.InDoubt, batch.Pending}, Limit: r.Chunk}
	batches := map[batchName]bool{}
	for {
		var lines []batch.LineRecord
		for rec, err := range r.Store.Lines(ctx, q) {
			if err != nil {
				return nil, err
			}
			lines = append(lines, rec)
		}
		if len(lines) == 0 || r.stopping() {
			return total, r.fetchAll(ctx, batches, total)
		}
		q.After = lines[len(lines)-1].Address
		if err := r.lookUpChunk(ctx, r.setBatchedAside(lines, batches), total); err != nil {
			return nil, err
		}
	}
}

func (r *Run) lookUpChunk(ctx context.Context, lines []batch.LineRecord, total *resolution) error {
	byGateway := map[batch.GatewayName][]batch.LineRecord{}
	for _, rec := range lines {
		byGateway[rec.Gateway] = append(byGateway[rec.Gateway], rec)
	}
	group, gctx := errgroup.WithContext(ctx)
	for name, recs := range byGateway {
		gw, ok := r.Gateways[name]
		if !ok {
			err := fmt.Errorf("%d lines are in doubt or pending at a gateway that is not configured any more; put it back, or decide them with `cardbatch resolve`", len(recs))
			if err := r.trouble("gateway "+string(name), err); err != nil {
				return err
			}
			continue
		}
		group.Go(func() error { return r.lookUpAt(gctx, gw, recs, total) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return r.recordFound(ctx, total)
}

// recordFound commits what look-ups found so far.
func (r *Run) recordFound(ctx context.Context, total *resolution) error {
	if len(total.outcomes) == 0 {
		return nil
	}
	if err := r.record(context.WithoutCancel(ctx), total.outcomes); err != nil {
		return err
	}
	r.reached("resolved")
	total.outcomes = nil
	return nil
}

// lookUpAt resolves lines of one gateway, within its concurrency.
func (r *Run) lookUpAt(ctx context.Context, gw Gateway, recs []batch.LineRecord, total *resolution) error {
	all, err := r.load(ctx, recs, gw.Connector, r.Clock())
	if err != nil {
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(max(gw.Concurrency, 1))
	for _, p := range all {
		if p.contract == nil {
			if err := r.trouble("file "+p.rec.Address.File.String(), fmt.Errorf("line %d is in doubt under a contract that is not configured any more; put it back, or decide it with `cardbatch resolve`", p.rec.Address.No)); err != nil {
				return err
			}
			continue
		}
		if err := p.build(gw.Connector); err != nil {
			return err
		}
		group.Go(func() error {
			r.lookUp(gctx, gw.Connector, p, total)
			return nil
		})
	}
	return group.Wait()
}

// lookUp decides what one line's doubt becomes.
func (r *Run) lookUp(ctx context.Context, connector gateway.Connector, p *prepared, total *resolution) {
	now := r.Clock()
	op := connector.Profile().Commands[p.rec.Line.Command]
	asked := now.Sub(p.rec.SubmittedAt)
	if !op.Lookup {
		// Nothing proves that the gateway does not know it: it is given back only to be
		// sent again at once, because an answer would call a queued line not sent.
		replays := op.ReplayWindow == gateway.ReplayAlways || asked < op.ReplayWindow
		if p.rec.State == batch.InDoubt && replays && total.again && !r.gatewayStopped(p.rec.Gateway) {
			total.requeue(p)
			r.Progress.resolved(true)
		}
		return
	}
	answer, err := connector.Lookup(ctx, p.request)
	switch {
	case err == nil && answer.State != p.rec.State:
		r.found(p, answer, total)
	case err == nil:
	case errors.Is(err, gateway.ErrUnknownKey) && p.rec.State == batch.InDoubt:
		if asked >= op.Settle {
			total.requeue(p)
			r.Progress.resolved(true)
			return
		}
		total.wait(max(op.Settle-asked, shortestWait))
	case errors.Is(err, gateway.ErrUnknownKey):
		// It said that it would answer later, and knows nothing now: that is a doubt.
		r.found(p, gateway.Answer{State: batch.InDoubt, Answer: batch.Answer{Code: batch.CodeNoAnswer}}, total)
		total.wait(shortestWait)
	case errors.Is(err, gateway.ErrCredentials):
		r.stopGateway(p.rec.Gateway, err)
	default:
		r.Log.Warn("lookup failed; the line stays in doubt", "gateway", string(p.rec.Gateway), "file", int64(p.rec.Address.File), "line", p.rec.Address.No, "error", err.Error())
	}
}

// found is a line whose doubt, or wait, has ended.
func (r *Run) found(p *prepared, answer gateway.Answer, total *resolution) {
	r.noteCode(p, answer)
	total.add(done{p, p.outcome(answer, r.Clock())})
	r.ended(answer.State)
	r.Progress.resolved(false)
	r.count(func(s *Summary) { s.Resolved++ })
}

func (t *resolution) add(o done) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outcomes = append(t.outcomes, o)
	if o.To.Final() {
		t.ended++
	}
}

func (t *resolution) requeue(p *prepared) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outcomes = append(t.outcomes, done{p, store.LineOutcome{At: p.rec.Address, Expect: batch.InDoubt, To: batch.Queued}})
	t.requeued++
}

func (t *resolution) wait(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settles = max(t.settles, d)
}
