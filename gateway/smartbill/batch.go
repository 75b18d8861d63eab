package smartbill

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/wire"
)

// Fit implements gateway.Batcher: what one charge file may hold. A request that can be in none
// goes alone: Send makes no file of it, and Fetch says why.
func (c *Client) Fit(reqs []gateway.Request) int {
	l := &load{}
	var debits, credits int64
	now := c.clock()
	for i := range reqs[:min(len(reqs), c.config.MaxRecords)] {
		charge, account, wrong := c.charge(&reqs[i])
		if wrong != nil {
			break
		}
		total := &debits
		if charge.Credit {
			total = &credits
		}
		terms := termsOf(charge, account, now)
		if *total += charge.Amount.Minor; *total > maxTotal || i > 0 && terms != l.terms {
			break
		}
		l.terms, l.charges = terms, append(l.charges, charge)
	}
	return min(len(reqs), max(c.writable(l), 1))
}

// writable is how many of the charges, from the first on, can be written as one file.
func (c *Client) writable(l *load) int {
	for n := len(l.charges); n > 1; n /= 2 {
		if err := c.rehearse(&load{l.terms, l.charges[:n]}); !errors.Is(err, ErrValue) {
			return n // or nothing can be written at all: Send says why
		}
		for i := range n {
			if c.rehearse(&load{l.terms, l.charges[i : i+1]}) != nil {
				return i
			}
		}
		// Each can be written, all together cannot: the file's counts or sums are too narrow.
	}
	return 1
}

// Send implements gateway.Batcher. A batch of one that can be in no charge file makes none:
// Fetch refuses it.
func (c *Client) Send(ctx context.Context, b gateway.Batch) error {
	if err := ctx.Err(); err != nil {
		return wire.NotSent(fmt.Errorf("smartbill: %w", err))
	}
	l, err := c.load(b)
	if wrong := (*unfit)(nil); errors.As(err, &wrong) && len(b.Requests) == 1 {
		return nil
	}
	if err != nil {
		return wire.NotSent(err)
	}
	return c.start(ctx, b.Name, l)
}

// start makes the file of a batch, and sends it.
func (c *Client) start(ctx context.Context, name string, l *load) error {
	f, err := c.config.Desk.Open(ctx, name, l.terms)
	if err != nil {
		// It left nothing, but it may have taken a number, and the next file has the one after.
		return wire.InDoubt(fmt.Errorf("smartbill: open the charge file: %w", err))
	}
	return c.finish(ctx, f, l)
}

// finish brings a file on its way from wherever it stands. Its error is a doubt: the file has
// its number, and only this very file may have it.
func (c *Client) finish(ctx context.Context, f File, l *load) error {
	if f.State == Sent {
		return nil
	}
	if f.Terms.SE != l.terms.SE || f.Terms.Currency != l.terms.Currency {
		return wire.InDoubt(fmt.Errorf("smartbill: file %s was opened for another service establishment or currency than its contract has now; put the contract back", f.Name))
	}
	if f.State == Open {
		content, digest, err := c.bytesOf(f, l.charges)
		if err != nil {
			return wire.InDoubt(fmt.Errorf("smartbill: write file %s: %w", f.Name, err))
		}
		if err := c.config.Desk.Stage(ctx, f, bytes.NewReader(content), int64(len(content)), digest); err != nil {
			return wire.InDoubt(fmt.Errorf("smartbill: stage file %s: %w", f.Name, err))
		}
		f.State = Staged
	}
	if f.State != Staged {
		return wire.InDoubt(fmt.Errorf("smartbill: file %s is %q, which is no state of a charge file", f.Name, string(f.State)))
	}
	if err := c.config.Desk.Send(ctx, f); err != nil {
		return wire.InDoubt(fmt.Errorf("smartbill: send file %s: %w", f.Name, err))
	}
	return nil
}

// Fetch implements gateway.Batcher: a file that is not sent yet is sent here, because the
// program died on its way or a step failed; then the answers are dealt by key.
func (c *Client) Fetch(ctx context.Context, b gateway.Batch) ([]gateway.Reply, error) {
	f, err := c.config.Desk.Find(ctx, b.Name)
	switch {
	case errors.Is(err, ErrNoFile):
		return c.begin(ctx, b)
	case err != nil:
		return nil, wire.InDoubt(fmt.Errorf("smartbill: find the charge file: %w", err))
	}
	unanswered := gateway.Reply{Answer: c.waiting(f.Terms.ValueDate)}
	if f.State != Sent {
		if err := c.resume(ctx, f, b); errors.Is(err, errClosed) {
			// A staged file may have been renamed already, so that answers can be there.
			unanswered = gateway.Reply{Err: err}
		} else if err != nil {
			return nil, err
		}
	}
	return c.deal(ctx, b.Requests, unanswered)
}

var errClosed = errors.New("some of its charges were decided by hand, so that it is not sent any more; decide the others too, and have American Express told that its number stays empty")

// resume sends a file that is not known to be sent.
func (c *Client) resume(ctx context.Context, f File, b gateway.Batch) error {
	if b.Closed {
		return wire.InDoubt(fmt.Errorf("smartbill: file %s: %w", f.Name, errClosed))
	}
	l, err := c.load(b)
	if err != nil {
		return wire.InDoubt(fmt.Errorf("smartbill: file %s is not sent yet and cannot be made again: %w", f.Name, err))
	}
	return c.finish(ctx, f, l)
}

// begin sends a batch of which no file was ever made: the program died before that.
func (c *Client) begin(ctx context.Context, b gateway.Batch) ([]gateway.Reply, error) {
	replies := make([]gateway.Reply, len(b.Requests))
	if b.Closed {
		for i := range replies {
			replies[i].Err = wire.InDoubt(errors.New("smartbill: no charge file was made of the batch, and none is made any more, because some of its charges were decided by hand; nothing of it was sent: decide the others too"))
		}
		return replies, nil
	}
	l, err := c.load(b)
	if wrong := (*unfit)(nil); errors.As(err, &wrong) && len(replies) == 1 {
		replies[0].Answer = gateway.Answer{State: batch.Refused, Answer: batch.Answer{Code: wrong.code, Message: wrong.why}}
		return replies, nil
	}
	if err != nil {
		return nil, wire.InDoubt(err)
	}
	if err := c.start(ctx, b.Name, l); err != nil {
		return nil, err
	}
	for i := range replies {
		replies[i].Answer = c.waiting(l.terms.ValueDate)
	}
	return replies, nil
}

// deal gives each request its answer, and unanswered to the others.
func (c *Client) deal(ctx context.Context, reqs []gateway.Request, unanswered gateway.Reply) ([]gateway.Reply, error) {
	keys := make([]batch.Key, len(reqs))
	for i := range reqs {
		keys[i] = reqs[i].Key
	}
	answers, err := c.config.Desk.Answers(ctx, keys)
	if err != nil {
		return nil, wire.InDoubt(fmt.Errorf("smartbill: read the answers: %w", err))
	}
	replies := make([]gateway.Reply, len(reqs))
	for i := range reqs {
		replies[i] = unanswered
		if told, answered := answers[keys[i]]; answered {
			replies[i].Answer, replies[i].Err = c.read(&reqs[i], told)
		}
	}
	return replies, nil
}
