package gatewaytest

import (
	"context"
	"errors"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/simulator/stage"
)

// oneByOne lets the suite ask a Batcher one request at a time.
func oneByOne(factory Factory) Factory {
	return func(t *testing.T) Bench {
		b := factory(t)
		if batcher, ok := b.Connector.(gateway.Batcher); ok {
			b.Connector = single{batcher}
		}
		if batcher, ok := b.Nobody.(gateway.Batcher); ok {
			b.Nobody = single{batcher}
		}
		return b
	}
}

// batchedPromise is what a phase promises of a request in a batch, where that differs from a
// call. Pending means that the batch is being worked off: of a row that is pending in its
// answers the batch has said its last word, so it is in doubt until it is looked up. And what
// matters of an upload is that the gateway has the batch, which its status proves: an answer
// without a body, or of an unusual type, hides nothing.
func batchedPromise(phase stage.Phase, otherwise promise) promise {
	switch phase {
	case stage.Pending:
		return promiseInDoubt
	case stage.EmptyBody, stage.WrongType:
		return promiseAnswered
	}
	return otherwise
}

// single sends each batched request in a batch of its own and waits for its answer.
type single struct{ gateway.Batcher }

func (s single) batched(req gateway.Request) bool { return s.Profile().Commands[req.Command].Batched }

func (s single) batchOf(req gateway.Request) gateway.Batch {
	return gateway.Batch{Name: batch.BatchName([]batch.Key{req.Key}), Requests: []gateway.Request{req}}
}

// Do sends a batch of one; what the gateway took is fetched at once.
func (s single) Do(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	if !s.batched(req) {
		return s.Batcher.Do(ctx, req)
	}
	if err := s.Send(ctx, s.batchOf(req)); err != nil {
		return gateway.Answer{}, err
	}
	return s.fetch(ctx, req)
}

// Lookup asks for the batch, and for the request itself where the gateway has no such batch
// or its batch tells nothing of it: as a run does.
func (s single) Lookup(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	if !s.batched(req) {
		return s.Batcher.Lookup(ctx, req)
	}
	answer, err := s.fetch(ctx, req)
	if errors.Is(err, gateway.ErrUnknownKey) || err == nil && answer.State == batch.InDoubt {
		return s.Batcher.Lookup(ctx, req)
	}
	return answer, err
}

// fetch asks until the batch is worked off. Doubt about the one request is an InDoubt answer.
func (s single) fetch(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	for range 2000 {
		replies, err := s.Fetch(ctx, s.batchOf(req))
		if err != nil {
			return gateway.Answer{}, err
		}
		if replies[0].Err != nil {
			return gateway.Answer{State: batch.InDoubt}, nil
		}
		if replies[0].State != batch.Pending {
			return replies[0].Answer, nil
		}
		select {
		case <-ctx.Done():
			return gateway.Answer{}, &gateway.Error{Phase: gateway.Sent, Err: ctx.Err()}
		case <-time.After(time.Millisecond):
		}
	}
	return gateway.Answer{State: batch.Pending}, nil
}
