package gateway

import (
	"context"
	"fmt"

	"golang.org/x/time/rate"
)

// Limit keeps the calls to a connector within a rate (calls per second) and a number
// of calls at the same time; 0 leaves either unlimited. Look-ups count like any call.
// A call that is given up while it waits is NotSent.
func Limit(c Connector, perSecond float64, concurrency int) Connector {
	l := &limited{Connector: c}
	if perSecond > 0 {
		// A tenth of a second's worth may go at once, so that timers that fire late
		// do not lower the rate.
		l.rate = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/10)))
	}
	if concurrency > 0 {
		l.slots = make(chan struct{}, concurrency)
	}
	if b, ok := c.(Batcher); ok {
		return limitedBatcher{l, b}
	}
	return l
}

type limited struct {
	Connector
	rate  *rate.Limiter // nil: unlimited
	slots chan struct{} // nil: unlimited
}

func (l *limited) Do(ctx context.Context, req Request) (Answer, error) {
	if err := l.enter(ctx); err != nil {
		return Answer{}, err
	}
	defer l.leave()
	return l.Connector.Do(ctx, req)
}

func (l *limited) Lookup(ctx context.Context, req Request) (Answer, error) {
	if err := l.enter(ctx); err != nil {
		return Answer{}, err
	}
	defer l.leave()
	return l.Connector.Lookup(ctx, req)
}

// enter waits for a place, then for its turn: the rate counts calls that start.
func (l *limited) enter(ctx context.Context) error {
	err := ctx.Err() // select below might choose the place
	if err == nil && l.slots != nil {
		select {
		case l.slots <- struct{}{}:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err == nil && l.rate != nil {
		if err = l.rate.Wait(ctx); err != nil {
			l.leave()
		}
	}
	if err != nil {
		return &Error{Phase: NotSent, Err: fmt.Errorf("wait for the gateway's turn: %w", err)}
	}
	return nil
}

func (l *limited) leave() {
	if l.slots != nil {
		<-l.slots
	}
}

// limitedBatcher counts an upload and a fetch like any call.
type limitedBatcher struct {
	*limited
	batcher Batcher
}

func (l limitedBatcher) Fit(reqs []Request) int { return l.batcher.Fit(reqs) }

func (l limitedBatcher) Send(ctx context.Context, b Batch) error {
	if err := l.enter(ctx); err != nil {
		return err
	}
	defer l.leave()
	return l.batcher.Send(ctx, b)
}

func (l limitedBatcher) Fetch(ctx context.Context, b Batch) ([]Reply, error) {
	if err := l.enter(ctx); err != nil {
		return nil, err
	}
	defer l.leave()
	return l.batcher.Fetch(ctx, b)
}
