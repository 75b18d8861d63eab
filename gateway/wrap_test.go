package gateway

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cardbatch/batch"
)

// scripted answers as its functions say.
type scripted struct {
	do, lookup func(context.Context) (Answer, error)
	calls      atomic.Int64
}

func (s *scripted) Profile() Profile            { return Profile{Kind: "scripted"} }
func (s *scripted) Check(context.Context) error { return nil }
func (s *scripted) Do(ctx context.Context, _ Request) (Answer, error) {
	s.calls.Add(1)
	return s.do(ctx)
}
func (s *scripted) Lookup(ctx context.Context, _ Request) (Answer, error) { return s.lookup(ctx) }

func ok(context.Context) (Answer, error) { return Answer{State: batch.Approved}, nil }
func doubt(context.Context) (Answer, error) {
	return Answer{}, &Error{Phase: Sent, Err: errors.New("x")}
}

func TestCircuit(t *testing.T) {
	sickAnswer := func(context.Context) (Answer, error) { return Answer{State: batch.InDoubt}, nil }
	decline := func(context.Context) (Answer, error) { return Answer{State: batch.Declined}, nil }
	unreachable := func(context.Context) (Answer, error) {
		return Answer{}, &Error{Phase: NotSent, Err: errors.New("refused")}
	}
	busy := func(context.Context) (Answer, error) { return Answer{}, &Error{Phase: NotSent, Err: ErrBusy} }

	// step is a call: what the gateway does (nil: it must not be asked), after how much time.
	type step struct {
		wait time.Duration
		do   func(context.Context) (Answer, error)
	}
	for name, steps := range map[string][]step{
		"three doubts in a row open it":                   {{0, doubt}, {0, doubt}, {0, doubt}, {0, nil}, {59 * time.Second, nil}},
		"an answer between them starts the count anew":    {{0, doubt}, {0, doubt}, {0, ok}, {0, doubt}, {0, doubt}, {0, ok}},
		"a decline is an answer":                          {{0, doubt}, {0, doubt}, {0, decline}, {0, doubt}, {0, doubt}, {0, ok}},
		"answers that know nothing count as doubts":       {{0, sickAnswer}, {0, sickAnswer}, {0, sickAnswer}, {0, nil}},
		"a gateway that is not there opens it":            {{0, unreachable}, {0, unreachable}, {0, unreachable}, {0, nil}},
		"being asked to slow down neither adds nor heals": {{0, doubt}, {0, doubt}, {0, busy}, {0, doubt}, {0, nil}},
		"after the cooldown an answer closes it":          {{0, doubt}, {0, doubt}, {0, doubt}, {time.Minute, ok}, {0, doubt}, {0, ok}},
		"after the cooldown another doubt opens it again": {{0, doubt}, {0, doubt}, {0, doubt}, {time.Minute, doubt}, {0, nil}, {time.Minute, ok}, {0, ok}},
		"a trial that is not taken leaves the next one":   {{0, doubt}, {0, doubt}, {0, doubt}, {time.Minute, busy}, {0, ok}, {0, ok}},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
			inner := &scripted{lookup: ok}
			c := WithCircuit(inner, 3, time.Minute, func() time.Time { return now })
			for i, s := range steps {
				now = now.Add(s.wait)
				before := inner.calls.Load()
				inner.do = s.do
				_, err := c.Do(t.Context(), Request{})
				if asked := inner.calls.Load() > before; asked != (s.do != nil) {
					t.Fatalf("step %d: asked the gateway: %v", i, asked)
				}
				if s.do == nil && (!errors.Is(err, ErrCircuitOpen) || !IsNotSent(err)) {
					t.Fatalf("step %d: got %v", i, err)
				}
				if _, err := c.Lookup(t.Context(), Request{}); err != nil {
					t.Fatalf("step %d: a look-up was stopped: %v", i, err)
				}
			}
		})
	}
}

func TestOnlyOneTrialAtATime(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	inner := &scripted{do: doubt}
	c := WithCircuit(inner, 1, time.Minute, func() time.Time { return now })
	c.Do(t.Context(), Request{})
	now = now.Add(time.Minute)
	inner.do = func(ctx context.Context) (Answer, error) {
		if _, err := c.Do(ctx, Request{}); !errors.Is(err, ErrCircuitOpen) {
			t.Errorf("a second trial: %v", err)
		}
		return ok(ctx)
	}
	if _, err := c.Do(t.Context(), Request{}); err != nil {
		t.Error(err)
	}
}

func TestRefusedCredentialsStopForGood(t *testing.T) {
	inner := &scripted{do: func(context.Context) (Answer, error) {
		return Answer{}, &Error{Phase: NotSent, Err: ErrCredentials}
	}}
	c := WithCircuit(inner, 0, time.Minute, time.Now)
	for range 3 {
		if _, err := c.Do(t.Context(), Request{}); !errors.Is(err, ErrCredentials) || !IsNotSent(err) {
			t.Errorf("got %v", err)
		}
	}
	if n := inner.calls.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestAnInterruptIsNoSickness(t *testing.T) {
	inner := &scripted{do: doubt}
	c := WithCircuit(inner, 1, time.Minute, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Do(ctx, Request{})
	if _, err := c.Do(t.Context(), Request{}); errors.Is(err, ErrCircuitOpen) {
		t.Error("a call that we gave up opened the circuit")
	}
}

func TestLimitKeepsTheConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside atomic.Int64
		release := make(chan struct{})
		inner := &scripted{do: func(ctx context.Context) (Answer, error) {
			inside.Add(1)
			defer inside.Add(-1)
			<-release
			return ok(ctx)
		}}
		inner.lookup = inner.do
		c := Limit(inner, 0, 3)
		var wg sync.WaitGroup
		for i := range 20 {
			call := c.Do
			if i%2 == 0 {
				call = c.Lookup
			}
			wg.Go(func() {
				if _, err := call(t.Context(), Request{}); err != nil {
					t.Error(err)
				}
			})
		}
		for left := 20; left > 0; left-- {
			synctest.Wait()
			if got, want := inside.Load(), int64(min(left, 3)); got != want {
				t.Fatalf("%d calls at the same time, want %d", got, want)
			}
			release <- struct{}{}
		}
		wg.Wait()
	})
}

func TestLimitKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Limit(&scripted{do: ok}, 10, 0)
		start := time.Now()
		for range 21 {
			if _, err := c.Do(t.Context(), Request{}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("21 calls at 10 a second took %v", took)
		}
	})
}

func TestGivingUpWhileWaitingIsNotSent(t *testing.T) {
	for name, c := range map[string]Connector{
		"for a place": Limit(&scripted{do: ok}, 0, 1),
		"for a turn":  Limit(&scripted{do: ok}, 0.001, 1),
	} {
		t.Run(name, func(t *testing.T) {
			l := c.(*limited)
			ctx, cancel := context.WithCancel(t.Context())
			if l.rate == nil {
				l.slots <- struct{}{}
			} else {
				l.rate.Allow()
			}
			time.AfterFunc(time.Millisecond, cancel)
			_, err := c.Do(ctx, Request{})
			if !IsNotSent(err) || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if l.rate != nil && len(l.slots) != 0 {
				t.Error("its place was not given back")
			}
		})
	}
}
