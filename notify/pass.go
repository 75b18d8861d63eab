package notify

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"cardbatch/batch"
)

// Outbox is where notifications wait.
type Outbox interface {
	// Due returns at most limit notifications that are due, by number, with higher numbers than after.
	Due(ctx context.Context, at time.Time, after int64, limit int) ([]batch.Notification, error)
	// Record records what became of attempts.
	Record(ctx context.Context, all []batch.Delivery) error
}

// Tally is what a pass did.
type Tally struct {
	Sent   int
	Failed int // tried again later
	Dead   int
	Left   int // not tried: their host failed too often in this pass
}

// chunk is how many notifications are taken and recorded together: what is sent again after a
// crash is no more than that.
const chunk = 32

// Pass delivers what is due now, once each. Failed deliveries are no error, they are
// recorded; an error is that of the outbox, or the context's.
func (s *Sender) Pass(ctx context.Context, box Outbox) (Tally, error) {
	p := &pass{Sender: s, failures: map[string]int{}}
	now, after := s.clock(), int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return p.tally, err
		}
		due, err := box.Due(ctx, now, after, chunk)
		if err != nil || len(due) == 0 {
			return p.tally, err
		}
		after = due[len(due)-1].Number
		// What was delivered is recorded, also when somebody wants an end.
		if err := box.Record(context.WithoutCancel(ctx), p.deliver(ctx, due)); err != nil {
			return p.tally, err
		}
	}
}

type pass struct {
	*Sender
	mu       sync.Mutex
	failures map[string]int // in a row, by host
	tally    Tally
}

// deliver makes one attempt at each, several at a time.
func (p *pass) deliver(ctx context.Context, due []batch.Notification) (made []batch.Delivery) {
	var running sync.WaitGroup
	slots := make(chan struct{}, p.settings.Concurrency)
	for _, n := range due {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			host := p.host(n)
			if ctx.Err() != nil || p.givenUp(host) {
				return
			}
			err := p.Deliver(ctx, n)
			if err != nil && ctx.Err() != nil {
				return // stopped, not failed
			}
			d := p.judge(n, err)
			p.mu.Lock()
			defer p.mu.Unlock()
			made = append(made, d)
			p.count(host, d, err)
		})
	}
	running.Wait()
	return made
}

// judge says what follows from an attempt.
func (p *pass) judge(n batch.Notification, err error) batch.Delivery {
	d := batch.Delivery{ID: n.ID, At: p.clock(), Sent: err == nil}
	if err == nil {
		return d
	}
	d.Reason = err.Error()
	if !errors.Is(err, ErrRefused) && n.Attempts < len(p.settings.Backoff) {
		d.Next = d.At.Add(p.settings.Backoff[n.Attempts])
	}
	return d
}

// count adds an attempt up. What a receiver refused shows that its host is well; a report that
// is missing shows nothing of it.
func (p *pass) count(host string, d batch.Delivery, err error) {
	switch {
	case d.Sent:
		p.tally.Sent++
	case d.Next.IsZero():
		p.tally.Dead++
	default:
		p.tally.Failed++
	}
	switch {
	case errors.Is(err, errUnattached):
	case err == nil || errors.Is(err, ErrRefused):
		p.failures[host] = 0
	default:
		p.failures[host]++
	}
}

func (p *pass) givenUp(host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failures[host] < p.settings.GiveUp {
		return false
	}
	p.tally.Left++
	return true
}

// host is who is reached: all e-mails go through one server.
func (p *pass) host(n batch.Notification) string {
	if n.Channel == batch.ByMail {
		return "mail"
	}
	u, err := url.Parse(n.To)
	if err != nil {
		return n.To
	}
	return u.Host
}
