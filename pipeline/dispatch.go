package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/store"
)

const (
	// recordEvery bounds how long an outcome waits in memory for its group commit.
	recordEvery = 20 * time.Millisecond
	// notSentInRow is how many calls in a row may fail before anything was written
	// until the gateway counts as down for this run.
	notSentInRow = 20
	// busyTries is how often one line is offered to a gateway that asks to slow down.
	busyTries = 5
	// busyWait is the longest wait that a gateway may ask for within a run.
	busyWait = 2 * time.Minute
)

// dispatcher submits the queued lines of one phase at one gateway:
//
//	queued lines ─chunk─▶ rules ─▶ store: submitting ─▶ workers ─▶ gateway
//	                                                      │
//	                                    store: outcomes ◀─┴─ in groups
//
// A line reaches a worker only after the transaction that made it submitting is
// durable. Two lines of one lane are never in flight together: the second waits
// until the outcome of the first is durable. Lines of a lane keep their order: while
// one has no outcome (in doubt, pending, given back), those after it stay queued.
type dispatcher struct {
	owner     *Run
	gateway   batch.GatewayName
	phase     batch.Phase
	connector gateway.Connector // nil for lines that no gateway takes; they are all refused

	jobs     chan *prepared
	outcomes chan done

	mu       sync.Mutex
	lanes    map[string]bool // of lines in flight
	held     map[string]bool // of lines that wait without an outcome
	inFlight int             // lines submitted and not recorded
	landed   *sync.Cond      // signals that lines were recorded
	failed   error           // the store refused outcomes; take nothing more

	notSent   atomic.Int32          // calls in a row that never reached the gateway
	unreached atomic.Pointer[error] // why the latest of them did not
}

// done is a line whose call has ended.
type done struct {
	*prepared
	store.LineOutcome
}

func newDispatcher(r *Run, name batch.GatewayName, phase batch.Phase) *dispatcher {
	d := &dispatcher{
		owner: r, gateway: name, phase: phase, connector: r.Gateways[name].Connector,
		jobs: make(chan *prepared, r.Chunk), outcomes: make(chan done, r.Chunk),
		lanes: map[string]bool{}, held: map[string]bool{},
	}
	d.landed = sync.NewCond(&d.mu)
	return d
}

// run submits until nothing is queued, the run is asked to stop, or the gateway
// is given up. When it returns nothing is in flight.
func (d *dispatcher) run(ctx context.Context) error {
	if err := d.hold(ctx); err != nil {
		return err
	}
	var workers, recorder sync.WaitGroup
	for range max(d.owner.Gateways[d.gateway].Concurrency, 1) {
		workers.Go(func() { d.work(ctx) })
	}
	recorder.Go(func() { d.record(ctx) })

	err := d.feed(ctx)
	close(d.jobs)
	workers.Wait()
	close(d.outcomes)
	recorder.Wait()
	if cause := d.unreached.Load(); cause != nil && !d.owner.gatewayStopped(d.gateway) {
		// One word about the gateway is enough, however many lines it is about.
		err = errors.Join(err, d.owner.trouble("gateway "+string(d.gateway), fmt.Errorf("%w: %w", errGatewayDown, *cause)))
	}
	return errors.Join(err, d.failure())
}

func (d *dispatcher) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

func (d *dispatcher) stopping(ctx context.Context) bool {
	return ctx.Err() != nil || d.owner.stopping() || d.owner.gatewayStopped(d.gateway) || d.failure() != nil
}

// hold finds the lanes whose lines wait since an earlier submission.
func (d *dispatcher) hold(ctx context.Context) error {
	open := store.LineQuery{States: []batch.LineState{batch.Submitting, batch.InDoubt, batch.Pending}}
	for rec, err := range d.owner.Store.Lines(ctx, open) {
		if err != nil {
			return err
		}
		if rec.Gateway != d.gateway || rec.Line.Command.Phase() != d.phase {
			continue
		}
		if _, err := d.owner.merchantOf(ctx, rec.Address.File); err != nil {
			return err
		}
		if lane := d.laneOf(&rec); lane != "" {
			d.held[lane] = true
		}
	}
	return nil
}

// laneOf names a line's lane among those of every merchant; empty when it has none.
// The owner of its file is known by then: hold and readAhead have asked.
func (d *dispatcher) laneOf(rec *batch.LineRecord) string {
	lane := rec.Line.Lane()
	if lane == "" {
		return ""
	}
	merchant, _ := d.owner.owners.Load(rec.Address.File)
	return string(merchant.(batch.MerchantID)) + "\x00" + lane
}

// feed takes queued lines in chunks and hands them to the workers.
func (d *dispatcher) feed(ctx context.Context) error {
	// The next chunk is read while this one is judged and submitted. What is read is
	// only what the merchant wrote, and lies behind the cursor: nothing here changes it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ahead := d.readAhead(ctx)
	for !d.stopping(ctx) {
		next := <-ahead
		lines, err := next.lines, next.err
		if err != nil || len(lines) == 0 {
			return err
		}
		for len(lines) > 0 && !d.stopping(ctx) {
			chunk, rest := d.reserve(lines)
			if len(rest) == len(lines) {
				d.drain()
				continue
			}
			if err := d.submit(ctx, chunk); err != nil {
				return err
			}
			lines = rest
		}
	}
	return nil
}

// queued is a chunk of queued lines, or why there is none.
type queued struct {
	lines []batch.LineRecord
	err   error
}

// readAhead reads queued lines, one chunk ahead of who takes them, until there are
// none or the context ends.
func (d *dispatcher) readAhead(ctx context.Context) <-chan queued {
	chunks := make(chan queued)
	go func() {
		defer close(chunks)
		q := store.QueueQuery{Phase: d.phase, Gateway: d.gateway, Limit: cmp.Or(d.owner.Gateways[d.gateway].BatchLines, d.owner.Chunk)}
		for {
			lines, err := d.owner.Store.NextQueued(ctx, q)
			for i := range lines {
				if err == nil && (i == 0 || lines[i].Address.File != lines[i-1].Address.File) {
					_, err = d.owner.merchantOf(ctx, lines[i].Address.File)
				}
			}
			select {
			case chunks <- queued{lines, err}:
			case <-ctx.Done():
				return
			}
			if err != nil || len(lines) == 0 {
				return
			}
			q.After = lines[len(lines)-1].Address
		}
	}()
	return chunks
}

// reserve takes the lanes of as many lines as may go beside what is in flight. It
// returns those lines and what is left after them; lines that wait are in neither.
func (d *dispatcher) reserve(lines []batch.LineRecord) (chunk, rest []batch.LineRecord) {
	d.mu.Lock()
	defer d.mu.Unlock()
	chunk = make([]batch.LineRecord, 0, len(lines))
	for i := range lines {
		lane := d.laneOf(&lines[i])
		if d.held[lane] {
			continue
		}
		if d.lanes[lane] {
			return chunk, lines[i:]
		}
		if lane != "" {
			d.lanes[lane] = true
		}
		chunk = append(chunk, lines[i])
	}
	return chunk, nil
}

// drain waits until nothing is in flight.
func (d *dispatcher) drain() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.inFlight > 0 {
		d.landed.Wait()
	}
	clear(d.lanes)
}

// submit judges a chunk, makes it submitting in one transaction, and hands what is to be sent to the workers.
func (d *dispatcher) submit(ctx context.Context, lines []batch.LineRecord) error {
	now := d.owner.Clock()
	sending, final, err := d.owner.prepare(ctx, lines, d.connector, now)
	if err != nil {
		return err
	}
	if len(sending)+len(final) == 0 {
		d.launch(lines, nil, nil)
		return nil
	}
	batches := d.gatherBatches(sending)
	s := store.Submission{At: now, Final: final}
	for _, p := range sending {
		s.Sending = append(s.Sending, p.sending())
	}
	if err := d.owner.Session.Submit(ctx, s); err != nil {
		return err
	}
	d.owner.reached("submitting")
	for _, f := range final {
		d.owner.Progress.outcome(f.To)
		d.owner.ended(f.To)
	}
	d.launch(lines, sending, final)
	for _, p := range sending {
		if p.batch == "" {
			d.jobs <- p
		}
	}
	for _, b := range batches {
		d.upload(ctx, b)
	}
	return nil
}

// launch counts what is about to fly. It frees the lanes of lines that a rule ended,
// and holds those of lines that a rule makes wait.
func (d *dispatcher) launch(lines []batch.LineRecord, sending []*prepared, final []store.LineOutcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inFlight += len(sending)
	going := make(map[batch.LineAddress]bool, len(lines)) // true: flies, false: ended
	for _, p := range sending {
		going[p.rec.Address] = true
	}
	for _, f := range final {
		going[f.At] = false
	}
	for i := range lines {
		flies, goes := going[lines[i].Address]
		if !flies {
			d.leave(d.laneOf(&lines[i]), !goes)
		}
	}
}

// leave frees a lane, or holds it for a line that waits. The caller has the lock.
func (d *dispatcher) leave(lane string, waits bool) {
	delete(d.lanes, lane)
	if waits && lane != "" {
		d.held[lane] = true
	}
}

// work calls the gateway for one line after another. Lines that it gets after the
// run was asked to stop were not sent, and say so.
func (d *dispatcher) work(ctx context.Context) {
	for p := range d.jobs {
		if d.stopping(ctx) {
			d.outcomes <- done{p, p.givenBack()}
			continue
		}
		outcome := d.call(ctx, p)
		d.owner.reached("called")
		d.outcomes <- done{p, outcome}
	}
}

// call asks the gateway about one line.
func (d *dispatcher) call(ctx context.Context, p *prepared) store.LineOutcome {
	var answer gateway.Answer
	end, err := d.ask(ctx, func() (err error) {
		answer, err = d.connector.Do(ctx, p.request)
		return err
	})
	switch end {
	case answered:
		d.owner.noteCode(p, answer)
		return p.outcome(answer, d.owner.Clock())
	case unsent:
		return p.givenBack()
	}
	d.owner.Log.Warn("in doubt", "gateway", string(d.gateway), "file", int64(p.rec.Address.File), "line", p.rec.Address.No, "attempt", p.attempt, "error", err.Error())
	return p.inDoubt(d.owner.Clock())
}

// ending is how a call ended.
type ending int

const (
	answered ending = iota
	unsent          // provably nothing was carried out
	doubtful
)

// ask makes a call once; again only when the gateway took nothing and asked to wait.
func (d *dispatcher) ask(ctx context.Context, call func() error) (ending, error) {
	for try := 1; ; try++ {
		err := call()
		var failure *gateway.Error
		switch {
		case err == nil:
			d.notSent.Store(0)
			return answered, nil
		case errors.Is(err, gateway.ErrCredentials), errors.Is(err, gateway.ErrCircuitOpen):
			d.owner.stopGateway(d.gateway, err)
			return unsent, err
		case errors.Is(err, gateway.ErrBusy) && gateway.IsNotSent(err) && try < busyTries && !d.stopping(ctx):
			wait := time.Second
			if errors.As(err, &failure) && failure.RetryAfter > 0 {
				wait = min(failure.RetryAfter, busyWait)
			}
			if d.owner.Sleep(ctx, wait) != nil {
				return unsent, err
			}
		case gateway.IsNotSent(err):
			d.unreached.Store(&err)
			if d.notSent.Add(1) >= notSentInRow {
				d.owner.stopGateway(d.gateway, fmt.Errorf("%w: %w", errGatewayDown, err))
			}
			return unsent, err
		default:
			d.notSent.Store(0)
			return doubtful, err
		}
	}
}

// record commits outcomes in groups: as many as came within recordEvery of the
// first, at most a chunk, and at once when nothing else is in flight. Outcomes that the store refuses leave their
// lines submitting; the next run looks them up.
func (d *dispatcher) record(ctx context.Context) {
	// What happened is recorded even when the run is told to stop waiting.
	ctx = context.WithoutCancel(ctx)
	for first := range d.outcomes {
		group := d.gather(first)
		var err error
		if d.failure() == nil {
			err = d.owner.record(ctx, group)
			d.owner.reached("recorded")
		}
		d.land(group, err)
	}
}

func (d *dispatcher) gather(first done) []done {
	group := []done{first}
	timer := time.NewTimer(recordEvery)
	defer timer.Stop()
	for len(group) < d.owner.Chunk && len(group) < d.flying() {
		select {
		case o, ok := <-d.outcomes:
			if !ok {
				return group
			}
			group = append(group, o)
		case <-timer.C:
			return group
		}
	}
	return group
}

func (d *dispatcher) flying() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inFlight
}

// land frees the lanes of recorded lines.
func (d *dispatcher) land(group []done, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && d.failed == nil {
		d.failed = err
	}
	for _, g := range group {
		d.leave(d.laneOf(g.rec), !g.To.Final())
		if err == nil {
			d.owner.landed(g.LineOutcome)
		}
	}
	d.inFlight -= len(group)
	d.landed.Broadcast()
}

// landed counts a recorded outcome.
func (r *Run) landed(o store.LineOutcome) {
	r.Progress.outcome(o.To)
	r.ended(o.To)
	if o.To != batch.Queued {
		r.count(func(s *Summary) { s.Sent++ })
	}
}
