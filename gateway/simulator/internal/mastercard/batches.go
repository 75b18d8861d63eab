package mastercard

import (
	"errors"
	"sync"
	"sync/atomic"

	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

// States of a batch, as its status file names them (facts, section 2.5).
const (
	stateUploaded   = "UPLOADED"
	stateReady      = "READY"
	stateProcessing = "PROCESSING"
	stateComplete   = "COMPLETE"
)

// workers bounds the batches that are worked off at the same time.
const workers = 2

// batch is a file of operations and how far it is.
type batch struct {
	batchEvent // as it was uploaded; its rows' outcomes are written while it is worked off
	started    atomic.Bool
	validated  atomic.Bool
	processed  atomic.Int64
	failed     atomic.Int64 // rows that met a system error
	lastAction atomic.Int64 // Unix milliseconds
	completed  atomic.Int64 // the same; 0: not yet
}

func (b *batch) state() string {
	switch {
	case b.completed.Load() != 0:
		return stateComplete
	case b.processed.Load() > 0:
		return stateProcessing
	case b.validated.Load():
		return stateReady
	}
	return stateUploaded
}

// batchEvent is a change of a batch: uploaded with its rows, validated, or completed.
type batchEvent struct {
	Name     string
	Columns  []string    `json:",omitempty"`
	Latin1   bool        `json:",omitempty"`
	Rows     []batchRow  `json:",omitempty"`
	Digest   string      `json:",omitempty"` // SHA-1 of the file, upper-case hex
	Shown    stage.Phase `json:",omitempty"` // how its rows look, when not as they are
	Uploaded int64       `json:",omitempty"` // Unix milliseconds

	Validated bool  `json:",omitempty"`
	Completed int64 `json:",omitempty"`
	// Refused are the rows of a completed batch that were not carried out, by their place.
	Refused map[int]refusedRow `json:",omitempty"`
}

// batchRow is an operation of a batch, as it was uploaded; the card number is masked. Once the
// batch is complete only its ids and why it was refused remain.
type batchRow struct {
	ID          string
	Order       string
	Operation   string      `json:",omitempty"`
	Reference   string      `json:",omitempty"`
	Amount      int64       `json:",omitempty"` // minor units
	Currency    string      `json:",omitempty"`
	Source      string      `json:",omitempty"`
	Stored      string      `json:",omitempty"`
	Agreement   string      `json:",omitempty"`
	ReferenceTo string      `json:",omitempty"`
	Target      string      `json:",omitempty"`
	Card        string      `json:",omitempty"` // masked
	Token       string      `json:",omitempty"`
	Expiry      string      `json:",omitempty"`
	Digest      uint64      `json:",omitempty"`
	Refused     *refusedRow `json:",omitempty"`
}

// refusedRow is why a row was not carried out.
type refusedRow struct {
	Field, Kind, Explanation string
	Busy                     bool `json:",omitempty"` // the gateway could not, for now
}

func refusedFor(err error) *refusedRow {
	var why *invalid
	if errors.As(err, &why) {
		return &refusedRow{Field: why.field, Kind: why.kind, Explanation: why.explanation}
	}
	return &refusedRow{Busy: true}
}

func (r *refusedRow) err() error {
	if r.Busy {
		return errFull
	}
	return &invalid{field: r.Field, kind: r.Kind, explanation: r.Explanation}
}

func rowOf(p *payment) batchRow {
	return batchRow{
		ID: p.id, Order: p.order, Operation: p.operation, Reference: p.reference, Amount: p.amount.Minor, Currency: string(p.amount.Currency),
		Source: p.source, Stored: p.stored, Agreement: p.agreement, ReferenceTo: p.referenceTo, Target: p.target,
		Card: p.card, Token: p.token, Expiry: p.expiry, Digest: p.digest,
	}
}

func (r *batchRow) payment() *payment {
	return &payment{
		id: r.ID, order: r.Order, operation: r.Operation, reference: r.Reference, amount: money.Amount{Minor: r.Amount, Currency: money.Currency(r.Currency)},
		source: r.Source, stored: r.Stored, agreement: r.Agreement, referenceTo: r.ReferenceTo, target: r.Target,
		card: r.Card, token: r.Token, expiry: r.Expiry, digest: r.Digest,
	}
}

// batches are those of the account. Their lock is held by what changes the set, and shared by
// a worker while it carries out a row, so that Hold stops workers between two rows.
type batches struct {
	sync.RWMutex
	byName map[string]*batch
	rows   int64 // of all batches
	slots  chan struct{}
	resume sync.Once // of what a state file left unfinished
}

func newBatches() batches {
	return batches{byName: map[string]*batch{}, slots: make(chan struct{}, workers)}
}

// clear forgets every batch; the lock is held. Workers see that their batch is gone.
func (s *batches) clear() { s.byName, s.rows = map[string]*batch{}, 0 }

func (s *batches) find(name string) *batch {
	s.RLock()
	defer s.RUnlock()
	return s.byName[name]
}

// apply carries out an event; the lock is held, or nothing is shared yet.
func (s *batches) apply(e *batchEvent) error {
	b := s.byName[e.Name]
	switch {
	case e.Uploaded != 0:
		b = &batch{batchEvent: *e}
		b.lastAction.Store(e.Uploaded)
		s.byName[e.Name] = b
		s.rows += int64(len(e.Rows))
	case b == nil:
		return errNoBatch
	case e.Validated:
		b.validated.Store(true)
	case e.Completed != 0:
		for i := range b.Rows {
			r := &b.Rows[i]
			*r = batchRow{ID: r.ID, Order: r.Order}
			if refused, ok := e.Refused[i]; ok {
				r.Refused = &refused
				if refused.Busy {
					b.failed.Add(1)
				}
			}
		}
		b.processed.Store(int64(len(b.Rows)))
		b.lastAction.Store(e.Completed)
		b.completed.Store(e.Completed)
	}
	return nil
}

var errNameUsed = errors.New("a batch of this name exists")

func (s *batches) upload(g *Gateway, e *batchEvent) (*batch, error) {
	s.Lock()
	defer s.Unlock()
	if s.byName[e.Name] != nil {
		return nil, errNameUsed
	}
	if s.rows+int64(len(e.Rows)) > g.stage.Options.MaxOrders {
		return nil, errFull
	}
	if err := g.stage.Append(g, &event{Batch: e}); err != nil {
		return nil, err
	}
	if err := s.apply(e); err != nil {
		return nil, err
	}
	return s.byName[e.Name], nil
}

// validate lets a batch be worked off.
func (s *batches) validate(g *Gateway, b *batch) error {
	s.Lock()
	defer s.Unlock()
	if !b.validated.Load() {
		e := &batchEvent{Name: b.Name, Validated: true}
		if err := g.stage.Append(g, &event{Batch: e}); err != nil {
			return err
		}
		if err := s.apply(e); err != nil {
			return err
		}
	}
	g.startBatch(b)
	return nil
}

// resumeBatches goes on with what the last program left unfinished.
func (g *Gateway) resumeBatches() {
	g.batches.RLock()
	defer g.batches.RUnlock()
	for _, b := range g.batches.byName {
		if b.validated.Load() && b.completed.Load() == 0 {
			g.startBatch(b)
		}
	}
}

// startBatch works a batch off, once, after the answer to its validation has left.
func (g *Gateway) startBatch(b *batch) {
	if b.started.Swap(true) || b.completed.Load() != 0 {
		return
	}
	g.stage.Later(func() {
		g.batches.slots <- struct{}{}
		defer func() { <-g.batches.slots }()
		refused := map[int]refusedRow{}
		for i := range b.Rows {
			if !g.carryOutRow(b, i, refused) {
				return
			}
		}
		g.completeBatch(b, refused)
	})
}

// carryOutRow carries out one row; false when the batch has been forgotten.
func (g *Gateway) carryOutRow(b *batch, i int, refused map[int]refusedRow) bool {
	g.batches.RLock()
	defer g.batches.RUnlock()
	if g.batches.byName[b.Name] != b {
		return false
	}
	r := &b.Rows[i]
	switch {
	case r.Refused != nil: // its form was wrong
		refused[i] = *r.Refused
	case b.Shown == stage.UnknownCode:
		// A decline: nothing is done.
	default:
		if err := g.carryOut(r.payment(), func(*order, *transaction) {}); err != nil {
			g.stage.Counts.Refusals.Add(1)
			refused[i] = *refusedFor(err)
		}
	}
	b.processed.Add(1)
	b.lastAction.Store(g.now())
	return true
}

// completeBatch ends a batch. When the state file fails it stays unfinished, and a later
// program goes on with it.
func (g *Gateway) completeBatch(b *batch, refused map[int]refusedRow) {
	g.batches.Lock()
	defer g.batches.Unlock()
	if g.batches.byName[b.Name] != b {
		return
	}
	e := &batchEvent{Name: b.Name, Completed: g.now(), Refused: refused}
	if g.stage.Append(g, &event{Batch: e}) == nil {
		_ = g.batches.apply(e) // the batch is there
	}
}
