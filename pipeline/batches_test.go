package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/pipeline"
)

// batcher takes payments in batches and carries them out by the connector that it wraps.
type batcher struct {
	gateway.Connector
	most int // requests of a batch

	mu      sync.Mutex
	batches map[string]gateway.Batch // taken
	asked   []string                 // names of batches fetched
	closed  bool                     // the last of them was not to be started any more
	ready   bool                     // batches are worked off
	send    func(take func()) error  // instead of taking it
	spoil   func([]gateway.Reply)    // changes the replies
}

func newBatcher(c gateway.Connector) *batcher {
	return &batcher{Connector: c, most: 4, batches: map[string]gateway.Batch{}, ready: true}
}

func (b *batcher) Profile() gateway.Profile {
	p := b.Connector.Profile()
	commands := map[batch.Command]gateway.Operation{}
	for command, operation := range p.Commands {
		operation.Batched = command.Phase() != batch.PhaseWallet
		operation.Prompt = operation.Batched
		commands[command] = operation
	}
	p.Commands = commands
	return p
}

func (b *batcher) Do(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	if b.Profile().Commands[req.Command].Batched {
		return gateway.Answer{}, &gateway.Error{Phase: gateway.NotSent, Err: gateway.ErrUnsupported}
	}
	return b.Connector.Do(ctx, req)
}

func (b *batcher) Fit(reqs []gateway.Request) int { return min(len(reqs), b.most) }

func (b *batcher) Send(_ context.Context, sent gateway.Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	take := func() { b.batches[sent.Name] = sent }
	if b.send != nil {
		return b.send(take)
	}
	take()
	return nil
}

func (b *batcher) Fetch(ctx context.Context, asked gateway.Batch) ([]gateway.Reply, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked, b.closed = append(b.asked, asked.Name), asked.Closed
	taken, known := b.batches[asked.Name]
	if !known {
		return nil, &gateway.Error{Phase: gateway.Sent, Err: gateway.ErrUnknownKey}
	}
	if !slices.EqualFunc(taken.Requests, asked.Requests, func(x, y gateway.Request) bool { return x.Key == y.Key }) {
		return nil, &gateway.Error{Phase: gateway.Sent, Err: errors.New("these are not the requests of the batch")}
	}
	replies := make([]gateway.Reply, len(taken.Requests))
	for i, req := range taken.Requests {
		if !b.ready {
			replies[i].State, replies[i].Code = batch.Pending, batch.CodePending
			continue
		}
		replies[i].Answer, replies[i].Err = b.Connector.Do(ctx, req)
	}
	if b.spoil != nil {
		b.spoil(replies)
	}
	return replies, nil
}

func batched(t *testing.T) (*world, *batcher) {
	w := withWallets(t, 2)
	b := newBatcher(w.gateways[bank].Connector)
	w.gateways[bank] = pipeline.Gateway{Connector: b, Concurrency: 2, BatchLines: 10}
	return w, b
}

func allApproved(prefix string, n int) map[batch.LineRef]string {
	want := map[batch.LineRef]string{}
	for _, ref := range refs(prefix, n) {
		want[ref] = "approved 00000"
	}
	return want
}

func TestLinesTravelInBatchesAndGetTheirOwnAnswers(t *testing.T) {
	t.Parallel()
	w, b := batched(t)
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(10, 2)}.String())
	w.calm()
	w.outcomes("a.res.csv", allApproved("P", 10))
	w.charged(1, refs("P", 10)...)
	if len(b.batches) != 3 { // four, four, two
		t.Errorf("%d batches, want 3", len(b.batches))
	}
	for _, rec := range w.lines("a.csv") {
		if _, known := b.batches[rec.Batch]; !known {
			t.Errorf("%s travelled in %q", rec.Line.Ref, rec.Batch)
		}
	}
}

func TestABatchThatTakesLongerThanTheRunIsToldByASupplement(t *testing.T) {
	t.Parallel()
	w, b := batched(t)
	b.ready = false
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(3, 2)}.String())
	if summary := w.calm(); summary.Pending != 3 {
		t.Errorf("summary %+v", summary)
	}
	w.outcomes("a.res.csv", map[batch.LineRef]string{"P-1": "pending 02000", "P-2": "pending 02000", "P-3": "pending 02000"})
	if w.slept == 0 || w.slept > w.wait {
		t.Errorf("waited %s for the batch, %s are allowed", w.slept, w.wait)
	}
	b.ready = true
	w.calm()
	w.outcomes("a.sup01.csv", allApproved("P", 3))
	w.charged(1, refs("P", 3)...)
}

func TestABatchInDoubtIsFoundUnderItsName(t *testing.T) {
	t.Parallel()
	doubt := &gateway.Error{Phase: gateway.Sent, Err: errors.New("no answer")}
	for name, arrives := range map[string]bool{"it arrived": true, "it did not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := batched(t)
			sent := 0
			b.send = func(take func()) error {
				if sent++; sent > 1 || arrives {
					take()
				}
				if sent == 1 {
					return doubt
				}
				return nil
			}
			w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(3, 2)}.String())
			w.calm()
			w.outcomes("a.res.csv", allApproved("P", 3))
			w.charged(1, refs("P", 3)...)
			if want := map[bool]int{true: 1, false: 2}[arrives]; sent != want {
				t.Errorf("uploaded %d times, want %d", sent, want)
			}
		})
	}
}

func TestWhatABatchDoesNotTellTheLookUpOfTheLineDoes(t *testing.T) {
	t.Parallel()
	w, b := batched(t)
	b.spoil = func(replies []gateway.Reply) {
		replies[1] = gateway.Reply{Err: &gateway.Error{Phase: gateway.Sent, Err: errors.New("the row is missing")}}
		replies[2] = gateway.Reply{Answer: gateway.Answer{State: batch.InDoubt, Answer: batch.Answer{Code: "02013"}}}
	}
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(4, 2)}.String())
	w.calm()
	w.outcomes("a.res.csv", allApproved("P", 4))
	w.charged(1, refs("P", 4)...)
}

func TestABatchThatTheGatewayTookAndForgotIsADoubtAndThenSentAgain(t *testing.T) {
	t.Parallel()
	w, b := batched(t)
	sent := 0
	b.send = func(take func()) error {
		if sent++; sent > 1 { // the first one it says that it took, and did not
			take()
		}
		return nil
	}
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(3, 2)}.String())
	w.calm()
	w.outcomes("a.res.csv", allApproved("P", 3))
	w.charged(1, refs("P", 3)...)
	if sent != 2 {
		t.Errorf("uploaded %d times, want 2", sent)
	}
}

func TestABatchOfWhichALineWasDecidedIsNotStartedAnyMore(t *testing.T) {
	t.Parallel()
	w, b := batched(t)
	b.ready = false
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(3, 2)}.String())
	w.calm()
	if b.closed {
		t.Error("it was called closed although every line waits")
	}
	r := w.begin()
	err := r.Decide(t.Context(), w.lines("a.csv")["P-2"].Address, pipeline.Decision{To: batch.Refused, Reason: "the bank says so"})
	w.must(err)
	w.end()
	w.calm()
	if !b.closed {
		t.Error("it was not called closed although a line of it was decided")
	}
}

func TestAnUploadThatWasNotSentLeavesItsLinesUnsent(t *testing.T) {
	t.Parallel()
	w, b := batched(t)
	b.send = func(func()) error {
		return &gateway.Error{Phase: gateway.NotSent, Err: errors.New("connection refused")}
	}
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(6, 2)}.String())
	summary := w.run()
	w.problem(summary, pipeline.Unreachable, "gateway bank")
	if summary.NotSent != 6 || len(b.asked) > 0 {
		t.Errorf("summary %+v, fetched %v", summary, b.asked)
	}
	b.send = nil
	w.calm()
	w.outcomes("a.sup01.csv", allApproved("P", 6))
	w.charged(1, refs("P", 6)...)
}

func TestFollowUpsOfOneTransactionNeverShareABatch(t *testing.T) {
	t.Parallel()
	w, b := batched(t)
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: []string{
		row("A-1", "doAuthorization", "contract=1 wallet_id=CUST-1 order_ref=O amount=1000 currency=EUR"),
	}}.String())
	w.calm()
	id := "transaction_id=" + string(w.lines("a.csv")["A-1"].Answer.TransactionID)
	w.put("b.csv", sheet{ref: "B", columns: anyColumns, lines: []string{
		row("C-1", "doCapture", id+" amount=400 currency=EUR"), row("C-2", "doCapture", id+" amount=600 currency=EUR"),
	}}.String())
	w.calm()
	w.outcomes("b.res.csv", allApproved("C", 2))
	for name, taken := range b.batches {
		originals := map[batch.Key]bool{}
		for _, req := range taken.Requests {
			if req.Original != nil && originals[req.Original.Key] {
				t.Errorf("batch %s acts twice on one transaction", name)
			} else if req.Original != nil {
				originals[req.Original.Key] = true
			}
		}
	}
	w.charged(1, "C-1", "C-2")
}
