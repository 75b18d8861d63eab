package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"cardbatch/batch"
)

// WithCircuit stops asking a sick gateway (promise P10). After so many calls in a row
// without a trusted answer the circuit opens and Do returns NotSent ErrCircuitOpen; after the
// cooldown one call is let through, and its answer closes the circuit or its silence opens it
// anew. Look-ups always pass: they are how doubt ends, and they move no money.
//
// One ErrCredentials from the gateway stops Do for the rest of the process: an
// account that is asked again and again with a wrong password gets locked.
//
// consecutive 0 leaves the circuit closed whatever happens; credentials count still.
//
// This is our own instead of sony/gobreaker because that one reads the
// machine's clock (here time is an argument), and knows success and failure only, while a call
// that was not sent says nothing about the gateway's health and must not end a trial either way.
func WithCircuit(c Connector, consecutive int, cooldown time.Duration, clock func() time.Time) Connector {
	broken := &circuit{Connector: c, consecutive: consecutive, cooldown: cooldown, clock: clock}
	if b, ok := c.(Batcher); ok {
		return circuitBatcher{broken, b}
	}
	return broken
}

type circuit struct {
	Connector
	consecutive int
	cooldown    time.Duration
	clock       func() time.Time

	mu       sync.Mutex
	failures int       // in a row
	open     bool      //
	until    time.Time // of the cooldown
	trial    bool      // the one call after it is under way
	rejected bool      // the gateway refused the credentials
}

func (c *circuit) Do(ctx context.Context, req Request) (Answer, error) {
	trial, err := c.admit()
	if err != nil {
		return Answer{}, &Error{Phase: NotSent, Err: err}
	}
	answer, err := c.Connector.Do(ctx, req)
	c.learn(trial, judgeHealth(ctx, answer, err), errors.Is(err, ErrCredentials))
	return answer, err
}

// admit tells whether a call may go, and whether it is the trial of an open circuit.
func (c *circuit) admit() (trial bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.rejected:
		return false, ErrCredentials
	case !c.open:
		return false, nil
	case c.trial || c.clock().Before(c.until):
		return false, ErrCircuitOpen
	}
	c.trial = true
	return true, nil
}

// health is what a call tells about the gateway.
type health int

const (
	silent  health = iota // nothing
	healthy               // it answered
	sick                  // it should have answered
)

func judgeHealth(ctx context.Context, answer Answer, err error) health {
	switch {
	case err == nil && answer.State != batch.InDoubt:
		return healthy
	case err == nil:
		return sick // it does not know itself
	case ctx.Err() != nil, errors.Is(err, ErrBusy), errors.Is(err, ErrUnsupported), errors.Is(err, ErrCredentials):
		return silent // given up by us, or answered in a way that is not about this
	}
	// In doubt, or nobody there: a gateway that cannot be reached is not asked a
	// million times either.
	return sick
}

func (c *circuit) learn(trial bool, h health, rejected bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rejected = c.rejected || rejected
	if trial {
		c.trial = false
	} else if c.open {
		return // it began before the circuit opened; only the trial decides now
	}
	switch h {
	case healthy:
		c.failures, c.open = 0, false
	case sick:
		c.failures++
		if c.consecutive > 0 && c.failures >= c.consecutive {
			c.open, c.until = true, c.clock().Add(c.cooldown)
		}
	}
}

// circuitBatcher counts an upload like any call. Fetching always passes, like looking up.
type circuitBatcher struct {
	*circuit
	batcher Batcher
}

func (c circuitBatcher) Fit(reqs []Request) int { return c.batcher.Fit(reqs) }

func (c circuitBatcher) Send(ctx context.Context, b Batch) error {
	trial, err := c.admit()
	if err != nil {
		return &Error{Phase: NotSent, Err: err}
	}
	err = c.batcher.Send(ctx, b)
	c.learn(trial, judgeHealth(ctx, Answer{State: batch.Pending}, err), errors.Is(err, ErrCredentials))
	return err
}

func (c circuitBatcher) Fetch(ctx context.Context, b Batch) ([]Reply, error) {
	return c.batcher.Fetch(ctx, b)
}
